"""A node that says its secret aloud, in every way that it has: none of it is in the history of the run."""

import base64
import json
import logging
import sys
import uuid
from datetime import timedelta
from io import StringIO
from urllib.parse import quote_plus

import pytest
from temporalio.client import Client

from resolute import SecretText, TerminalError, current_call, flow, manual, node, secret
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.context import CallContext
from resolute.plan.errors import NodeFailedError
from resolute.plan.values import Json
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import temporal_worker
from resolute_worker.logs import mask_handlers
from tests.keys import KEYS

LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"
TOKEN = 'p+w/ "rosebud\\kumquat'
VARIABLES = {"TOKEN": f"{TOKEN}\n", "KEY": f"-----BEGIN KEY-----\n{LINE}\n-----END KEY-----\n"}
FETCHED = "token-that-was-fetched-in-the-run"
TRACES = (
    *VARIABLES.values(),
    TOKEN,
    TOKEN[:6],
    "rosebud",
    "kumquat",
    LINE,
    LINE[8:24],
    FETCHED,
    base64.b64encode(b"rosebud").decode()[:8],
)


class Refused(TerminalError):  # noqa: N818  # what an author may call theirs
    """An error of an author's own."""


@node
async def tell(how: str, token: SecretText, key: SecretText) -> str:
    """Tells its secrets."""
    bare = token.strip()
    match how:
        case "exit":
            sys.exit(f"no luck with {token}")
        case "type":
            raise type(f"Refused_{bare}", (Refused,), {})("no luck")
        case "without a line break":
            raise Refused(f"no luck with {bare}!")
        case "quoted":
            raise Refused(f"GET /?token={quote_plus(bare)}")
        case "escaped":
            raise Refused(f"{json.dumps({'token': bare})} {bare!r} {bare.encode()!r}")
        case "encoded":
            raise Refused(f"Authorization: Basic {base64.b64encode(f'ada:{bare}'.encode()).decode()}")
        case "line":
            raise Refused(f"no key: {key.splitlines()[1]!r}")
        case "fetched":
            current_call().keep_secret(FETCHED)
            raise Refused(f"401 for {FETCHED}")
        case "chained far back":
            try:
                raise LookupError("x" * 194 + bare)
            except LookupError as error:
                raise Refused("no luck") from error
        case "chained":
            try:
                raise LookupError(bare)
            except LookupError as error:
                raise Refused("no luck") from error
        case _:
            return f"sent with {bare}"


WAYS = [
    "exit",
    "type",
    "without a line break",
    "quoted",
    "escaped",
    "encoded",
    "line",
    "fetched",
    "chained",
    "chained far back",
    "result",
]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("lane", ["activity", "local"])
async def test_no_secret_is_in_a_history(temporal_client: Client, how: str, lane: str) -> None:
    """Whatever a node raises or returns, what Temporal records of it holds no secret, and says what went wrong."""
    step = tell(how, secret("TOKEN"), secret("KEY")).retry(1)
    step = step.lane("local") if lane == "local" else step
    built = flow(f"tell-{uuid.uuid4().hex[:8]}").triggered_by(manual("tell")).then(step.as_("told")).build()
    activities = Activities([built], NodeExecutor.for_flows([built], environment=Environment(VARIABLES)), KEYS)
    async with temporal_worker(temporal_client, activities, task_queue=built.name, graceful_shutdown=timedelta(0)):
        run = await start_run(temporal_client, built.plan, task_queue=built.name, keys=KEYS)
        with pytest.raises(NodeFailedError) as failed:
            await run.result()
        history = (await run.handle.fetch_history()).to_json()
    recorded = history + str(failed.value) + "".join(_decoded(json.loads(history)))

    assert "told" == failed.value.step
    assert [] == [trace for trace in TRACES if trace in recorded]
    assert failed.value.error_type == {
        "exit": "SystemExit", "type": "Refused_***", "result": "SecretInResultError"
    }.get(how, "Refused")  # fmt: skip


def _decoded(value: Json) -> list[str]:
    """Every payload of a history as the text that it holds."""
    if isinstance(value, dict):
        own = [base64.b64decode(str(value["data"])).decode(errors="replace")] if "data" in value else []
        return own + [text for inner in value.values() for text in _decoded(inner)]
    return [text for inner in value for text in _decoded(inner)] if isinstance(value, list) else []


async def test_heartbeats_hold_no_secret() -> None:
    """They are recorded as well; what only looks like a secret goes on to the next attempt as it is."""

    @node
    async def beat(token: SecretText) -> None:
        current_call().heartbeat({"token": [token]}, "page 7", "critical")

    beats: list[tuple[Json, ...]] = []
    call = CallContext(flow="f", run_id="r", step="s", node="beat", heartbeat=lambda *details: beats.append(details))
    environment = Environment(VARIABLES)
    environment.remember(["critical"])
    await NodeExecutor([beat("").definition], environment=environment).execute(call, {"token": {"$secret": "TOKEN"}})

    assert [("***", "page 7", "critical")] == beats


def test_handlers_that_were_there_before_are_masked() -> None:
    """A program that has set up its own logs gets its own lines, without a secret, tracebacks included."""
    environment, lines = Environment(VARIABLES), StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logging.Formatter("%(levelname)s|%(message)s|%(chat)s"))
    logger = logging.getLogger("an-author.of-nodes")
    logger.addHandler(handler)
    try:
        mask_handlers(environment)
        mask_handlers(environment)
        environment.read("$secret", "TOKEN")
        try:
            raise LookupError(f"no {TOKEN}")
        except LookupError:
            logger.exception("failed with %s", TOKEN, extra={"chat": f"?token={quote_plus(TOKEN)}"})
    finally:
        logger.removeHandler(handler)

    assert lines.getvalue().startswith("ERROR|failed with ***|?token=***\n")
    assert "LookupError: no ***" in lines.getvalue()
    assert "rosebud" not in lines.getvalue()
