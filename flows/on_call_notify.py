"""Sends a direct message to everybody who is on call within the next hour.

    resolute run on-call-notify --input '{"message": "Deploy of the checkout begins"}'

Set ESCALATION_POLICY (the id), PAGERDUTY_API_KEY, SLACK_BOT_TOKEN and SLACK_CHANNEL.
"""

from datetime import timedelta

from pydantic import BaseModel

import resolute_pagerduty as pagerduty
import resolute_slack as slack
from flows.common.failures import say_so
from flows.common.on_call import emails_on_call
from resolute import env, flow, input_data, manual, now


class Notice(BaseModel):
    """What people on call need to know."""

    message: str = "You are on call within the next hour."


oncall = pagerduty.get_on_calls(
    escalation_policy_ids=[env("ESCALATION_POLICY")],
    since=now(),
    until=now() + timedelta(hours=1),
    include=["users"],
).as_("oncall")
people = emails_on_call(oncall.output.oncalls).as_("people")

on_call_notify = (
    flow("on-call-notify", description="Tells everybody who is on call something, each by a direct message")
    .triggered_by(manual("notify", input=Notice))
    .then(oncall)
    .then(people)
    .then(slack.message_people(emails=people.output, text=input_data(Notice).message).as_("told"))
    .on_failure(say_so("on-call-notify"))
    .build()
)
