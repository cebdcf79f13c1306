"""Finding the operation of a request: one dictionary step per path segment, however many operations there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .api_errors import ApiError
from .call import Route


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict[str, "_Node"])
    parameter: "_Node | None" = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict[str, tuple[Route, tuple[str, ...]]])


class Router:
    """A tree of path segments; a literal segment wins over a parameter."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        self.routes = tuple(routes)
        for route in self.routes:
            self._add(route)

    def extended(self, routes: Iterable[Route]) -> "Router":
        """Return a router that knows more routes."""
        return Router((*self.routes, *routes))

    def _add(self, route: Route) -> None:
        node, names = self._root, list[str]()
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        node.routes[route.method] = (route, tuple(names))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a request, and the parameters in its path.

        Raises:
            ApiError: 404 if there is no such path, 405 if it does not know the method.
        """
        node, values = self._root, list[str]()
        for segment in path.strip("/").split("/"):
            following = node.literals.get(segment)
            if following is None:
                if node.parameter is None or not segment:
                    raise ApiError(404, 2100)
                values.append(segment)
                following = node.parameter
            node = following
        if not node.routes:
            raise ApiError(404, 2100)
        if method not in node.routes:
            raise ApiError(405, 2015)
        route, names = node.routes[method]
        return route, dict(zip(names, values, strict=True))
