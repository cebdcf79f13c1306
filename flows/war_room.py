"""Stays with an incident until somebody has acknowledged it, and asks the next escalation level every 15 minutes.

As soon as an incident begins, the channel reads what it is, who is on call, what changed before it, and how
DIAGNOSTIC_TARGETS answer. An acknowledgement in PagerDuty ends the wait. After 15 minutes without one, the incident is
escalated to the next level of its policy, until the last level has been asked.

Before it escalates, it reads the incident itself: an acknowledgement counts even if its webhook was lost. Let the
levels of the policy escalate after longer than 15 minutes, or PagerDuty and this flow both ask the next level.

PagerDuty has to deliver `incident.triggered`, `incident.acknowledged` and `incident.resolved` to the worker's
/pagerduty/webhook. The first starts a run; the others are told to the run of that incident.

Set DIAGNOSTIC_TARGETS (https://... and tcp://host:port between spaces), PAGERDUTY_WEBHOOK_SECRET, PAGERDUTY_API_KEY,
PAGERDUTY_FROM_EMAIL, SLACK_BOT_TOKEN and SLACK_CHANNEL.
"""

from datetime import timedelta

import resolute_pagerduty as pagerduty
from flows.common.channel import post
from flows.common.diagnostics import gather_diagnostics
from flows.common.failures import say_so
from flows.common.on_call import with_names
from flows.common.room import closing_words, next_level, opening_words
from resolute import branch, count, env, flow, last_turn, now, output, repeat, text, wait_for, where

PATIENCE = timedelta(minutes=15)
"""How long a level has to acknowledge the incident before the next one is asked."""
MOST_LEVELS = 20
"""Escalation levels that a policy of PagerDuty can have."""

event = pagerduty.event(pagerduty.IncidentEvent)
incident = event.data

oncall = pagerduty.get_on_calls(escalation_policy_ids=[incident.escalation_policy.id], include=["users"]).as_("oncall")
policy = pagerduty.get_escalation_policy(id=incident.escalation_policy.id).as_("policy")
changes = pagerduty.list_service_change_events(
    service_id=incident.service.id, since=now() - timedelta(days=1), limit=5
).as_("changes")
seen = gather_diagnostics(env("DIAGNOSTIC_TARGETS")).as_("seen")
opening = opening_words(
    title=incident.title,
    url=incident.html_url,
    oncalls=oncall.output.oncalls,
    changes=changes.output.change_events,
    seen=seen.output.summary,
).as_("opening")
levels = count(policy.output.escalation_policy.escalation_rules)

level = next_level(last_turn(output("level"), default=0)).as_("level")
answer = wait_for(
    pagerduty.event(pagerduty.IncidentEvent, "incident.acknowledged", "incident.resolved"),
    where=lambda told: told.data.id == incident.id,
    timeout=PATIENCE,
).as_("answer")
look = pagerduty.get_incident(id=incident.id).as_("look")
taken = look.output.incident.status != "triggered"
words = with_names(
    text("Nobody has acknowledged {}: escalated to level {} of {}", incident.title, level.output + 1, levels),
    where(oncall.output.oncalls, lambda each: each.escalation_level == level.output + 1),
).as_("words")

turn = (
    branch()
    .then(level)
    .then(answer)
    .then(look)
    .when((look.output.incident.status == "triggered") & (level.output < levels))
        .then(pagerduty.update_incident(id=incident.id, escalation_level=level.output + 1).as_("escalated"))
        .then(words)
        .then(post(words.output).as_("told"))
    .end_when()
)  # fmt: skip
watch = repeat(turn, until=taken | (level.output >= levels), at_most=MOST_LEVELS, on_exhausted="continue").as_("watch")
closing = closing_words(watch.output.last["look"]["incident"], levels).as_("closing")

war_room = (
    flow("war-room", description="Stays with an incident until somebody has acknowledged it, level by level")
    .triggered_by(
        pagerduty.webhook(
            "/pagerduty/webhook",
            events=["incident.triggered", "incident.acknowledged", "incident.resolved"],
            starts=["incident.triggered"],
            key=incident.id,
            while_running="tell",
        )
    )
    .then_parallel(oncall, policy, changes, seen)
    .then(opening)
    .then(post(opening.output).as_("opened"))
    .then(watch)
    .then(closing)
    .then(post(closing.output).as_("closed"))
    .on_failure(say_so("war-room"))
    .returns(closing.output)
    .build()
)
