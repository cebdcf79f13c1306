"""The process that runs flows: worker, webhooks, health, embedded Temporal server and command line."""

from resolute_worker.settings import Settings
from resolute_worker.worker import Worker

__all__ = ["Settings", "Worker"]
