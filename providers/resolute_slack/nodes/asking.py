"""Approvals."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from resolute.plan.provider import GateButton
from resolute_slack.buttons import asking
from resolute_slack.calls.people import conversation_with, person_of
from resolute_slack.calls.posting import Draft, post_once
from resolute_slack.errors import MissingSettingError
from resolute_slack.http.methods import BY_EMAIL, CHANNELS, DELETE, HISTORY, OPEN, POST
from resolute_slack.models import Message
from resolute_slack.nodes.declare import ONCE, TWICE, Text, slack_node
from resolute_slack.texts import LONGEST_SECTION, escaped, fitted
from resolute_slack.workspace import Workspace

Whom = Annotated[str, StringConstraints(pattern=r"^(#[^\s#@]+|[A-Z][A-Z0-9]{5,}|[^\s@]+@[^\s@]+)$")]
"""A channel, by its id or its name with `#`, or one person, by e-mail address."""


@slack_node("Ask", POST, BY_EMAIL, OPEN, HISTORY, CHANNELS, DELETE, repeat=ONCE, remains=TWICE)
async def ask(slack: Workspace, *, to: Whom, text: Text, gate: GateButton) -> Message:
    """Posts a message with buttons that approve and reject a gate, for `notify` of that gate.

    Who clicks decides as the person whose e-mail address Slack knows, so approvers are named by address. Anybody else
    who clicks is told so, and nothing is decided. The message shows who has decided what.

    Args:
        to: a channel, or the e-mail address of one person.
        text: what is asked. Of more than 3,000 characters the last ones are left out, which the message says.
        gate: the link that `notify` is given. The buttons carry which gate is meant, and nobody's right to decide it.

    Raises:
        MissingSettingError: SLACK_SIGNING_SECRET is not set, so no click would be believed.

    Example:
        >>> from resolute import gate
        >>> asked = gate(
        ...     "approve",
        ...     approvers=["ada@example.com", "grace@example.com"],
        ...     notify=lambda link: ask(to="#ops", text="Fail over?", gate=link),
        ... )
    """
    if slack.config.signing_secret is None:
        raise MissingSettingError(
            "no click on a button would be believed: set SLACK_SIGNING_SECRET on the worker (docs/slack.md)"
        )
    said, left_out = fitted(escaped(text), LONGEST_SECTION)
    channel = to
    if "@" in to:
        channel = await conversation_with(slack, (await person_of(slack, to)).id)
    return await post_once(slack, Draft(channel=channel, text=said, blocks=asking(said, gate), left_out=left_out))
