"""What is read of event orchestrations and status pages, and what is left out of it."""

import resolute_pagerduty as pagerduty
from resolute_pagerduty.models.orchestrations import OrchestrationPath
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench


async def test_the_routing_key_of_an_orchestration_is_in_no_output(bench: Bench):
    """Whoever has it can page people, and outputs are kept in histories."""
    key = bench.sim.account.state.orchestrations[WORLD.orchestration].routing_key

    output = await bench.run(pagerduty.get_event_orchestration, id=WORLD.orchestration)

    assert ["All monitors integration"] == [each.label for each in output.orchestration.integrations]
    assert key not in output.model_dump_json()


def test_the_webhooks_of_rules_are_read_without_what_may_be_secret():
    """A webhook's name is shown; its address, headers and parameters may hold credentials."""
    webhook = {
        "name": "restart",
        "url": "https://hooks.example/token-in-the-path",
        "auto_send": True,
        "headers": [{"key": "Authorization", "value": "Bearer hidden"}],
        "parameters": [{"key": "token", "value": "hidden"}],
    }
    rule = {"id": "1", "actions": {"automation_actions": [webhook], "severity": "error"}}

    path = OrchestrationPath.model_validate({"sets": [{"id": "start", "rules": [rule]}]})

    actions = path.sets[0].rules[0].actions
    assert ("error", "restart") == (actions.severity, actions.automation_actions[0].name)
    assert not [word for word in ("hidden", "token", "Bearer") if word in path.model_dump_json()]


async def test_a_status_page_is_read_with_its_posts(bench: Bench):
    """Posts show their updates as references, and in full where that is asked for."""
    (page,) = (await bench.run(pagerduty.list_status_pages)).status_pages
    (post,) = (await bench.run(pagerduty.list_status_page_posts, id=page.id)).posts

    whole = await bench.run(
        pagerduty.get_status_page_post, id=page.id, post_id=post.id, include=["status_page_post_update"]
    )

    assert ("Upgrade", "") == (post.title, post.updates[0].message)
    assert "<p>The database is upgraded</p>" == whole.post.updates[0].message
