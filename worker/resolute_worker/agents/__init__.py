"""Nodes and flows as tools for agents, through the Model Context Protocol."""
