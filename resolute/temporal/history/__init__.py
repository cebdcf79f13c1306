"""Runs as Temporal recorded them: read back, exported, compared."""
