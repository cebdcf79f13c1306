"""Plans, as everybody reads them: with every kind of step known that may stand in one."""

from resolute.plan import kinds as _known  # noqa: F401  # pyright: ignore[reportUnusedImport]  # it registers them
from resolute.plan.whole import FORMAT, INTERPRETER, Followed, Mode, Plan, Remembered, WhenStuck, with_inner

__all__ = ["FORMAT", "INTERPRETER", "Followed", "Mode", "Plan", "Remembered", "WhenStuck", "with_inner"]
