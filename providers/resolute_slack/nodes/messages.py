"""Messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resolute_slack.calls.posting import Draft, post_once
from resolute_slack.http.methods import CHANNELS, DELETE, HISTORY, POST, REPLIES, UPDATE
from resolute_slack.models import Message
from resolute_slack.nodes.declare import ONCE, TWICE, Channel, Text, Time, slack_node
from resolute_slack.texts import checked_blocks, escaped, fitted
from resolute_slack.workspace import Workspace


@slack_node("PostMessage", POST, HISTORY, CHANNELS, DELETE, repeat=ONCE, remains=TWICE)
async def post_message(
    slack: Workspace,
    *,
    channel: Channel,
    text: Text,
    blocks: Sequence[Mapping[str, Any]] | None = None,
    markup: bool = False,
    unfurl: bool = False,
) -> Message:
    """Posts a message to a channel, once, however often the step is tried.

    Args:
        channel: the id of the channel, or its name with `#`.
        text: what the message says; with blocks, what notifications say. Of more than 40,000 characters the last ones
            are left out, which the message says.
        blocks: the message as blocks (Block Kit), at most 50 with texts of up to 3,000 characters.
        markup: takes `text` as Slack's own markup. Otherwise it is shown as it is, so that a text of strangers mentions
            nobody and hides no link.
        unfurl: whether Slack shows what links in the message lead to.

    Example:
        >>> node = post_message(channel="#ops", text="Deploy done")
    """
    said, left_out = fitted(text if markup else escaped(text))
    draft = Draft(channel=channel, text=said, blocks=checked_blocks(blocks), unfurl=unfurl, left_out=left_out)
    return await post_once(slack, draft)


@slack_node("Reply", POST, REPLIES, CHANNELS, DELETE, repeat=ONCE, remains=TWICE)
async def reply(
    slack: Workspace,
    *,
    channel: Channel,
    thread_ts: Time,
    text: Text,
    blocks: Sequence[Mapping[str, Any]] | None = None,
    broadcast: bool = False,
    markup: bool = False,
    unfurl: bool = False,
) -> Message:
    """Replies in a thread, once, however often the step is tried.

    Args:
        channel: the channel, as in the output of the message that it replies to.
        thread_ts: the message that it replies to, as in `posted.output.thread_ts`.
        text: what the reply says; see `post_message`.
        blocks: the reply as blocks.
        broadcast: shows the reply in the channel as well.
        markup: takes `text` as Slack's own markup.
        unfurl: whether Slack shows what links in the reply lead to.

    Example:
        >>> posted = post_message(channel="#ops", text="Checkout is down").as_("posted")
        >>> node = reply(channel=posted.output.channel, thread_ts=posted.output.thread_ts, text="It is back")
    """
    said, left_out = fitted(text if markup else escaped(text))
    draft = Draft(
        channel=channel,
        text=said,
        blocks=checked_blocks(blocks),
        thread_ts=thread_ts,
        broadcast=broadcast,
        unfurl=unfurl,
        left_out=left_out,
    )
    return await post_once(slack, draft)


@slack_node("UpdateMessage", UPDATE, repeat="a second change to the same text changes nothing")
async def update_message(
    slack: Workspace,
    *,
    channel: Channel,
    ts: Time,
    text: Text,
    blocks: Sequence[Mapping[str, Any]] | None = None,
    markup: bool = False,
) -> Message:
    """Replaces a message that the app has posted.

    Args:
        channel: the id of the channel, as in the output of `post_message`.
        ts: the message, as in `posted.output.ts`.
        text: the whole new text; see `post_message`.
        blocks: the new message as blocks; without them, those that it had are gone.
        markup: takes `text` as Slack's own markup.

    Raises:
        NotFoundError: the message is not there.

    Example:
        >>> posted = post_message(channel="#ops", text="Checkout is down").as_("posted")
        >>> node = update_message(channel=posted.output.channel, ts=posted.output.ts, text="Checkout is back")
    """
    said, left_out = fitted(text if markup else escaped(text))
    await slack.call(UPDATE, channel=channel, ts=ts, text=said, blocks=checked_blocks(blocks) or [])
    return Message(channel=channel, ts=ts, thread_ts=ts, left_out=left_out)
