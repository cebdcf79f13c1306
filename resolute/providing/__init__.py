"""What providers share on a worker: their settings, grants, and the audit log of what they request."""
