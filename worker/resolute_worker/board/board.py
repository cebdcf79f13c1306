"""The board of one Temporal namespace: what its pages share, and how it begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

from markupsafe import escape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from temporalio.client import Client

from resolute.execution.secrets import Environment
from resolute.plan.errors import ResoluteError
from resolute.temporal.history.histories import Histories
from resolute.temporal.trust.seals import PlanKeys
from resolute_worker.board.access import Access
from resolute_worker.board.assets import assets
from resolute_worker.board.durations import Durations
from resolute_worker.board.duty import Pager
from resolute_worker.board.frames import Frames, Page
from resolute_worker.board.guard import keep_session
from resolute_worker.board.looking import Looking
from resolute_worker.board.people import Person, Role
from resolute_worker.board.poll import Poll
from resolute_worker.board.reads import Reads
from resolute_worker.board.render import Pages
from resolute_worker.board.shelf import Reader, Shelf
from resolute_worker.board.sight import Sight
from resolute_worker.board.touched import Touched
from resolute_worker.board.watches import Watches
from resolute_worker.boarding import BOARD, Boarding
from resolute_worker.journal import Journal
from resolute_worker.settings import Settings

_SAME_FOR_ALL: Final = frozenset({"now", "approvals", "run"})
"""The pages of which their address and version say all that stands in them, for people with the same roles."""

NOTICED: Final = frozenset({"alarms", "approval", "ledger", "pagerduty"})
"""The pages of which only what every page says is kept current: the rest is asked of others, or is being filled in."""

_LONGEST_SEARCH: Final = 20.0
_SEARCHES: Final = 2
R = TypeVar("R")


class SearchTooLongError(ResoluteError):
    """A search was given up."""


class Board:
    """What the pages share.

    Args:
        client: the namespace that is shown.
        keys: what decisions of people are sealed with.
        settings: who may enter, and where the audit log is.
        environment: what is masked on every page.
        boarding: how it is served.
        temporal_ui: the address of Temporal's own pages, where they are known.

    Raises:
        ConfigurationError: nobody could log in, or the audit log cannot be written.
    """

    def __init__(
        self,
        client: Client,
        keys: PlanKeys,
        settings: Settings,
        environment: Environment,
        boarding: Boarding = Boarding(),  # noqa: B008  # it is frozen
        *,
        temporal_ui: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.client = client
        self.keys = keys
        self.settings = settings
        self.environment = environment
        self.access = Access(settings, keys, is_open=boarding.is_open)
        environment.remember(self.access.secrets())
        self.journal = Journal(settings, "board")
        self.journal.open()  # a board that cannot say who did what does not begin
        self.assets = assets()
        self.pages = Pages(environment.mask, self.assets)
        self.shelf = Shelf()
        self.frames = Frames()
        self.histories = Histories(client)
        looking = Looking(client, keys, self.histories)
        self.poll = Poll(looking)
        self.reads = Reads(client, self.histories)
        self.touched = Touched(self.reads, self.histories, looking.named)
        self.durations = Durations(client)
        self.temporal_ui = temporal_ui
        self.simulator = boarding.simulator
        self.watches = Watches(client, self.reads)
        self.pager = Pager(environment, boarding.pagerduty)
        self.streams = 0
        self._searches = asyncio.Semaphore(_SEARCHES)
        self.closing = asyncio.Event()

    async def searched(self, search: Awaitable[R]) -> R:
        """What a search through many histories finds: a few go on at a time, and none for long.

        Raises:
            SearchTooLongError: it took too long.
        """
        try:
            async with asyncio.timeout(_LONGEST_SEARCH), self._searches:
                return await search
        except TimeoutError:
            raise SearchTooLongError(
                f"the search went through too many runs for {_LONGEST_SEARCH:g} s: choose a shorter time, or ask "
                "`resolute why`, which takes its time"
            ) from None

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None]:
        """Keeps what is shown current, for the length of an `async with`; at its end every open page is let go."""
        keeping = [asyncio.create_task(self.poll.keep(), name="board")]
        if self.access.oidc:
            keeping.append(asyncio.create_task(self.access.oidc.look(), name="board's issuer"))
        try:
            await asyncio.to_thread(self.pages.prepare)
            yield
        finally:
            self.closing.set()
            for task in keeping:
                task.cancel()
            self.frames.clear()
            self.reads.close()
            await asyncio.gather(*keeping, return_exceptions=True)
            self.journal.close()

    async def page(
        self,
        request: Request,
        name: str,
        values: Mapping[str, Any],
        *,
        title: str,
        live: bool = False,
        version: str = "",
        status: int = 200,
        sight: Sight | None = None,
    ) -> Response:
        """A page with everything that all pages have: who is looking, where else to look, and the brake."""
        person = person_of(request)
        sight = sight or self.poll.sight
        has_login = self.has_login(request)
        place = here(request)
        parts = not live and name in NOTICED and status == 200 and request.method == "GET"
        if parts and sight is not None:
            version = sight.notices
        shared: dict[str, Any] = {
            "title": title,
            "page": name,
            "person": person,
            "may": person.may if person else _may_nothing,
            "who": self.shelf.signs.name,
            "token": self.shelf.signs.form,
            "sight": sight,
            "live": f"live?at={quote(place, safe='')}" if live or parts else "",
            "parts": parts,
            "version": version,
            "said": SAID.get(request.query_params.get("said", ""), ""),
            "here": place,
            "has_login": has_login,
        }
        key = None
        if name in _SAME_FOR_ALL and status == 200:
            seen = sight.version if sight else ""
            key = (name, place, version, seen, person.roles if person else None, has_login, shared["said"])
        made = self.shelf.page(key, lambda: self.pages.text(name, {**shared, **values}))
        answer = Page(self.shelf.for_reader(made, self.reader(request)), status_code=status)
        answer.made, answer.version = made, version
        if self.access.session(request) is None:
            keep_session(request, answer, self.access, request.state.session)
        return answer

    def reader(self, request: Request) -> Reader:
        """What a page says to who asks for it, and to nobody else."""
        person = person_of(request)
        name = escape(self.environment.mask(person.name)) if person else ""
        return Reader(self.access.sessions.form_token(request.state.session), str(name))

    def has_login(self, request: Request) -> bool:
        """Whether who asks has logged in here, and can log out."""
        person = person_of(request)
        return person is not None and request.state.session.person == person

    async def refuse(self, request: Request, title: str, said: str, status: int) -> Response:
        """A page that says why something was not done."""
        return await self.page(request, "refused", {"reason": said}, title=title, status=status)


SAID: Final[Mapping[str, str]] = {
    "cancel": "The run is being cancelled, and undoes what its flow says how to undo.",
    "retry": "The step is tried again.",
    "skip": "The step has its value, and the run goes on.",
    "fail": "The step fails.",
    "rerun": "This run goes on from there.",
    "pause": "The run is paused.",
    "resume": "The run goes on.",
    "pause-flow": "Paused, on every worker within two seconds.",
    "resume-flow": "Runs go on.",
    "brake": "The brake is on: no write is begun, on every worker, from within two seconds on.",
    "release": "The brake is off.",
    "mute": "Muted.",
    "unmute": "No longer muted.",
    "approve": "You have approved.",
    "reject": "You have rejected.",
    "logout": "You have logged out.",
    "fault": "The simulator does so from now on.",
}
"""What a page says after something was done, by the word in its address."""


@dataclass(frozen=True)
class Done:
    """What an action has done: the word of `SAID`, and the page to go to, where it is not the one before."""

    said: str
    to: str = ""


def _may_nothing(_: Role) -> bool:
    return False


def person_of(request: Request) -> Person | None:
    """Who is asking."""
    found: Person | None = request.state.person
    return found


def here(request: Request) -> str:
    """The address of a page on the board, without what it says once."""
    query = "&".join(part for part in request.url.query.split("&") if part and not part.startswith("said="))
    path = request.url.path.removeprefix(BOARD.rstrip("/")).lstrip("/")
    return f"{path}?{query}" if query else path


def back_to(place: str, **query: str) -> Response:
    """Leads to a page of the board; anything else leads to its first page."""
    is_ours = "\\" not in place and place.isprintable() and not place.startswith("/") and ":" not in place.split("?")[0]
    address = BOARD + (place if is_ours else "")
    joined = "&".join(f"{name}={value}" for name, value in query.items())
    return RedirectResponse(address + (("&" if "?" in address else "?") + joined if joined else ""), status_code=303)
