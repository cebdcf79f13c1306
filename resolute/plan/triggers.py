"""What starts a flow: a schedule, a webhook, a heartbeat, a person, a failed run. Data only: no clock, no socket.

Authors write `schedule`, `every`, `webhook`, `heartbeat`, `manual` and `failed_runs`. Mistakes in a trigger
are not raised where it is written: `problems()` lists them, and `build()` reports them together with all other mistakes
in the flow.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from resolute.plan import cron as crons
from resolute.plan.beats import Heartbeat, MissedBeat
from resolute.plan.failed_runs import MOST_TOLD, TOLD_PER, FailedRun, FailedRuns
from resolute.plan.keyed import Keyed, WhileRunning, keyed_by
from resolute.plan.lengths import every as often
from resolute.plan.lengths import length
from resolute.plan.once import ByField, ByHeader, Once, name_of
from resolute.plan.paths import Complaint, path_problems
from resolute.plan.told import Told, told_by
from resolute.plan.values import Json
from resolute.plan.verification import Verification

Overlap: TypeAlias = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"]
"""What happens when a run is due while the previous one is still running. Temporal's ScheduleOverlapPolicy by name."""

CATCHUP: Final = timedelta(hours=1)
"""How late a run may start after Temporal itself was down, unless the author says otherwise.

Temporal's own default is a year: after an outage every missed run would start, and last night's health check helps
nobody. An hour covers the restart or upgrade of a server, so that it does not cost a nightly job.
"""

MAX_BODY: Final = 1_572_864
"""The largest `max_bytes`: a body is part of the start of its run, which must stay below Temporal's 2 MiB."""

_SHORTEST_CATCHUP: Final = 10
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+")


