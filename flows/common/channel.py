"""The channel in Slack that reads what flows do. Set SLACK_CHANNEL (#name or id) and SLACK_BOT_TOKEN."""

from __future__ import annotations

from datetime import timedelta

import resolute_slack as slack
from resolute import Node, env

CHANNEL = env("SLACK_CHANNEL")


def post(message: str) -> Node[slack.Message]:
    """Posts a message to the channel. It is tried for about a minute: a notification is no reason to hold a run up."""
    posted = slack.post_message(channel=CHANNEL, text=message)
    return posted.retry(attempts=6, initial=timedelta(seconds=1), maximum=timedelta(seconds=15))
