"""What stands before every request of a provider: its grants, dry runs and the brake, and the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field

from resolute.plan.context import check_may_write
from resolute.plan.errors import BrakedError, DryRunError, NotGrantedError, ResoluteError
from resolute.providing.audit import AuditEntry, AuditSink, NoAudit
from resolute.providing.grants import Grants


@dataclass(frozen=True)
class Guard:
    """Says which requests may be sent, and writes down those that may not.

    Example:
        >>> Guard(Grants.of(["notes:write"], ["notes"])).grants.allow("notes:read")
        True
    """

    grants: Grants = field(default_factory=Grants)
    audit: AuditSink = field(default_factory=NoAudit)

    async def check_grant(self, what: str, grant: str, entry: AuditEntry) -> None:
        """Lets pass what the grants allow. `entry` is what the audit log says of a request that they do not.

        Raises:
            NotGrantedError: they do not; nothing was sent.
        """
        if self.grants.allow(grant):
            return
        await self._refuse(entry, NotGrantedError)
        raise NotGrantedError(f"{what} needs the grant {grant}, this provider has {self.grants}; nothing was sent")

    async def check_write(self, what: str, entry: AuditEntry) -> None:
        """Lets pass what may change something, where the run may.

        Raises:
            DryRunError: the run is dry; nothing was sent.
            BrakedError: the brake is on; nothing was sent.
        """
        try:
            check_may_write(what)
        except (DryRunError, BrakedError) as error:
            await self._refuse(entry, type(error))
            raise

    async def _refuse(self, entry: AuditEntry, error: type[ResoluteError]) -> None:
        await self.audit.refused(entry.model_copy(update={"outcome": "refused", "error": error.__name__}))