class Schedule(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """Runs of a flow at certain times: those of `cron` in `timezone`, or at an interval counted from 1970 (UTC).

    Source: Temporal's Schedule (spec and policies).
    """

    kind: Literal["schedule"] = "schedule"
    cron: str | None = None
    every_seconds: float | None = None
    offset_seconds: float = 0
    timezone: str = "UTC"
    jitter_seconds: float = 0
    overlap: Overlap = "skip"
    catchup_seconds: float = CATCHUP.total_seconds()
    paused: bool = False

    @property
    def keeps_previous(self) -> bool:
        """Whether a run can read values of the previous run: not if several runs may run at the same time."""
        return self.overlap != "allow_all"

    @property
    def text(self) -> str:
        """The schedule in a few words, for lists.

        >>> schedule("0 9 * * mon-fri", timezone="Europe/Paris").trigger.text
        '0 9 * * mon-fri Europe/Paris'
        """
        if self.cron is not None:
            return f"{self.cron} {self.timezone}"
        offset = f" + {length(self.offset_seconds)}" if self.offset_seconds else ""
        return f"{often(self.every_seconds or 0)}{offset}"

    def next_times(self, after: datetime, count: int) -> list[datetime]:
        """The next `count` times after a time (with zone), before jitter, in the schedule's time zone.

        Raises:
            CronError: the cron text cannot be used; `problems()` says the same.
        """
        if self.cron is not None:
            return crons.next_times(self.cron, self.timezone, after, count)
        period = int(self.every_seconds or 0)
        first = (int(after.timestamp() - self.offset_seconds) // period + 1) * period + int(self.offset_seconds)
        return [self.localised(datetime.fromtimestamp(first + turn * period, UTC)) for turn in range(count)]

    def localised(self, at: datetime) -> datetime:
        """A time (with zone) in the schedule's time zone."""
        return at.astimezone(ZoneInfo(self.timezone))

    def problems(self) -> list[Complaint]:
        """Every mistake in this schedule, each with what to do about it."""
        if (self.cron is None) == (self.every_seconds is None):
            which = "neither a cron text nor an interval" if self.cron is None else "both a cron text and an interval"
            return [(which, "use schedule(...) or every(...)")]
        found = self._cron_problems() if self.cron is not None else self._interval_problems()
        if self.jitter_seconds < 0:
            found.append(("jitter is negative", "jitter only delays a start; give a length of time, or none"))
        if self.catchup_seconds < _SHORTEST_CATCHUP:
            found.append(("catchup is less than 10 seconds", "Temporal takes 10 seconds or more"))
        return found

    def _cron_problems(self) -> list[Complaint]:
        try:
            crons.translate(self.cron or "", self.timezone)
        except crons.CronError as error:
            return [(error.reason, error.hint)]
        return []

    def _interval_problems(self) -> list[Complaint]:
        every, offset = self.every_seconds or 0, self.offset_seconds
        found: list[Complaint] = []
        if every < 1 or every % 1:
            found.append((f"an interval of {every:g} seconds", "give whole seconds, at least one"))
        if offset % 1 or not 0 <= offset < max(every, 1):
            found.append((f"an offset of {offset:g} seconds", "give whole seconds, from 0 to less than the interval"))
        return found


class Webhook(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """Runs of a flow for HTTP requests to a path. The request's JSON body is the run's input.

    `verify` says how a delivery proves its origin: `scheme` names a verification that the worker knows, the rest are
    the settings of that scheme. Secrets in it are references (`{"$secret": NAME}`), never values.
    Deliveries are identified by the input field that `once` names, by the header `delivery_id_header`, or by their
    bodies; if `once` is "never", each delivery is a new one.
    With `keyed` at most one run of a key goes on, and with `told` that run is told of further deliveries.
    `input_schema` is the JSON Schema of the body; `None` accepts any JSON object.
    """

    kind: Literal["webhook"] = "webhook"
    path: str
    verify: dict[str, JsonValue]
    delivery_id_header: str | None = None
    once: tuple[str | int, ...] | Literal["never"] | None = None
    max_bytes: int = 1_048_576
    input_schema: dict[str, JsonValue] | None = None
    keyed: Keyed | None = None
    told: Told | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Plans from before there was a choice keep their form, and with it their fingerprint.
        dumped: dict[str, Any] = dump(self)
        unsaid = [name for name in ("once", "keyed", "told") if getattr(self, name) is None]
        return {key: value for key, value in dumped.items() if key not in unsaid}

    @property
    def text(self) -> str:
        """The webhook in a few words, for lists."""
        keyed = f", {self.keyed.text}" if self.keyed else ""
        return f"POST {self.path} ({self.verify.get('scheme')}){keyed}"

    def delivery_id(
        self, headers: Mapping[str, str], body: bytes, *, value: Json = None, signed: bytes | None = None
    ) -> str | None:
        """The name of a delivery, which is the same when it is redelivered; None if each delivery is a new one.

        A name that cannot be part of a workflow id is replaced by its digest. Header names are compared ignoring
        case.

        Args:
            headers: the request's headers.
            body: the raw body.
            value: the input that was read from it.
            signed: what the sender's signature covers. A header outside it identifies nothing: the name of a
                signed delivery is the digest of what is signed, or a field in it.
        """
        found: str | None = None
        if self.once == "never":
            return None
        if self.once is not None:
            for key in self.once:
                value = value.get(str(key)) if isinstance(value, Mapping) else None
            found = name_of(value)
        elif self.delivery_id_header and signed is None:
            wanted = self.delivery_id_header.lower()
            found = name_of(next((given for name, given in headers.items() if name.lower() == wanted), None))
        return found or hashlib.sha256(body if signed is None else signed).hexdigest()

    def problems(self) -> list[Complaint]:
        """Every mistake in this webhook, each with what to do about it."""
        found = path_problems(self.path, "/hooks/deploys")
        if not self.verify.get("scheme"):
            found.append(("verify names no scheme", "use hmac_sha256(...), bearer_token(...) or unverified()"))
        if self.verify.get("scheme") == "path_token":
            hint = "use hmac_sha256(...), bearer_token(...) or unverified()"
            found.append(("path_token(...) is for heartbeats", hint))
        if not 0 < self.max_bytes <= MAX_BODY:
            found.append((f"max_bytes of {self.max_bytes:,}", f"give 1 to {MAX_BODY:,}"))
        if self.delivery_id_header is not None and not _HEADER.fullmatch(self.delivery_id_header):
            found.append((f"once by header {self.delivery_id_header!r}", "give the name of an HTTP header"))
        return found


class Manual(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """Runs of a flow that a person or a program requests, with the JSON Schema of their input."""

    kind: Literal["manual"] = "manual"
    id: str
    input_schema: dict[str, JsonValue] | None = None

    @property
    def text(self) -> str:
        """The trigger in a few words, for lists."""
        return f"manual {self.id}"

    def problems(self) -> list[Complaint]:
        """Every mistake in this trigger, each with what to do about it."""
        if _NAME.fullmatch(self.id):
            return []
        return [(f"id {self.id!r}", "start with a letter or digit, continue with letters, digits, . _ -")]


Trigger: TypeAlias = Annotated[Schedule | Webhook | Heartbeat | Manual | FailedRuns, Field(discriminator="kind")]


@dataclass(frozen=True)
class TriggerSpec:
    """A trigger as its author wrote it: data for the plan, plus the model of the input and any mistakes."""

    trigger: Schedule | Webhook | Heartbeat | Manual | FailedRuns
    input_type: type[BaseModel] | None = None
    problems: tuple[Complaint, ...] = ()


def schedule(
    cron: str,
    *,
    timezone: str = "UTC",
    jitter: timedelta | None = None,
    overlap: Overlap = "skip",
    catchup: timedelta = CATCHUP,
    paused: bool = False,
) -> TriggerSpec:
    """Run the flow at the times of a cron text, read as croniter reads it (see `resolute.plan.cron`).

    Args:
        cron: five fields: minute, hour, day of month, month, day of week; or `@hourly` and so on.
        timezone: an IANA name; the fields are local time there.
        jitter: each start is delayed by up to this, so that many flows do not start in the same second.
        overlap: what to do when the previous run has not ended.
        catchup: how late a run may start after Temporal was down; see `CATCHUP` for the default.
        paused: whether the schedule is created paused. Pausing or resuming it later is not overruled.

    >>> schedule("*/5 * * * *").trigger.text
    '*/5 * * * * UTC'
    """
    trigger = Schedule(
        cron=cron,
        timezone=timezone,
        jitter_seconds=_seconds(jitter),
        overlap=overlap,
        catchup_seconds=catchup.total_seconds(),
        paused=paused,
    )
    return TriggerSpec(trigger)


def every(
    interval: timedelta,
    *,
    offset: timedelta | None = None,
    jitter: timedelta | None = None,
    overlap: Overlap = "skip",
    catchup: timedelta = CATCHUP,
    paused: bool = False,
) -> TriggerSpec:
    """Run the flow each time an interval has passed, counted from 1970-01-01 00:00 UTC plus `offset`.

    Intervals do not know days or daylight saving time: every(timedelta(days=1)) is midnight UTC. The other arguments
    are those of `schedule`.

    >>> every(timedelta(minutes=90)).trigger.text
    'every 1 hour 30 minutes'
    """
    trigger = Schedule(
        every_seconds=interval.total_seconds(),
        offset_seconds=_seconds(offset),
        jitter_seconds=_seconds(jitter),
        overlap=overlap,
        catchup_seconds=catchup.total_seconds(),
        paused=paused,
    )
    return TriggerSpec(trigger)


def webhook(
    path: str,
    *,
    verify: Verification,
    input: type[BaseModel] | None = None,  # noqa: A002  # the word that authors know from manual() and input_data()
    once: Once | None = "body",
    key: object = None,
    while_running: WhileRunning | None = None,
    event: object = None,
    event_data: object = None,
    starts: object = None,
    max_bytes: int = 1_048_576,
) -> TriggerSpec:
    """Run the flow for each delivery to a path of the worker's webhook server.

    Args:
        path: such as "/hooks/deploys".
        verify: `hmac_sha256(...)`, `bearer_token(...)` or a provider's own; `unverified()` for none.
        input: the model of the body; the run's input is checked against it.
        once: what identifies a delivery; a redelivered one starts nothing. By default the body, else
            `by_field(input_data("event.id"))` or `by_header("X-Delivery")`. None: each delivery starts a run, even a
            redelivered one.
        key: a field of the input: at most one run for each of its values goes on at a time.
        while_running: what happens to a delivery while a run of its key goes on. `"queue"`, unless said otherwise: it
            waits, and starts in its turn; `"skip"`: it starts nothing; `"replace"`: the run is cancelled and undone,
            then the delivery starts; `"tell"`: the run is told of it, as an event that `wait_for` waits for.
        event: for `"tell"`: the name of the event, or the field of the input that names it.
        event_data: for `"tell"`: the field of the input that is the event; without it, all of the input.
        starts: for `"tell"`: a condition on the input. Deliveries for which it does not hold start no run.
        max_bytes: larger bodies are refused.

    >>> from resolute import hmac_sha256, secret
    >>> github = hmac_sha256(secret("GITHUB_WEBHOOK_SECRET"), header="X-Hub-Signature-256", prefix="sha256=")
    >>> webhook("/hooks/github", verify=github).trigger.text
    'POST /hooks/github (hmac_sha256)'
    """
    trigger = Webhook(
        path=path,
        verify=verify.model_dump(mode="json"),
        delivery_id_header=once.name if isinstance(once, ByHeader) else None,
        once="never" if once is None else once.path if isinstance(once, ByField) else None,
        max_bytes=max_bytes,
        input_schema=_schema(input),
    )
    keyed = keyed_by(key, while_running, "webhook(...)")
    told, mistakes = told_by(keyed.keyed, event, event_data, starts)
    trigger = trigger.model_copy(update={"keyed": keyed.keyed, "told": told})
    return TriggerSpec(trigger, input, (*_problems_of(once, verify), *keyed.problems, *mistakes))


def _problems_of(once: object, verify: Verification) -> Iterator[Complaint]:
    """Mistakes in how deliveries are identified that the plan does not show."""
    match once:
        case ByHeader() if verify.signs_body:
            yield (
                f"once by header {once.name!r}, which {verify.scheme} does not sign",
                "a captured delivery could come again under another name: leave `once` out, or use by_field(...)",
            )
        case ByField(None):
            yield "once by a field that is not a field of the input", 'write by_field(input_data("event.id"))'
        case ByHeader() | ByField() | "body" | None:
            return
        case _:
            yield f"once={once!r}", 'use by_header("..."), by_field(input_data("...")), "body" or None'


def heartbeat(
    path: str,
    *,
    every: timedelta,
    verify: Verification,
    grace: timedelta = timedelta(minutes=5),
    remind: timedelta | None = None,
    recovered: bool = False,
    first_within: timedelta | None = None,
) -> TriggerSpec:
    """Run the flow when something outside has not requested a path of the worker's HTTP server in time.

    A beat is a GET, HEAD or POST: `curl -fsS --retry 5 http://worker:8080/beat/backup` at the end of a script. The
    run's input is a `MissedBeat`. One run starts for an outage, however long it lasts.

    Args:
        path: such as "/beat/backup". It names the heartbeat: a flow may have several.
        every: how often it beats.
        verify: `bearer_token(...)`, `path_token(...)` where only the address can hold the secret, or `unverified()`.
        grace: how late a beat may be.
        remind: another run starts each time that this has passed while the beat is still missing.
        recovered: a run starts also when the beat is back, with `state="recovered"`.
        first_within: when the first beat is due, counted from the deployment. Without it, the first one is waited for.

    >>> from datetime import timedelta
    >>> from resolute import unverified
    >>> heartbeat("/beat/backup", every=timedelta(hours=24), verify=unverified()).trigger.text
    'heartbeat /beat/backup (unverified), every day, grace 5 minutes'
    """
    trigger = Heartbeat(
        path=path,
        every_seconds=every.total_seconds(),
        grace_seconds=grace.total_seconds(),
        verify=verify.model_dump(mode="json"),
        remind_seconds=_seconds(remind),
        recovered=recovered,
        first_within_seconds=None if first_within is None else first_within.total_seconds(),
    )
    return TriggerSpec(trigger, MissedBeat)


def manual(
    id: str,  # noqa: A002  # what it is
    *,
    input: type[BaseModel] | None = None,  # noqa: A002  # see webhook
) -> TriggerSpec:
    """Run the flow on request: by `resolute run`, another program or an agent.

    >>> class Order(BaseModel):
    ...     service: str
    >>> sorted(manual("restart", input=Order).trigger.input_schema["properties"])
    ['service']
    """
    return TriggerSpec(Manual(id=id, input_schema=_schema(input)), input)


def failed_runs(*flows: str, at_most: int = MOST_TOLD, per: timedelta = TOLD_PER) -> TriggerSpec:
    """Run the flow once for each run that has failed, timed out or been terminated; `FailedRun` is its input.

    It is told of the runs of every flow of its task queue, or of the flows that are named, and also of those that
    failed while no worker was there. It is not told of its own runs, of runs that were started for a failed run, of
    runs that are steps of another one, which fails with them, and of dry runs.

    Args:
        flows: the names of the flows.
        at_most: how many failed runs start a run each, in any stretch of time of the length `per`. Those beyond are
            told of in one run, when `per` has passed: its input counts them.
        per: that length.

    >>> failed_runs("nightly-backup").trigger.text
    'failed runs of nightly-backup'
    """
    trigger = FailedRuns(flows=flows, at_most=at_most, per_seconds=per.total_seconds())
    return TriggerSpec(trigger, FailedRun)


def _schema(model: type[BaseModel] | None) -> dict[str, JsonValue] | None:
    return None if model is None else cast("dict[str, JsonValue]", _ordered(model.model_json_schema()))


def _ordered(schema: Any) -> Any:
    """A schema in which the default of a set has a fixed order: Python's own differs in each process."""
    if isinstance(schema, list):
        return [_ordered(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = {name: _ordered(item) for name, item in cast("dict[str, Any]", schema).items()}
    if fields.get("uniqueItems") is True and isinstance(fields.get("default"), list):
        fields["default"] = sorted(fields["default"], key=lambda item: json.dumps(item, sort_keys=True))
    return fields


def _seconds(length: timedelta | None) -> float:
    return 0 if length is None else length.total_seconds()
