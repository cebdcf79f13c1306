"""A click on a button, as Slack sends it to the app.

Source: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

from resolute.plan.errors import ResoluteError
from resolute_slack.signing import SIGNATURE, TIMESTAMP, sign
from resolute_slack.simulator.state import Posted, State, User


class NoButtonError(ResoluteError, LookupError):
    """A test clicks a button that the message does not have."""


def click(state: State, message: Posted, button: str, user: User) -> tuple[dict[str, str], bytes]:
    """The headers and the body of the request.

    Raises:
        NoButtonError: the message has no such button.
    """
    found = next((each for each in message.buttons if each["text"]["text"] == button), None)
    if found is None:
        names = ", ".join(each["text"]["text"] for each in message.buttons) or "none"
        raise NoButtonError(f"the message has no button {button!r}, but {names}")
    payload = {
        "type": "block_actions",
        "user": {"id": user.id, "username": user.email.partition("@")[0], "team_id": user.team},
        "team": {"id": state.world.team},
        "container": {"type": "message", "message_ts": message.ts, "channel_id": message.channel},
        "channel": {"id": message.channel},
        "message": {"type": "message", "ts": message.ts, "text": message.text, "blocks": message.blocks},
        "actions": [{"type": "button", "action_id": found["action_id"], "value": found["value"]}],
    }
    return signed(urlencode({"payload": json.dumps(payload)}).encode(), state.world.signing_secret)


def signed(body: bytes, secret: str, at: float | None = None) -> tuple[dict[str, str], bytes]:
    """A request of Slack's with its headers, signed now or at another time."""
    timestamp = str(int(time.time() if at is None else at))
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        TIMESTAMP: timestamp,
        SIGNATURE: sign(body, timestamp, secret),
    }
    return headers, body
