"""What an account holds besides incidents, services and people: what is built on services, and what is around them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from .values import Json

PostType = Literal["incident", "maintenance"]
ChoiceKind = Literal["severity", "impact", "status"]


@dataclass(slots=True, kw_only=True, eq=False)
class BusinessService:
    """Something that customers use."""

    id: str
    name: str
    description: str = ""
    contact: str = ""
    team_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One service needs another, each a technical or a business service."""

    id: str
    supporting_id: str
    dependent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of an event orchestration."""

    id: str
    label: str
    conditions: tuple[str, ...]
    actions: Json
    disabled: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class RuleList:
    """Sets of rules, the first of which is `start`, and what becomes of the rest."""

    sets: dict[str, list[Rule]]
    catch_all: Json
    changed_at: datetime
    changed_by: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Orchestration:
    """An event orchestration: its rules for all events, and its router."""

    id: str
    name: str
    description: str
    routing_key: str
    made_by: str
    made_at: datetime
    router: RuleList
    everything: RuleList
    team_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A severity, an impact or a status that posts can have."""

    id: str
    kind: ChoiceKind
    description: str
    post_type: PostType


@dataclass(slots=True, kw_only=True, eq=False)
class PostUpdate:
    """What a post says from some time on."""

    id: str
    message: str
    status_id: str
    severity_id: str
    reported_at: datetime
    impacts: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    notify: bool = False
    frequency_ms: int | None = None
    reviewed: Literal["approved", "not_reviewed"] = "approved"


@dataclass(slots=True, kw_only=True, eq=False)
class Post:
    """An incident or maintenance on a status page."""

    id: str
    title: str
    post_type: PostType
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    updates: list[PostUpdate] = field(default_factory=list[PostUpdate])


@dataclass(slots=True, kw_only=True, eq=False)
class StatusPage:
    """A status page with the choices for its posts; `services` maps their ids to names."""

    id: str
    name: str
    public: bool
    published_at: datetime | None
    choices: dict[str, Choice] = field(default_factory=dict[str, Choice])
    services: dict[str, str] = field(default_factory=dict[str, str])
    posts: dict[str, Post] = field(default_factory=dict[str, Post])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionSchema:
    """A kind of program that can show incidents."""

    id: str
    key: str
    label: str
    description: str
