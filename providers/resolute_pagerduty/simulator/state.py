"""Everything one simulated account holds, with the indexes that keep look-ups cheap."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from threading import Condition
from typing import Any, Literal, TypeVar

from .catalogue import BusinessService, Dependency, ExtensionSchema, Orchestration, RuleList, StatusPage
from .clock import Clock
from .limits import Limits
from .resources import (
    Alert,
    ChangeEvent,
    EscalationPolicy,
    Incident,
    Integration,
    LogEntry,
    MaintenanceWindow,
    Priority,
    Schedule,
    Service,
    StatusUpdate,
    Subscription,
    Team,
    User,
    Workflow,
    WorkflowInstance,
)
from .values import Ids, Json

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What PagerDuty's documents leave open, and what a test may want otherwise.

    Attributes:
        unknown_routing_key: A well-formed routing key that belongs to no integration is refused with 400,
            or accepted with 202 and dropped.
        duplicate_resolve: Resolving a resolved incident is answered with 200, or refused with 400 (code 1001).
        oversize_status: The status for an event over 512 KB.
        event_delay: Seconds between accepting an event and applying it.
        abilities: What the account's plan allows.
    """

    unknown_routing_key: Literal["reject", "drop"] = "reject"
    duplicate_resolve: Literal["accept", "reject"] = "accept"
    oversize_status: int = 413
    event_delay: float = 0.0
    abilities: frozenset[str] = frozenset(
        {
            "teams",
            "read_only_users",
            "service_support_hours",
            "urgencies",
            "manage_schedules",
            "manage_api_keys",
            "coordinated_responding",
            "event_rules",
            "priorities",
            "incident_workflows",
            "preview_incident_alert_split",
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Emission:
    """Something that happened and that webhooks may tell.

    Attributes:
        event: The value of `event` in the webhook's envelope.
        order_key: What the deliveries of one subscription are kept in order by.
        service_id: The service that it happened on, if any.
        team_ids: The teams that are responsible for that service.
        only_to: The one subscription that it is meant for; None for all that ask for it.
    """

    event: Json
    order_key: str
    service_id: str | None
    team_ids: tuple[str, ...]
    only_to: str | None = None


@dataclass(slots=True)
class State:
    """The resources of an account, by id and in order of creation."""

    users: dict[str, User] = field(default_factory=dict[str, User])
    teams: dict[str, Team] = field(default_factory=dict[str, Team])
    schedules: dict[str, Schedule] = field(default_factory=dict[str, Schedule])
    policies: dict[str, EscalationPolicy] = field(default_factory=dict[str, EscalationPolicy])
    services: dict[str, Service] = field(default_factory=dict[str, Service])
    priorities: dict[str, Priority] = field(default_factory=dict[str, Priority])
    incidents: dict[str, Incident] = field(default_factory=dict[str, Incident])
    subscriptions: dict[str, Subscription] = field(default_factory=dict[str, Subscription])
    windows: dict[str, MaintenanceWindow] = field(default_factory=dict[str, MaintenanceWindow])
    changes: dict[str, ChangeEvent] = field(default_factory=dict[str, ChangeEvent])
    workflows: dict[str, Workflow] = field(default_factory=dict[str, Workflow])
    workflow_instances: list[WorkflowInstance] = field(default_factory=list[WorkflowInstance])
    status_updates: list[StatusUpdate] = field(default_factory=list[StatusUpdate])
    business_services: dict[str, BusinessService] = field(default_factory=dict[str, BusinessService])
    dependencies: list[Dependency] = field(default_factory=list[Dependency])
    orchestrations: dict[str, Orchestration] = field(default_factory=dict[str, Orchestration])
    service_rules: dict[str, RuleList] = field(default_factory=dict[str, RuleList])
    status_pages: dict[str, StatusPage] = field(default_factory=dict[str, StatusPage])
    extension_schemas: dict[str, ExtensionSchema] = field(default_factory=dict[str, ExtensionSchema])
    log: list[LogEntry] = field(default_factory=list[LogEntry])
    entries: dict[str, LogEntry] = field(default_factory=dict[str, LogEntry])
    by_number: dict[int, Incident] = field(default_factory=dict[int, Incident])
    open_by_service: dict[str, dict[str, Incident]] = field(default_factory=dict[str, dict[str, Incident]])
    by_routing_key: dict[str, Integration] = field(default_factory=dict[str, Integration])
    open_alerts: dict[tuple[str, str], Alert] = field(default_factory=dict[tuple[str, str], Alert])


class Account:
    """One account: its state, its time, and the two counters that tell caches when they are stale.

    Attributes:
        state: The resources.
        revision: Grows with every change of an incident.
        generation: Grows when something that other objects show by name has changed.
        changed: The lock around all of it; it is notified after every request and delivery.
        on_timer: Called when a timer is set that is due before all others.
    """

    def __init__(
        self, *, clock: Clock, ids: Ids, subdomain: str, base_url: str, behaviour: Behaviour, limits: Limits
    ) -> None:
        self.state = State()
        self.clock = clock
        self.ids = ids
        self.subdomain = subdomain
        self.base_url = base_url
        self.behaviour = behaviour
        self.limits = limits
        self.revision = 0
        self.generation = 0
        self.last_number = 0
        self.changed = Condition()
        self.listeners: list[Callable[[Emission], None]] = []
        self.on_timer: Callable[[], None] = lambda: None
        self._moment: datetime | None = None
        self._timers: list[tuple[datetime, int, Callable[[], object]]] = []
        self._timer_count = 0
        self._known: dict[object, list[Any]] = {}
        self._known_at = 0

    def now(self) -> datetime:
        """Return the time; while a timer fires it is the time for which it was set."""
        return self._moment or self.clock.now()

    def touch(self, incident: Incident) -> None:
        """Say that an incident has changed."""
        incident.updated_at = self.now()
        incident.cached = None
        self.revision += 1

    def renamed(self) -> None:
        """Say that something shown inside other objects has changed."""
        self.generation += 1
        self.revision += 1

    def remembered(self, key: object, compute: Callable[[], list[T]]) -> list[T]:
        """Return a list that was computed under this key, or compute it; any change of an incident forgets all."""
        if self._known_at != self.revision:
            self._known_at = self.revision
            self._known.clear()
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def emit(self, emission: Emission) -> None:
        """Tell everybody who listens that something happened."""
        for listener in self.listeners:
            listener(emission)

    def at(self, moment: datetime, action: Callable[[], object]) -> None:
        """Do something once the clock has reached a moment."""
        self._timer_count += 1
        heappush(self._timers, (moment, self._timer_count, action))
        if self._timers[0][1] == self._timer_count:
            self.on_timer()

    def next_timer(self) -> datetime | None:
        """Return when the next timer is due."""
        return self._timers[0][0] if self._timers else None

    def settle(self) -> None:
        """Do everything that has fallen due, in order, each at its own time."""
        now = self.clock.now()
        while self._timers and self._timers[0][0] <= now:
            moment, _, action = heappop(self._timers)
            with self.moment(moment):
                action()

    @contextmanager
    def moment(self, moment: datetime) -> Generator[None]:
        """Let everything inside happen at another time than now."""
        before, self._moment = self._moment, moment
        try:
            yield
        finally:
            self._moment = before

    def reset(self) -> None:
        """Forget everything."""
        self.state = State()
        self.ids = Ids(self.ids.seed)
        self.last_number = 0
        self._timers.clear()
        self.limits.clear()
        self.renamed()

    def service_teams(self, service: Service) -> list[str]:
        """Return the ids of the teams of a service: those of its escalation policy."""
        return self.state.policies[service.policy_id].team_ids

    def in_maintenance(self, service: Service) -> bool:
        """Whether a maintenance window of the service is running."""
        now = self.now()
        return any(
            window.start <= now < window.end and service.id in window.service_ids
            for window in self.state.windows.values()
        )
