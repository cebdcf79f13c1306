"""The methods of Slack's Web API that nodes use, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of the Web API.

    Attributes:
        name: what Slack calls it.
        scope: what the bot's token needs for it.
        grant: what a provider must be granted for it.
        reads: whether it changes nothing.
        adds: whether a second such request would add to the first.
    """

    name: str
    scope: str
    grant: str
    reads: bool = False
    adds: bool = False

    @property
    def page(self) -> str:
        """Its page in Slack's documentation."""
        return f"https://docs.slack.dev/reference/methods/{self.name}"


POST: Final = Method(name="chat.postMessage", scope="chat:write", grant="messages:write", adds=True)
UPDATE: Final = Method(name="chat.update", scope="chat:write", grant="messages:write")
DELETE: Final = Method(name="chat.delete", scope="chat:write", grant="messages:write")
WHISPER: Final = Method(name="chat.postEphemeral", scope="chat:write", grant="messages:write")
OPEN: Final = Method(name="conversations.open", scope="im:write", grant="messages:write")
HISTORY: Final = Method(name="conversations.history", scope="channels:history", grant="messages:read", reads=True)
REPLIES: Final = Method(name="conversations.replies", scope="channels:history", grant="messages:read", reads=True)
CHANNELS: Final = Method(name="conversations.list", scope="channels:read", grant="messages:read", reads=True)
BY_EMAIL: Final = Method(name="users.lookupByEmail", scope="users:read.email", grant="people:read", reads=True)
USER: Final = Method(name="users.info", scope="users:read.email", grant="people:read", reads=True)
WHO_AM_I: Final = Method(name="auth.test", scope="none", grant="people:read", reads=True)

METHODS: Final = (POST, UPDATE, DELETE, WHISPER, OPEN, HISTORY, REPLIES, CHANNELS, BY_EMAIL, USER, WHO_AM_I)
"""Every method that the provider calls."""

RESOURCES: Final = tuple(sorted({method.grant.partition(":")[0] for method in METHODS}))
"""What can be granted, each with `:read` or `:write`."""
