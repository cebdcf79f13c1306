"""The rules of an event orchestration's router as PagerDuty expects them: all of them in every change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from resolute import Record
from resolute_pagerduty.account.account import Account, object_in
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import GET_ROUTER, UPDATE_ROUTER
from resolute_pagerduty.models.orchestrations import OrchestrationPath, OrchestrationRule
from resolute_pagerduty.models.parameters import Id, Text

UNROUTED: Final = "unrouted"
"""Where an event goes that no service receives."""

_NAME: Final = "orchestration_path"


class RouterRule(Record):
    """Which events go to which service.

    Example:
        >>> rule = RouterRule(
        ...     label="Search", conditions=["event.source matches part 'search'"], route_to="PWIXJZS"
        ... )
    """

    label: Text
    route_to: Id
    """A service; `unrouted` for none."""
    conditions: Sequence[Text] = ()
    """Expressions in PagerDuty's condition language, one of which must hold; every event if there are none."""
    disabled: bool = False

    def body(self) -> JsonBody:
        """The rule as PagerDuty expects it."""
        return {
            "label": self.label,
            "conditions": [{"expression": each} for each in self.conditions],
            "actions": {"route_to": self.route_to},
            "disabled": self.disabled,
        }

    def is_it(self, rule: OrchestrationRule) -> bool:
        """Whether an existing rule is this one."""
        return (rule.label, rule.actions.route_to, rule.disabled) == (self.label, self.route_to, self.disabled) and [
            each.expression for each in rule.conditions
        ] == list(self.conditions)


async def replace_rules(account: Account, id: str, rules: Sequence[JsonBody], catch_all: Any) -> OrchestrationPath:  # noqa: A002  # PagerDuty's word
    """Replaces the rules of a router."""
    body = {"type": "router", "sets": [{"id": "start", "rules": list(rules)}], "catch_all": {"actions": catch_all}}
    answer = await account.send(UPDATE_ROUTER, path={"id": id}, body={_NAME: body})
    return OrchestrationPath.model_validate(object_in(answer, _NAME))


async def append_rule(account: Account, id: str, rule: RouterRule) -> tuple[OrchestrationPath, bool]:  # noqa: A002  # PagerDuty's word
    """The rules with this one at the end, and whether it is new."""
    found = object_in(await account.send(GET_ROUTER, path={"id": id}), _NAME)
    now = OrchestrationPath.model_validate(found)
    if any(rule.is_it(each) for each in now.sets for each in each.rules):
        return now, False
    sets: list[JsonBody] = found.get("sets") or []
    catch_all: JsonBody = found.get("catch_all") or {}
    rules = [_as_it_is(each) for part in sets for each in part.get("rules", ())]
    kept = catch_all.get("actions") or {"route_to": UNROUTED}
    return await replace_rules(account, id, [*rules, rule.body()], kept), True


def _as_it_is(rule: JsonBody) -> JsonBody:
    """An existing rule, without its read-only fields."""
    return {name: rule[name] for name in ("id", "label", "conditions", "actions", "disabled") if name in rule}
