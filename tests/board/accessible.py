"""What axe-core finds on a page: what keeps somebody from reading or using it."""

from __future__ import annotations

from typing import Any, Final

from axe_playwright_python.base import AXE_SCRIPT  # pyright: ignore[reportMissingTypeStubs]  # it has none

from tests.board.chromium import Screen

_RUN: Final = "async (rules) => (await axe.run({resultTypes: ['violations'], ...rules})).violations"
_COLOURS: Final = {"runOnly": ["color-contrast"]}
"""What can be another one in the other theme."""


async def found_by_axe(screen: Screen) -> list[str]:
    """Each finding in a line, with where it is: of the page as it is, and of its colours where it is dark."""
    await screen.page.evaluate(AXE_SCRIPT)
    light: list[dict[str, Any]] = await screen.page.evaluate(_RUN, {})
    await screen.page.emulate_media(color_scheme="dark")
    dark: list[dict[str, Any]] = await screen.page.evaluate(_RUN, _COLOURS)
    await screen.page.emulate_media(color_scheme="light")
    return [_line("light", each, node) for each in light for node in each["nodes"]] + [
        _line("dark", each, node) for each in dark for node in each["nodes"]
    ]


def _line(theme: str, found: dict[str, Any], node: dict[str, Any]) -> str:
    why = "; ".join(check["message"] for kind in ("any", "all") for check in node[kind])
    return f"{theme}: {found['id']}: {found['help']}: {node['html'][:200]} {why[:300]}"
