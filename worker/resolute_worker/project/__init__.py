"""Makes a folder to begin with: a flow that runs at once, its test, and its settings."""

from resolute_worker.project.new import NewProject, create, ready_flows

__all__ = ["NewProject", "create", "ready_flows"]
