"""New projects, and new providers."""

from resolute_worker.project.new import create, ready_flows
from resolute_worker.project.providing import create_provider

__all__ = ["create", "create_provider", "ready_flows"]
