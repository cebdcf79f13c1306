"""Creates a project folder to start with: a flow that runs immediately, its test, and its settings."""

from resolute_worker.project.new import NewProject, create, ready_flows

__all__ = ["NewProject", "create", "ready_flows"]
