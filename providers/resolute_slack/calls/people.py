"""Finds people, and opens the conversation with one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from resolute_slack.errors import UnreadableAnswerError
from resolute_slack.http.methods import BY_EMAIL, OPEN
from resolute_slack.models import Person
from resolute_slack.workspace import Workspace


async def person_of(slack: Workspace, email: str) -> Person:
    """The member of the workspace with an e-mail address.

    Raises:
        NotFoundError: nobody has it.
    """
    return person_in(await slack.call(BY_EMAIL, email=email), email)


def person_in(answer: Mapping[str, Any], email: str = "") -> Person:
    """The member that an answer is about.

    Raises:
        UnreadableAnswerError: it is about none.
    """
    user: object = answer.get("user")
    if not isinstance(user, Mapping) or not isinstance(cast("Mapping[str, Any]", user).get("id"), str):
        raise UnreadableAnswerError("the answer contains no user")
    found = cast("Mapping[str, Any]", user)
    profile = cast("Mapping[str, Any]", found.get("profile") or {})
    name = profile.get("display_name") or profile.get("real_name") or found.get("real_name") or found.get("name")
    return Person(id=found["id"], name=str(name or found["id"]), email=str(profile.get("email") or email))


async def conversation_with(slack: Workspace, user: str) -> str:
    """The id of the conversation with one person; opening it again changes nothing."""
    answer = await slack.call(OPEN, users=user)
    match answer.get("channel"):
        case {"id": str() as channel}:
            return channel
        case _:
            raise UnreadableAnswerError(f"{OPEN.name}: the answer contains no channel")
