"""Secrets in texts for people, however something has written them; and values that flow on, which are left alone."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute.execution.masking import MASK, MOST, Masks, is_telling

TOKEN = 'p+w/ "ä\\1" d3ad-beef'
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7VJTU\n-----END KEY-----\n"


def masks(*secrets: str) -> Masks:
    found = Masks()
    found.add(secrets)
    return found


@pytest.mark.parametrize(
    "written",
    [
        TOKEN, quote(TOKEN), quote(TOKEN, safe=""), quote_plus(TOKEN), quote_plus(TOKEN).lower(), repr(TOKEN)[1:-1],
        repr(TOKEN.encode())[2:-1], json.dumps(TOKEN)[1:-1], json.dumps(TOKEN, ensure_ascii=False)[1:-1],
        TOKEN.encode().hex(), base64.b64encode(TOKEN.encode()).decode(),
    ],
)  # fmt: skip
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    """Quoted for a URL, escaped as JSON or Python do, in base64 or hexadecimal."""
    shown = masks(TOKEN).text(f"sent {written} to chat")

    assert shown.startswith("sent ***")
    assert shown.rstrip("=").endswith(" to chat")
    assert "d3ad" not in shown


@given(st.text(min_size=8, max_size=40), st.binary(max_size=7), st.binary(max_size=5), st.booleans())
def test_a_secret_is_found_inside_of_base64(secret: str, before: bytes, after: bytes, safe: bool) -> None:
    """Wherever it begins in what was encoded, such as `user:password` of HTTP."""
    raw = secret.strip().encode()
    if len(raw) < 8:
        return
    encode = base64.urlsafe_b64encode if safe else base64.b64encode

    assert MASK in masks(secret.strip()).text(encode(before + raw + after).decode())


@pytest.mark.parametrize("read", ["s3cret-token\n", "  s3cret-token", "s3cret-token\r\n"])
def test_the_white_space_of_a_file_is_no_part_of_a_secret(read: str) -> None:
    """What stands in a file ends with a line break, and the header that is sent does not."""
    assert f"Bearer {MASK}." == masks(read).text("Bearer s3cret-token.")


@pytest.mark.parametrize("read", [PEM, PEM.replace("\n", "\\n")])
def test_a_key_is_found_line_by_line(read: str) -> None:
    """Errors about a key in PEM form show one line of it."""
    found = masks(read)

    assert f"bad line: {MASK}" == found.text("bad line: AASCBKcwggSjAgEAAoIBAQC7VJTU")
    assert "-----BEGIN KEY-----" == found.text("-----BEGIN KEY-----")


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("critical", False), ("PRODUCTION", False), ("Healthy", False), ("20260101", False), ("short1", False),
        ("hunter22", True), ("cRiTiCal", True), ("a b c d e", True), ("averylongplainword", True), ("1" * 16, True),
    ],
)  # fmt: skip
def test_a_secret_that_is_a_word_cannot_be_told_from_data(secret: str, expected: bool) -> None:
    """A status is not refused because a password happens to be the same word."""
    assert expected == is_telling(secret)
    assert ("status" if expected else None) == masks(secret).place_in({"status": secret})


def test_the_place_of_a_secret_is_named_and_shows_none() -> None:
    """In keys as well, and also in lists; base64 counts."""
    found, encoded = masks("hunter22!"), base64.b64encode(b"hunter22!").decode()

    assert "said[1].to" == found.place_in({"said": ["x", {"to": "key=hunter22!"}]})
    assert "a key of the value" == found.place_in({"hunter22!": 1})
    assert "***.deep" == found.place_in({"***": {"deep": encoded}})
    assert "the value itself" == found.place_in(f"x{encoded}")
    assert found.place_in({"said": ["nothing", 1, None, True]}) is None


def test_what_is_known_is_bounded() -> None:
    """Tokens that are renewed for months do not pile up: the one read longest ago is forgotten."""
    found = masks("the-first-token")
    found.add(f"token-number-{number:06}" for number in range(MOST - 1))
    found.add(["the-first-token", "one-more-token"])

    assert f"{MASK} {MASK}" == found.text("the-first-token one-more-token")
    assert "token-number-000000" == found.text("token-number-000000")
