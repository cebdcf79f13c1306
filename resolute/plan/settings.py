"""What is said of settings that are not what they should be."""

from __future__ import annotations

from pydantic import ValidationError


def said_of_settings(error: ValidationError, prefix: str = "") -> str:
    """What is wrong with which setting, and never its value: it may be a secret in the wrong place.

    With a prefix, settings are called as the environment variables that they are read from.
    """
    parts: list[str] = []
    for detail in error.errors(include_url=False, include_input=False):
        field = str(detail["loc"][0]) if detail["loc"] else "..."
        where = f"{prefix}{field.upper()}" if prefix else field
        expected = detail.get("ctx", {}).get("expected") if detail["type"] == "literal_error" else None
        parts.append(f"{where}: {f'give {expected}' if expected else detail['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts)
