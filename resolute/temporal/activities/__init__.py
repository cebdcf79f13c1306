"""How a worker makes the calls of nodes."""
