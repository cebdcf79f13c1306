"""The workspace that a simulator begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class World:
    """Names, ids and keys of the simulated workspace.

    Attributes:
        bot_token: the token of the app's bot.
        signing_secret: what clicks are signed with.
        team: the id of the workspace.
        bot: the user id of the bot.
        channels: channels by name; the bot is a member of each.
        people: members by e-mail address, with their names.
    """

    bot_token: str = "xoxb-simulated-4711-bot"  # noqa: S105  # of the simulated workspace
    signing_secret: str = "simulated-signing-secret"  # noqa: S105  # of the simulated workspace
    team: str = "T0SIMULATED"
    bot: str = "U0BOT"
    channels: tuple[str, ...] = ("ops", "general")
    people: tuple[tuple[str, str], ...] = (
        ("ada@example.com", "Ada Lovelace"),
        ("grace@example.com", "Grace Hopper"),
        ("edsger@example.com", "Edsger Dijkstra"),
    )


WORLD: Final = World()
