"""Flows in a test: no server, no network, no waiting."""
