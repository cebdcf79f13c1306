"""The base of a provider with grants and an audit log, which it opens and closes together with its connections."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self, TypedDict

from resolute.plan.errors import ResoluteError
from resolute.plan.provider import NodeDefinition, Provider
from resolute.providing.audit import KEPT, LARGEST, AuditFile, NoAudit, entry_of_now
from resolute.providing.grants import Grants
from resolute.providing.guard import Guard


class Access(TypedDict, total=False):
    """What the nodes of a provider may do, and where that is written down; every part may be left out.

    Attributes:
        grants: what nodes may do, such as `["alerts:write"]`; by default, all that the credential may.
        read_only: grants every read and no write.
        audit_log: the file that every request is written to.
        audit_largest: the size in bytes at which that file is rotated; 0 for never.
        audit_kept: how many rotated files to keep.
    """

    grants: Sequence[str] | None
    read_only: bool
    audit_log: Path | None
    audit_largest: int
    audit_kept: int


class GrantedProvider(Provider):
    """A provider that is granted what its nodes may do, and writes down what it requests.

    A subclass has its connections in `open` and `close`, and asks `guard` before it sends a request.

    Attributes:
        title: what people call the service.
        resources: what grants can name.
        audited_as: the account that stands in the audit log for the provider as a whole.
    """

    title: ClassVar[str]
    resources: ClassVar[Sequence[str]]
    audited_as: ClassVar[str]

    def __init__(self, access: Access) -> None:
        """Takes the settings; nothing is opened yet.

        Raises:
            ConfigurationError: a grant is unknown.
        """
        self.grants = Grants.of(access.get("grants"), self.resources, read_only=access.get("read_only", False))
        self.guard = Guard(self.grants)
        self.audit_log = access.get("audit_log")
        self._largest, self._kept = access.get("audit_largest", LARGEST), access.get("audit_kept", KEPT)

    def refusal(self, node: NodeDefinition) -> str | None:
        """Why the grants forbid a node, or None if they do not. Which ones it needs stands in its fact `grant`."""
        missing = self.grants.missing(node.facts["grant"].split(", "))
        if not missing:
            return None
        return f"{node.name} needs the grant {', '.join(missing)}; this {self.title} provider has {self.grants}"

    async def refused(self, node: NodeDefinition, error: type[ResoluteError]) -> None:
        """Writes to the audit log that a run asked for a node and was refused."""
        entry = entry_of_now(
            account=self.audited_as,
            operation=node.name,
            method="-",
            resource="-",
            outcome="refused",
            error=error.__name__,
        )
        await self.guard.audit.refused(entry)

    def not_open(self) -> ResoluteError:
        """The error for a provider that is used before it is opened."""
        return ResoluteError(f"this {self.title} provider is not open: a worker opens it, or `async with provider:`")

    @abstractmethod
    async def open(self) -> None:
        """Opens the connections, when the audit log is open."""

    @abstractmethod
    async def close(self) -> None:
        """Closes the connections."""

    async def __aenter__(self) -> Self:
        """Opens the audit log and the connections."""
        if self.audit_log:
            setting = f"{self.name.upper()}_AUDIT_LOG"
            audit = await asyncio.to_thread(
                AuditFile, self.audit_log, largest=self._largest, kept=self._kept, setting=setting
            )
            self.guard = Guard(self.grants, audit)
        try:
            await self.open()
        except BaseException:
            self._close_audit()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections and the audit log."""
        try:
            await self.close()
        finally:
            self._close_audit()

    def _close_audit(self) -> None:
        self.guard.audit.close()
        self.guard = Guard(self.grants, NoAudit())
