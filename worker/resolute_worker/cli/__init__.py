"""The command `resolute`."""

from resolute_worker.cli.app import main

__all__ = ["main"]
