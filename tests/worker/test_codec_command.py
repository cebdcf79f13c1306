"""The codec endpoint: Temporal's own pages read values through it, and nobody else's do."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from resolute.temporal.values.ciphers import EncryptingCodec, PayloadKeys
from resolute_worker.codec_app import codec_app
from tests.keys import PAYLOAD_KEY
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

PAGES = "http://localhost:8233"
BODY = {"payloads": [{"metadata": {"encoding": base64.b64encode(b"json/plain").decode()}, "data": "ImhpIg=="}]}


def browser(token: str | None = None, host: str = "127.0.0.1:8234") -> httpx.AsyncClient:
    """A client of the application, as it would reach it at a host."""
    codec = EncryptingCodec(PayloadKeys.of([SecretStr(PAYLOAD_KEY)]))
    app = codec_app(codec, token=token)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}", headers={"origin": PAGES})


@pytest.fixture
async def page() -> AsyncIterator[httpx.AsyncClient]:
    async with browser() as page:
        yield page


async def test_pages_of_temporal_read_and_write_through_it(page: httpx.AsyncClient) -> None:
    """What is encoded comes back decoded, in the form and with the headers that a browser needs."""
    asked = {"access-control-request-method": "POST", "access-control-request-private-network": "true"}
    before = await page.options("/decode", headers=asked)
    encoded = await page.post("/encode", json=BODY, headers={"x-namespace": "default"})
    decoded = await page.post("/decode", json=encoded.json())

    assert BODY == decoded.json()
    assert "hi" not in str(encoded.json())
    assert (204, PAGES, "POST", "content-type,x-namespace,authorization", "true") == (
        before.status_code,
        *(before.headers[f"access-control-{name}"] for name in ("allow-origin", "allow-methods", "allow-headers")),
        before.headers["access-control-allow-private-network"],
    )
    assert (PAGES, "no-store") == (decoded.headers["access-control-allow-origin"], decoded.headers["cache-control"])


async def test_other_pages_read_nothing(page: httpx.AsyncClient) -> None:
    """Neither a page from elsewhere, nor one whose own name has come to mean this machine."""
    elsewhere = await page.post("/decode", json=BODY, headers={"origin": "https://evil.example"})
    async with browser(host="evil.example:8234") as rebound:
        under_its_name = await rebound.post("/decode", json=BODY)

    assert (403, 403) == (elsewhere.status_code, under_its_name.status_code)
    assert "access-control-allow-origin" not in elsewhere.headers
    assert "payloads" not in elsewhere.text + under_its_name.text


async def test_a_token_is_asked_of_everybody() -> None:
    """With a token nobody reads without it; a browser may still ask whether it may send one."""
    async with browser(token="good") as page:
        answers = [
            await page.post("/decode", json=BODY),
            await page.post("/decode", json=BODY, headers={"authorization": "Bearer bad"}),
            await page.post("/decode", json=BODY, headers={"authorization": "Bearer good"}),
            await page.options("/decode"),
        ]

    assert [401, 401, 200, 204] == [answer.status_code for answer in answers]


async def test_what_cannot_be_read_is_said(page: httpx.AsyncClient) -> None:
    """A body of another form and a value of another key are answered in words; a huge one is not read."""
    other = EncryptingCodec(PayloadKeys.of([SecretStr("other:" + 64 * "1")]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(codec_app(other)), base_url="http://localhost") as http:
        foreign = (await http.post("/encode", json=BODY)).json()
    answers = [
        await page.post("/decode", content=b"{"),
        await page.post("/decode", content=b"\xff"),
        await page.post("/decode", json=foreign),
        await page.post("/decode", content=b" " * (16 * 1024 * 1024 + 1)),
        await page.get("/decode"),
    ]

    assert [400, 400, 400, 413, 405] == [answer.status_code for answer in answers]
    assert "key 'other', which is not in RESOLUTE_PAYLOAD_KEYS" in answers[2].json()["message"]


async def test_the_command_serves_it(tmp_path: Path) -> None:
    """`resolute codec` listens on this machine; without keys it says what is missing."""
    without, _, said = await resolute("codec", folder=tmp_path)
    async with started("codec", "--port", "0", folder=tmp_path, RESOLUTE_PAYLOAD_KEYS=PAYLOAD_KEY) as process:
        url = next(word for word in (await process.line("codec endpoint")).split() if word.startswith("http://"))
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            encoded = await http.post(f"{url.rstrip(',')}/encode", content=json.dumps(BODY))

    assert (2, 200) == (without, encoded.status_code)
    assert "RESOLUTE_PAYLOAD_KEYS is not set" in said
