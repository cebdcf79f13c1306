"""Proves that a request comes from Slack.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

SIGNATURE: Final = "x-slack-signature"
TIMESTAMP: Final = "x-slack-request-timestamp"

WINDOW: Final = 300
"""Seconds by which the time of a request may differ from ours: an older one may have been recorded by somebody."""

_DIGITS: Final = 12


def sign(body: bytes, timestamp: str, secret: str) -> str:
    """The signature of a request, as Slack sends it: `v0=` and the HMAC-SHA256 of version, time and body, in hex."""
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def problem_of(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> str:
    """Why a request is not believed to come from Slack; empty if it is.

    Args:
        headers: their names in lower case.
        body: the raw bytes; the signature covers these, not anything parsed from them.
        secret: the app's signing secret.
        now: seconds since 1970.
    """
    signature, timestamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
    if not signature or not timestamp:
        return f"no {SIGNATURE} and {TIMESTAMP}: not sent by Slack, or changed on the way"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _DIGITS):
        return f"{TIMESTAMP} is no time"
    if not hmac.compare_digest(sign(body, timestamp, secret).encode(), signature.encode(errors="replace")):
        return f"{SIGNATURE} does not fit: is SLACK_SIGNING_SECRET that of the app?"
    if abs(now - int(timestamp)) > WINDOW:
        return f"signed {abs(now - int(timestamp)):.0f} s from now: sent again by somebody, or a clock is wrong"
    return ""
