"""Making resources from Python, for worlds and for tests."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from . import events, lifecycle, refs, timeline, webhooks
from .resources import (
    ChangeEvent,
    EscalationPolicy,
    Incident,
    Integration,
    Layer,
    Note,
    Override,
    Priority,
    Rule,
    Schedule,
    Service,
    Subscription,
    Target,
    Team,
    Urgency,
    User,
    Workflow,
)
from .services import add_integration
from .state import Account
from .values import Json


class Builder:
    """Adds resources to an account. Ids and keys are made up unless they are given."""

    def __init__(self, account: Account) -> None:
        self.account = account

    @contextmanager
    def _changing(self) -> Generator[Account]:
        with self.account.changed:
            yield self.account
            self.account.renamed()
            self.account.changed.notify_all()

    def add_user(
        self, name: str, email: str, *, identity: str | None = None, role: str = "user", job_title: str = ""
    ) -> User:
        """Add a person."""
        with self._changing() as account:
            user = User(id=identity or account.ids.next("user"), name=name, email=email, role=role, job_title=job_title)
            return account.state.users.setdefault(user.id, user)

    def add_team(
        self, name: str, *, identity: str | None = None, members: Mapping[str, str] | None = None, description: str = ""
    ) -> Team:
        """Add a team; `members` maps user ids to roles."""
        with self._changing() as account:
            team = Team(
                id=identity or account.ids.next("team"), name=name, members=dict(members or {}), description=description
            )
            return account.state.teams.setdefault(team.id, team)

    def add_schedule(
        self,
        name: str,
        user_ids: Sequence[str],
        *,
        identity: str | None = None,
        start: datetime | None = None,
        turn: timedelta = timedelta(weeks=1),
        time_zone: str = "UTC",
        team_ids: Sequence[str] = (),
    ) -> Schedule:
        """Add a schedule of one layer in which users take turns; it has begun a year ago unless `start` is given."""
        with self._changing() as account:
            begin = start or _nine_o_clock_before(account.now() - timedelta(days=364))
            layer = Layer(
                id=account.ids.next("layer"),
                name="Layer 1",
                start=begin,
                turn_seconds=int(turn.total_seconds()),
                user_ids=tuple(user_ids),
            )
            schedule = Schedule(
                id=identity or account.ids.next("schedule"),
                name=name,
                time_zone=time_zone,
                layers=[layer] if user_ids else [],
                team_ids=list(team_ids),
            )
            return account.state.schedules.setdefault(schedule.id, schedule)

    def add_override(self, schedule_id: str, user_id: str, start: datetime, end: datetime) -> Override:
        """Put somebody on call instead of whom the layers name."""
        with self._changing() as account:
            override = Override(id=account.ids.next("override"), start=start, end=end, user_id=user_id)
            account.state.schedules[schedule_id].overrides.append(override)
            return override

    def add_escalation_policy(
        self,
        name: str,
        levels: Sequence[Sequence[str]],
        *,
        identity: str | None = None,
        delay: timedelta = timedelta(minutes=30),
        num_loops: int = 0,
        team_ids: Sequence[str] = (),
    ) -> EscalationPolicy:
        """Add an escalation policy; each level lists ids of users and schedules."""
        with self._changing() as account:
            rules = [
                Rule(
                    id=account.ids.next("rule"),
                    delay_minutes=int(delay.total_seconds() // 60),
                    targets=tuple(
                        Target(kind="schedule" if target in account.state.schedules else "user", id=target)
                        for target in level
                    ),
                )
                for level in levels
            ]
            policy = EscalationPolicy(
                id=identity or account.ids.next("policy"),
                name=name,
                rules=rules,
                num_loops=num_loops,
                team_ids=list(team_ids),
            )
            return account.state.policies.setdefault(policy.id, policy)

    def add_service(
        self,
        name: str,
        policy_id: str,
        *,
        identity: str | None = None,
        routing_key: str | None = None,
        description: str = "",
        acknowledgement_timeout: int | None = 1800,
        auto_resolve_timeout: int | None = 14400,
    ) -> Service:
        """Add a service with one Events API v2 integration; timeouts are in seconds, None switches them off."""
        with self._changing() as account:
            service = Service(
                id=identity or account.ids.next("service"),
                name=name,
                policy_id=policy_id,
                created_at=account.now(),
                description=description,
                acknowledgement_timeout=acknowledgement_timeout,
                auto_resolve_timeout=auto_resolve_timeout,
            )
            account.state.services[service.id] = service
            integration = Integration(
                id=account.ids.next("integration"),
                service_id=service.id,
                name="Events API v2",
                routing_key=routing_key or account.ids.hex("routing_key"),
                created_at=account.now(),
            )
            add_integration(account, service, integration)
            return service

    def add_priority(self, name: str, description: str, *, identity: str | None = None) -> Priority:
        """Add a priority below those there are."""
        with self._changing() as account:
            priority = Priority(id=identity or account.ids.next("priority"), name=name, description=description)
            return account.state.priorities.setdefault(priority.id, priority)

    def add_workflow(self, name: str, *, identity: str | None = None, description: str = "") -> Workflow:
        """Add an incident workflow."""
        with self._changing() as account:
            workflow = Workflow(
                id=identity or account.ids.next("workflow"),
                name=name,
                description=description,
                created_at=account.now(),
            )
            return account.state.workflows.setdefault(workflow.id, workflow)

    def add_webhook(
        self,
        url: str,
        *,
        secret: str | None = None,
        events: Sequence[str] | None = None,
        team_id: str | None = None,
        service_id: str | None = None,
    ) -> Subscription:
        """Subscribe an address to events: to all of the account, or to those of one team or service."""
        with self._changing() as account:
            kind = "team_reference" if team_id else "service_reference" if service_id else "account_reference"
            return webhooks.add_subscription(
                account,
                url=url,
                secret=secret,
                events=list(events or sorted(webhooks.EVENT_TYPES)),
                filter_type=kind,
                filter_id=team_id or service_id,
            )

    def add_incident(
        self,
        title: str,
        service_id: str,
        *,
        urgency: Urgency | None = None,
        created_at: datetime | None = None,
        acknowledged_at: datetime | None = None,
        resolved_at: datetime | None = None,
        by: str | None = None,
        priority_id: str | None = None,
        key: str | None = None,
    ) -> Incident:
        """Add an incident with its history; `by` is the id of the user who acknowledged and resolved it.

        Times in the past are fine: log entries and metrics come out as if it had happened then.
        """
        with self._changing() as account:
            service = account.state.services[service_id]
            agent = refs.user(account, by) if by else refs.service(account, service_id)
            with account.moment(created_at or account.now()):
                incident = lifecycle.open_incident(
                    account, service, title=title, agent=agent, key=key, urgency=urgency, priority_id=priority_id
                )
            if acknowledged_at:
                with account.moment(acknowledged_at):
                    lifecycle.acknowledge(account, incident, agent)
            if resolved_at:
                with account.moment(resolved_at):
                    lifecycle.resolve(account, incident, agent)
            return incident

    def add_note(self, incident_id: str, content: str, by: str) -> Note:
        """Let a user write a note on an incident."""
        with self._changing() as account:
            return timeline.annotate(account, account.state.incidents[incident_id], content, refs.user(account, by))

    def add_change(self, summary: str, *, routing_key: str, at: datetime | None = None) -> ChangeEvent:
        """Let a tool say that something was changed."""
        with self._changing() as account, account.moment(at or account.now()):
            integration = account.state.by_routing_key[routing_key]
            return events.keep(account, integration, {}, {"summary": summary, "source": "simulator"})

    def trigger(
        self, summary: str, *, routing_key: str, dedup_key: str | None = None, severity: str = "critical"
    ) -> str:
        """Let a monitoring tool report something, and return its dedup key."""
        key = dedup_key or self.account.ids.hex("dedup_key")
        payload: Json = {"summary": summary, "source": "simulator", "severity": severity}
        event: Json = {
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": key,
            "payload": payload,
        }
        with self._changing() as account:
            events.apply(account, account.state.by_routing_key[routing_key], event)
        return key


def _nine_o_clock_before(moment: datetime) -> datetime:
    """The last 09:00 up to a moment: whatever the time of the day, the same number of turns has passed since."""
    begin = moment.replace(hour=9, minute=0, second=0, microsecond=0)
    return begin if begin <= moment else begin - timedelta(days=1)
