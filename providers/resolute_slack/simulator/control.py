"""What a person does at a simulated Slack from outside: looks at messages, and presses a button.

`GET /_simulator/messages` lists them; `POST /_simulator/click` with `{"button": "Approve", "by": "ada@example.com"}`
presses the button of the newest message that has one of that name, and says what the worker answered.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

import httpx

from resolute.testing.simulating import Reply, Request
from resolute.testing.simulating.app import CONTROL
from resolute_slack.simulator.clicking import click
from resolute_slack.simulator.state import State

_SECONDS: Final = 3.0
"""As long as Slack waits for the answer to a click."""


def controlled(state: State, clicks_url: str | None, request: Request) -> Reply:
    """Answers one of these requests."""
    match request.method, request.path.removeprefix(CONTROL):
        case "GET", "/messages":
            with state.changed:
                return Reply(200, [_shown(each) for each in state.messages])
        case "POST", "/click":
            return _clicked(state, clicks_url, request.body)
        case _:
            return Reply(404, {"error": "GET /_simulator/messages or POST /_simulator/click"})


def _shown(message: Any) -> dict[str, Any]:
    buttons = [each["text"]["text"] for each in message.buttons]
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "buttons": buttons}


def _clicked(state: State, clicks_url: str | None, body: bytes) -> Reply:
    if clicks_url is None:
        return Reply(409, {"error": "the simulator does not know where clicks go"})
    try:
        found: object = json.loads(body or b"{}")
    except ValueError:
        found = None
    asked = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    button, by = asked.get("button"), asked.get("by")
    with state.changed:
        user = next((each for each in state.users.values() if each.email == by), None)
        messages = [each for each in state.messages if any(known["text"]["text"] == button for known in each.buttons)]
        if user is None or not messages:
            missing = f"nobody has the address {by!r}" if user is None else f"no message has a button {button!r}"
            return Reply(404, {"error": missing})
        headers, content = click(state, messages[-1], str(button), user)
    try:
        answer = httpx.post(clicks_url, headers=headers, content=content, timeout=_SECONDS)
    except httpx.HTTPError as error:
        return Reply(502, {"error": f"{clicks_url} did not answer ({type(error).__name__})"})
    return Reply(200, {"status": answer.status_code})
