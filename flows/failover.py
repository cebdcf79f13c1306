"""Makes a replica the primary of a PostgreSQL cluster, after a person on call has approved it; undone if it goes wrong.

    resolute run failover --input '{"candidate": "db-2", "reason": "db-1 gets a new disk"}' --no-wait
    resolute approve RUN approve --by ada@example.com

The cluster is run by Patroni. First it sees whether the replica can take over and who is on call; those are asked in
Slack, and one of them, other than whoever started the run, has 30 minutes to approve. A rejection, or no answer,
leaves everything
as it was. If the new primary does not work, or the run is cancelled after the switch, the old primary gets its role
back.

Set PATRONI_URL (http://db-1.internal:8008), PATRONI_USERNAME, PATRONI_PASSWORD, DATABASE_ADDRESS (host:port that leads
to the primary), ESCALATION_POLICY (the id), PAGERDUTY_API_KEY, SLACK_BOT_TOKEN and SLACK_CHANNEL.
"""

from datetime import timedelta

from pydantic import BaseModel

import resolute_pagerduty as pagerduty
import resolute_slack as slack
from flows.common.channel import CHANNEL, post
from flows.common.database import check_database_health
from flows.common.failures import say_so
from flows.common.health import require_health
from flows.common.on_call import emails_on_call
from flows.common.patroni import plan_handover, switch_over, verify_primary
from resolute import env, flow, gate, input_data, manual, secret, text


class Failover(BaseModel):
    """Which replica becomes the primary, and why."""

    candidate: str
    reason: str


PATIENCE = timedelta(minutes=30)
"""How long people have to approve; no answer counts as a rejection."""

PATRONI = env("PATRONI_URL")
USERNAME, PASSWORD = env("PATRONI_USERNAME"), secret("PATRONI_PASSWORD")
asked = input_data(Failover)

handover = plan_handover(PATRONI, asked.candidate).as_("handover")
oncall = pagerduty.get_on_calls(escalation_policy_ids=[env("ESCALATION_POLICY")], include=["users"]).as_("oncall")
approvers = emails_on_call(oncall.output.oncalls).as_("approvers")
question = text(
    "Make {} the primary in place of {}? It is {} bytes behind. Reason: {}",
    handover.output.candidate,
    handover.output.leader,
    handover.output.lag,
    asked.reason,
)
approve = gate(
    "approve",
    ask=question,
    approvers=approvers.output,
    timeout=PATIENCE,
    notify=lambda link: slack.ask(to=CHANNEL, text=question, gate=link),
)
promoted = switch_over(PATRONI, handover.output.leader, handover.output.candidate, USERNAME, PASSWORD).as_("promoted")
moved_back = switch_over(PATRONI, handover.output.candidate, handover.output.leader, USERNAME, PASSWORD)
primary = verify_primary(PATRONI, promoted.output).as_("primary")
health = check_database_health(env("DATABASE_ADDRESS"), "postgresql").as_("health")

failover = (
    flow("failover", description="Makes a replica the primary, after an approval; undone if it goes wrong")
    .triggered_by(manual("fail-over", input=Failover))
    .then_parallel(handover, oncall)
    .then(approvers)
    .then(approve)
    .then(promoted.on_failure(moved_back.as_("moved_back")))
    .then(primary)
    .then(health)
    .then(require_health(health.output).as_("healthy"))
    .then(post(text("{} is the primary now. Reason: {}", promoted.output, asked.reason)))
    .on_failure(say_so("failover"))
    .returns(promoted.output)
    .build()
)
