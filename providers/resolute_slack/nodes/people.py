"""People."""

from __future__ import annotations

from collections.abc import Sequence

from resolute.plan.attempts import leave, left
from resolute_slack.calls.people import conversation_with, person_of
from resolute_slack.calls.posting import Draft, post_once
from resolute_slack.errors import NotFoundError
from resolute_slack.http.methods import BY_EMAIL, DELETE, HISTORY, OPEN, POST
from resolute_slack.models import Message, Person, Reached
from resolute_slack.nodes.declare import ONCE, PEOPLE_POLICY, READS, TWICE, Email, Text, slack_node
from resolute_slack.texts import escaped, fitted
from resolute_slack.workspace import Workspace


@slack_node("FindPerson", BY_EMAIL, repeat=READS)
async def find_person(slack: Workspace, *, email: Email) -> Person:
    """Finds a member of the workspace by e-mail address.

    Raises:
        NotFoundError: nobody has that address.

    Example:
        >>> node = find_person(email="ada@example.com")
    """
    return await person_of(slack, email)


@slack_node("MessagePerson", POST, BY_EMAIL, OPEN, HISTORY, DELETE, repeat=ONCE, remains=TWICE)
async def message_person(slack: Workspace, *, email: Email, text: Text, markup: bool = False) -> Message:
    """Sends a direct message to one person, once, however often the step is tried.

    Args:
        email: the person's e-mail address, as in Slack.
        text: what the message says; see `post_message`.
        markup: takes `text` as Slack's own markup.

    Raises:
        NotFoundError: nobody has that address.

    Example:
        >>> node = message_person(email="ada@example.com", text="You are on call")
    """
    person = await person_of(slack, email)
    said, left_out = fitted(text if markup else escaped(text))
    channel = await conversation_with(slack, person.id)
    return await post_once(slack, Draft(channel=channel, text=said, left_out=left_out))


@slack_node("MessagePeople", POST, BY_EMAIL, OPEN, HISTORY, DELETE, repeat=ONCE, remains=TWICE, policy=PEOPLE_POLICY)
async def message_people(slack: Workspace, *, emails: Sequence[str], text: Text, markup: bool = False) -> Reached:
    """Sends a direct message to each of several people, once, however often the step is tried.

    Args:
        emails: their e-mail addresses; who is named twice is told once.
        text: what the message says; see `post_message`.
        markup: takes `text` as Slack's own markup.

    Raises:
        NotFoundError: there is nobody whom it could reach.

    Example:
        >>> node = message_people(emails=["ada@example.com", "grace@example.com"], text="Checkout is down")
    """
    said, left_out = fitted(text if markup else escaped(text))
    before = left().get("reached")
    reached = [str(each) for each in before] if isinstance(before, list) else []
    missed: list[str] = []
    for email in dict.fromkeys(emails):
        if email in reached:
            continue
        try:
            person = await person_of(slack, email)
            channel = await conversation_with(slack, person.id)
        except NotFoundError:
            missed.append(email)
            continue
        await post_once(slack, Draft(channel=channel, text=said, left_out=left_out, part=person.id))
        reached.append(email)
        leave(reached=list(reached))
    if not reached:
        who = f"nobody in the workspace has {', '.join(missed)}" if missed else "no address is given"
        raise NotFoundError(f"no message was sent: {who}", code="users_not_found")
    return Reached(reached=tuple(reached), missed=tuple(missed))
