"""Events of monitoring tools, on their way to PagerDuty."""

from pydantic import TypeAdapter, ValidationError

import resolute_pagerduty as pagerduty
from resolute import TerminalError, node

RUNBOOKS = TypeAdapter(dict[str, str])


@node(effect="pure")
async def enrich(event: pagerduty.SentEvent, runbooks: str = "{}") -> pagerduty.SentEvent:
    """The event with a link to the runbook of its class, if there is one.

    Args:
        event: as the tool sent it.
        runbooks: addresses by class, as JSON: {"latency": "https://wiki.example/latency"}.
    """
    try:
        address = RUNBOOKS.validate_json(runbooks).get(event.payload.class_ or "")
    except ValidationError:
        raise TerminalError("RUNBOOKS is no JSON object of addresses by class") from None
    if not address:
        return event
    link = pagerduty.EventLink(href=address, text="Runbook")
    return event.model_copy(update={"links": (*event.links, link)})
