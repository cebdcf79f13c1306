"""A message with buttons that approve and reject, and what it says when somebody has pressed one.

Source: https://docs.slack.dev/reference/block-kit/block-elements/button-element
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from resolute_slack.errors import InvalidRequestError
from resolute_slack.texts import LONGEST_VALUE, section

APPROVE: Final = "resolute_approve"
REJECT: Final = "resolute_reject"

_ASKED: Final = "resolute_gate"
"""The id of the block with the buttons."""

_SAID: Final = "resolute_decided"
"""How the ids of blocks begin that say who has decided."""

_MOST_SAID: Final = 20


def asking(text: str, button: str) -> list[dict[str, Any]]:
    """The blocks of a message that asks.

    Raises:
        InvalidRequestError: the button carries more than Slack takes.
    """
    if len(button) > LONGEST_VALUE:
        raise InvalidRequestError(
            "gate", f"the names of flow, run and gate need {len(button):,} characters, a button takes {LONGEST_VALUE:,}"
        )
    buttons = [_button("Approve", APPROVE, "primary", button), _button("Reject", REJECT, "danger", button)]
    return [section(text), {"type": "actions", "block_id": _ASKED, "elements": buttons}]


def decided(blocks: Sequence[Mapping[str, Any]], said: str, *, still_open: bool) -> list[dict[str, Any]]:
    """The blocks of a message on which somebody has decided: with a line that says so, and no buttons at the end."""
    kept = [dict(each) for each in blocks if still_open or each.get("block_id") != _ASKED]
    number = sum(str(each.get("block_id", "")).startswith(_SAID) for each in kept)
    if number >= _MOST_SAID:
        return kept
    line = {
        "type": "context",
        "block_id": f"{_SAID}_{number}",
        "elements": [{"type": "mrkdwn", "text": said}],
    }
    return [*kept, line]


def _button(text: str, action: str, style: str, value: str) -> dict[str, Any]:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": text},
        "action_id": action,
        "style": style,
        "value": value,
    }
