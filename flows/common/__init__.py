"""Nodes that several of the ready-to-run flows use."""
