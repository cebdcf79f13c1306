"""The reference of nodes: what each takes and returns, from its signature, types and docstring."""
