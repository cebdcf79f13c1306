"""Where the keys that seal plans come from, and that they stay where they belong."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from resolute.plan.errors import ConfigurationError
from resolute.temporal.trust.seals import NO_KEYS, SHORTEST_KEY, PlanKeys
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.keys import (
    KEY_FILE,
    announce,
    keys_for_client,
    keys_for_worker,
    keys_of_embedded,
)
from resolute_worker.settings import Settings, load_settings
from tests.keys import KEY
from tests.worker.listing import listed
from tests.worker.processes import resolute, started

FLOW = """
from resolute import flow, manual, node

@node
async def say(word: str) -> str:
    return word

greeting = flow("greeting").triggered_by(manual("greet")).then(say("BEFORE").as_("said")).build()
"""


def embedded(folder: Path, **given: object) -> Settings:
    return load_settings(embedded=True, state_dir=folder, **given)


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """However many processes start at the same time on one folder, they have one key, which only their user reads."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(keys_of_embedded, [embedded(tmp_path / "state")] * 16))

    assert 1 == len({keys.sealing_id for keys in found})
    assert [KEY_FILE] == [file.name for file in (tmp_path / "state").iterdir()]
    assert 0o600 == stat.S_IMODE((tmp_path / "state" / KEY_FILE).stat().st_mode)
    assert len((tmp_path / "state" / KEY_FILE).read_text().strip()) >= SHORTEST_KEY


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """It proves nothing any more; the message names the file and what to do."""
    keys_of_embedded(embedded(tmp_path))
    (tmp_path / KEY_FILE).chmod(0o644)

    with pytest.raises(ConfigurationError, match=r"plan\.keys can be read or written by other users.*delete it"):
        keys_of_embedded(embedded(tmp_path))


def test_an_empty_key_file_is_refused(tmp_path: Path) -> None:
    """A key is never made up over a file that is there."""
    keys_of_embedded(embedded(tmp_path))
    (tmp_path / KEY_FILE).write_text("\n")

    with pytest.raises(ConfigurationError, match="contains no key"):
        keys_of_embedded(embedded(tmp_path))


def test_the_variable_goes_before_the_file(tmp_path: Path) -> None:
    """With RESOLUTE_PLAN_KEYS its first key seals; what is sealed with the file's key stays good."""
    own = keys_of_embedded(embedded(tmp_path))
    both = keys_of_embedded(embedded(tmp_path, plan_keys=f"{KEY}, {KEY}-too"))

    assert PlanKeys((SecretStr(KEY),)).sealing_id == both.sealing_id
    assert 3 == len(both.ids)
    assert own.ids < both.ids


@pytest.mark.parametrize("value", ["too-short", f"{KEY},too-short"])
def test_a_short_key_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The message names the variable and how to make a key, and shows none."""
    monkeypatch.setenv("RESOLUTE_PLAN_KEYS", value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()

    assert str(refused.value).startswith("RESOLUTE_PLAN_KEYS: a key has fewer than 32 characters")
    assert "openssl rand -hex 32" in str(refused.value)
    assert not [part for part in value.split(",") if part in str(refused.value)]


def test_keys_are_not_shown() -> None:
    """No representation of the settings or of the keys holds one."""
    settings = load_settings(plan_keys=KEY)

    assert KEY not in repr(settings)
    assert KEY not in repr(PlanKeys(settings.plan_keys))
    assert KEY not in settings.model_dump_json()


async def test_whose_key_it_is(tmp_path: Path, server: EmbeddedServer) -> None:
    """A command takes the key of the server that it talks to, and no other; a worker without it does not start."""
    client = await Client.connect(server.address)
    ours, elsewhere = embedded(tmp_path / "ours"), Settings(state_dir=tmp_path / "elsewhere")
    before = await keys_for_worker(client, Settings(state_dir=tmp_path / "ours"))
    keys = keys_of_embedded(ours)
    unannounced = await keys_for_client(client, Settings(state_dir=tmp_path / "ours"))
    await announce(client, keys)
    try:
        beside = await keys_for_worker(client, Settings(state_dir=tmp_path / "ours"))
        stranger = await keys_for_client(client, elsewhere)
        with pytest.raises(ConfigurationError, match=r"sealed with key [0-9a-f]{8}.*RESOLUTE_STATE_DIR"):
            await keys_for_worker(client, elsewhere)
    finally:
        await announce(client, NO_KEYS)

    assert [NO_KEYS, NO_KEYS, NO_KEYS] == [before, unannounced, stranger]
    assert keys == beside


async def test_a_command_runs_what_is_deployed(tmp_path: Path) -> None:
    """`resolute run` starts the deployed plan, without any file; `--local` that of the file, with their difference."""
    (tmp_path / "flows").mkdir()
    file = tmp_path / "flows" / "greeting.py"
    file.write_text(FLOW)
    free = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_EMBEDDED_PORT": "0"}
    async with started("worker", "--embedded", folder=tmp_path, **free) as worker:
        await worker.url()
        place = {"TEMPORAL_ADDRESS": await worker.temporal()}
        file.write_text(FLOW.replace("BEFORE", "AFTER"))
        deployed = await resolute("run", "greeting", "--json", folder=tmp_path, **place)
        await listed(await Client.connect(place["TEMPORAL_ADDRESS"]), json.loads(deployed[1])["run"])
        local = await resolute("run", "greeting", "--local", "--json", folder=tmp_path, **place)
        file.unlink()
        again = await resolute("run", "greeting", "--json", folder=tmp_path, **place)
        file.write_text(FLOW)
        elsewhere = str(tmp_path / "elsewhere")
        keyless = await resolute("run", "greeting", "--local", folder=tmp_path, **place, RESOLUTE_STATE_DIR=elsewhere)
        await worker.stopped()

    assert [0, 0, 0, 2] == [deployed[0], local[0], again[0], keyless[0]]
    said = [json.loads(printed)["result"]["said"] for _, printed, _ in (deployed, local, again)]
    assert ["BEFORE", "AFTER", "BEFORE"] == said
    changes = [line.strip() for line in local[2].splitlines() if line.strip().startswith(("-", "+"))]
    assert ["BEFORE", "AFTER"] == [word for line in changes for word in ("BEFORE", "AFTER") if word in line]
    assert f"as in its latest run, {json.loads(deployed[1])['run']}" in local[2]
    assert "run the deployed plan: resolute run greeting" in keyless[2]
