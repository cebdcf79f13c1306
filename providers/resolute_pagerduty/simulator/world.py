"""The world that a simulator begins with: a small company, the same in every run."""

from dataclasses import dataclass

from .auth import ApiKey, Credentials, OAuthClient
from .builder import Builder
from .catalogue import BusinessService, Dependency, ExtensionSchema, Orchestration, Rule, RuleList
from .state import Account
from .status_pages import status_page


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The names, ids and keys of the simulator's first resources, to use in settings, tests and documents.

    None of these keys opens anything but a simulator.
    """

    subdomain: str = "harbour"

    account_key: str = "simulator-account-key"
    user_key: str = "u+simulator-user-key"
    read_only_key: str = "simulator-read-only-key"
    oauth_client_id: str = "simulator-oauth-client"
    oauth_client_secret: str = "simulator-oauth-secret"  # noqa: S105 - opens nothing but a simulator
    webhook_secret: str = "simulator-webhook-secret"  # noqa: S105 - opens nothing but a simulator

    from_email: str = "ada@harbour.example"  # Ada's, whose user key it is as well.
    ada: str = "PUSRADA"
    bo: str = "PUSRBOB"
    chen: str = "PUSRCHE"
    dara: str = "PUSRDAR"

    payments_team: str = "PTEAMPAY"
    platform_team: str = "PTEAMPLA"
    payments_schedule: str = "PSCHPAY"
    platform_schedule: str = "PSCHPLA"
    payments_policy: str = "PEPPAYM"
    platform_policy: str = "PEPPLAT"

    service: str = "PSVCPAY"
    checkout_service: str = "PSVCCHE"
    search_service: str = "PSVCSEA"
    routing_key: str = "paymentsroutingkey00000000000001"
    checkout_routing_key: str = "checkoutroutingkey00000000000002"
    search_routing_key: str = "searchroutingkey0000000000000003"

    p1: str = "PPRIONE"
    p2: str = "PPRITWO"
    p3: str = "PPRITHR"
    workflow: str = "PWFMAJR"

    business_service: str = "PBIZSHO"
    orchestration: str = "b02e973d-9620-4e0a-9edc-00fedf7d4694"
    status_page: str = "PSTPAGE"
    status_page_post: str = "PPOSTUP"
    extension_schema: str = "PJFWPEP"

    @property
    def oauth_scope(self) -> str:
        """The scope that every request for an app token has to contain."""
        return f"as_account-us.{self.subdomain}"


WORLD = World()


def populate(builder: Builder, world: World = WORLD) -> None:
    """Build the world."""
    builder.add_user(
        "Ada Moreno", world.from_email, identity=world.ada, role="admin", job_title="Site Reliability Engineer"
    )
    builder.add_user("Bo Lindqvist", "bo@harbour.example", identity=world.bo, job_title="Backend Engineer")
    builder.add_user(
        "Chen Wei", "chen@harbour.example", identity=world.chen, role="limited_user", job_title="Team Lead"
    )
    builder.add_user("Dara Okafor", "dara@harbour.example", identity=world.dara, job_title="Platform Engineer")
    builder.add_team("Payments", identity=world.payments_team, members={world.ada: "manager", world.bo: "responder"})
    builder.add_team("Platform", identity=world.platform_team, members={world.chen: "manager", world.dara: "responder"})
    builder.add_schedule(
        "Payments Primary", [world.ada, world.bo], identity=world.payments_schedule, team_ids=[world.payments_team]
    )
    builder.add_schedule(
        "Platform Primary", [world.dara, world.chen], identity=world.platform_schedule, team_ids=[world.platform_team]
    )
    builder.add_escalation_policy(
        "Payments",
        [[world.payments_schedule], [world.chen]],
        identity=world.payments_policy,
        team_ids=[world.payments_team],
    )
    builder.add_escalation_policy(
        "Platform",
        [[world.platform_schedule], [world.chen]],
        identity=world.platform_policy,
        team_ids=[world.platform_team],
    )
    builder.add_service(
        "Payments API", world.payments_policy, identity=world.service, routing_key=world.routing_key,
        description="Takes the money",
    )  # fmt: skip
    builder.add_service(
        "Checkout", world.payments_policy, identity=world.checkout_service, routing_key=world.checkout_routing_key
    )
    builder.add_service(
        "Search", world.platform_policy, identity=world.search_service, routing_key=world.search_routing_key
    )
    builder.add_priority("P1", "Customers cannot use the product", identity=world.p1)
    builder.add_priority("P2", "A part of the product is down", identity=world.p2)
    builder.add_priority("P3", "Something is slow or looks wrong", identity=world.p3)
    builder.add_workflow("Major incident", identity=world.workflow, description="Opens a bridge and tells stakeholders")
    stock(builder.account, world)


def stock(account: Account, world: World) -> None:
    """Add what the company has besides services and people: a shop, a router of events, a status page."""
    state, now = account.state, account.now()
    state.business_services[world.business_service] = BusinessService(
        id=world.business_service,
        name="Shop",
        description="Where customers buy",
        contact="Chen Wei",
        team_id=world.payments_team,
    )
    pairs = ((world.service, world.checkout_service), (world.checkout_service, world.business_service))
    state.dependencies = [
        Dependency(id=account.ids.next("dependency"), supporting_id=supporting, dependent_id=dependent)
        for supporting, dependent in pairs
    ]
    rule = Rule(
        id=account.ids.next("orchestration_rule"),
        label="The search engine",
        conditions=("event.source matches part 'search'",),
        actions={"route_to": world.search_service},
    )
    state.orchestrations[world.orchestration] = Orchestration(
        id=world.orchestration,
        name="All monitors",
        description="Sends events to the services that they are about",
        routing_key=account.ids.hex("routing_key_of_orchestration"),
        team_id=world.platform_team,
        made_by=world.dara,
        made_at=now,
        router=RuleList(sets={"start": [rule]}, catch_all={"route_to": "unrouted"}, changed_at=now),
        everything=RuleList(sets={"start": []}, catch_all={}, changed_at=now),
    )
    state.status_pages[world.status_page] = status_page(account, world.status_page, "Harbour", world.status_page_post)
    state.extension_schemas[world.extension_schema] = ExtensionSchema(
        id=world.extension_schema, key="generic_webhook", label="Generic Webhook", description="Calls an address"
    )


def hand_out_keys(credentials: Credentials, world: World = WORLD) -> None:
    """Make the world's keys valid."""
    credentials.add_key(world.account_key, ApiKey(kind="account", name="account key"))
    credentials.add_key(world.user_key, ApiKey(kind="user", name="user key", user_id=world.ada))
    credentials.add_key(world.read_only_key, ApiKey(kind="read_only", name="read-only key"))
    credentials.add_client(OAuthClient(id=world.oauth_client_id, secret=world.oauth_client_secret))
