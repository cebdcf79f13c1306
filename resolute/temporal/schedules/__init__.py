"""Temporal's schedules, made equal to the flows of a worker."""
