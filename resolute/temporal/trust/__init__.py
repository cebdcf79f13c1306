"""What a worker believes: seals over plans, calls and texts."""
