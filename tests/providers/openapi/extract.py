"""Cut the operations that this project uses out of PagerDuty's official OpenAPI documents.

Run it again when the documents change:

    python tests/providers/openapi/extract.py REST/openapiv3.json events-v2/openapiv3.json

It writes `operations.json` beside itself: the operations, and the schemas they need, without the prose. The schemas
stay as the documents have them (OpenAPI 3.0, with `nullable`); `validator.py` reads them as JSON Schema.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, cast

TARGET = Path(__file__).parent / "operations.json"
METHODS = ("get", "post", "put", "delete", "patch")
ROOMS = re.compile(
    r"^/(abilities|analytics|change_events|escalation_policies|incident_workflows|incidents|log_entries"
    r"|maintenance_windows|oncalls|priorities|schedules|services|teams|users|webhook_subscriptions)(/|$)"
    r"|^/(event_orchestrations(/services)?(/\{\w+\})?(/(router|global))?|(business_services|extension_schemas)(/\{id\})?)$"
    r"|^/(status_pages|service_dependencies|alert_grouping_settings)(/|$)"
    r"|^/v3/schedules$"
)
OUTSIDE = re.compile(
    r"custom_fields|audit|/rules|enablements|/types|s/\{id\}/business_services|sessions|oauth_|license|subscriptions/uns"
    r"|notification|/triggers|/actions|pd_advance|raw/responders|raw/users|metrics/users|contact_methods|regenerate"
    r"|preview|subscribers|unsubscribe|responses$"
)
PROSE = frozenset(
    {"description", "example", "examples", "title", "tags", "summary", "default", "discriminator", "externalDocs"}
)


class Extract:
    """The parts of one document that have been asked for, with everything that they refer to."""

    def __init__(self, document: dict[str, Any], definitions: dict[str, Any]) -> None:
        self._document = document
        self._definitions = definitions

    def resolve(self, value: object) -> Any:
        """Follow references until something else comes."""
        current = value
        while isinstance(current, dict) and "$ref" in current:
            current = self._find(cast("dict[str, str]", current)["$ref"])
        return cast(Any, current)

    def _find(self, reference: str) -> object:
        found: Any = self._document
        for step in reference.removeprefix("#/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            found = cast(Any, found[int(key)] if isinstance(found, list) else found[key])
        return found

    def schema(self, value: Any) -> Any:
        """Return a schema without prose; what it refers to becomes a definition."""
        if isinstance(value, list):
            return [self.schema(each) for each in cast("list[Any]", value)]
        if not isinstance(value, dict):
            return value
        known = cast("dict[str, Any]", value)
        if "$ref" in known:
            return {"$ref": f"#/definitions/{self._define(known['$ref'])}"}
        return {
            name: self._members(each) if name == "properties" else self.schema(each)
            for name, each in known.items()
            if name not in PROSE and not name.startswith("x-")
        }

    def _members(self, properties: dict[str, Any]) -> dict[str, Any]:
        return {name: self.schema(each) for name, each in properties.items()}

    def _define(self, reference: str) -> str:
        name = reference.removeprefix("#/").replace("components/", "").replace("/", ".").replace("~1", "_")
        if name not in self._definitions:
            self._definitions[name] = {}  # Schemas refer to themselves.
            self._definitions[name] = self.schema(self.resolve({"$ref": reference}))
        return name

    def operation(self, operation: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters, the body and the answers of an operation."""
        body = self.resolve(operation.get("requestBody"))
        responses: dict[str, Any] = {}
        for status, response in operation["responses"].items():
            responses[status] = self._content(self.resolve(response))
        return {
            "parameters": [self._parameter(self.resolve(each)) for each in operation.get("parameters", [])],
            "body": self._content(body) if body else None,
            "responses": responses,
        }

    def _content(self, holder: dict[str, Any]) -> Any:
        content = holder.get("content", {}).get("application/json")
        return self.schema(content["schema"]) if content and "schema" in content else None

    def _parameter(self, found: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": found["name"],
            "in": found["in"],
            "required": found.get("required", False),
            "explode": found.get("explode", True),
            "schema": self.schema(found.get("schema", {})),
        }


def main(rest: Path, events: Path) -> None:
    """Write the extract of both documents."""
    definitions: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for source, prefix in ((rest, ""), (events, "/v2")):
        document = json.loads(source.read_text())
        extract = Extract(document, definitions)
        for path, item in document["paths"].items():
            if prefix or (ROOMS.match(path) and not OUTSIDE.search(path)):
                for method in METHODS:
                    if method in item:
                        operations[f"{method.upper()} {prefix}{path}"] = extract.operation(item[method])
    text = json.dumps({"operations": operations, "definitions": definitions}, indent=None, separators=(",", ":"))
    TARGET.write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
