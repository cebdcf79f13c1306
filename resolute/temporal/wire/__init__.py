"""What clients, workflows and activities say to each other: starts, messages, failures, ids."""
