"""What nodes of Slack take and return."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value of a node: frozen, without what Slack adds to it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Model):
    """A message in Slack: its channel and its time (`ts`) identify it.

    Attributes:
        channel: the id of the channel, or of the conversation with one person.
        ts: when it was posted, as Slack writes it.
        thread_ts: the message that it replies to; the message itself, if it replies to none.
        left_out: how many characters of the text did not fit into a message.
        maybe_twice: whether it may stand there twice: an earlier attempt may have posted it, and the app may not look.
    """

    channel: str
    ts: str
    thread_ts: str
    left_out: int = 0
    maybe_twice: bool = False


class Person(Model):
    """A member of the workspace.

    Attributes:
        id: Slack's id.
        name: what others read.
        email: the address by which they were found.
    """

    id: str
    name: str
    email: str


class Reached(Model):
    """Who has been sent a message.

    Attributes:
        reached: the addresses of those who have.
        missed: the addresses that nobody in the workspace has.
    """

    reached: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
