"""What a provider may do: grants such as `incidents:read`, given to a provider and checked before every request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from resolute.plan.errors import ConfigurationError
from resolute.plan.shapes import did_you_mean

READ_EVERYTHING: Final = "*:read"


@dataclass(frozen=True)
class Grants:
    """What a provider may do. With `allowed` None, everything that its credential may do.

    Writing a resource includes reading it; `*:read` is reading everything.

    Example:
        >>> reader = Grants.of(["incidents:read", "notes:write"], ["incidents", "notes"])
        >>> reader.allow("notes:read"), reader.allow("incidents:write")
        (True, False)
    """

    allowed: frozenset[str] | None = None

    @classmethod
    def of(cls, grants: Sequence[str] | None, resources: Sequence[str], *, read_only: bool = False) -> Grants:
        """The grants as an operator wrote them, of the resources that a provider knows.

        Raises:
            ConfigurationError: a grant is unknown, or contradicts `read_only`.
        """
        if grants is None:
            return cls(frozenset({READ_EVERYTHING}) if read_only else None)
        for grant in grants:
            resource, _, verb = grant.partition(":")
            if grant == READ_EVERYTHING:
                continue
            if resource not in resources:
                raise ConfigurationError(f"grant {grant!r} is not known ({did_you_mean(resource, list(resources))})")
            if verb not in ("read", "write"):
                raise ConfigurationError(f"grant {grant!r}: write {resource}:read or {resource}:write")
            if verb == "write" and read_only:
                raise ConfigurationError(f"grant {grant!r} contradicts read_only: leave one of them out")
        return cls(frozenset(grants))

    def allow(self, grant: str) -> bool:
        """Whether an operation that needs a grant is allowed."""
        resource, _, verb = grant.partition(":")
        if self.allowed is None or grant in self.allowed:
            return True
        return verb == "read" and (READ_EVERYTHING in self.allowed or f"{resource}:write" in self.allowed)

    def missing(self, grants: Iterable[str]) -> list[str]:
        """The grants that are missing."""
        return [grant for grant in grants if not self.allow(grant)]

    def __str__(self) -> str:
        return "everything" if self.allowed is None else ", ".join(sorted(self.allowed)) or "nothing"


def needed(grants: Sequence[str]) -> list[str]:
    """Grants, without reads of what is also written: a write grant includes the read grant.

    >>> needed(["notes:read", "notes:write", "incidents:read"])
    ['notes:write', 'incidents:read']
    """
    known = list(dict.fromkeys(grants))
    written = {grant.removesuffix(":write") for grant in known if grant.endswith(":write")}
    return [grant for grant in known if not (grant.endswith(":read") and grant.removesuffix(":read") in written)]
