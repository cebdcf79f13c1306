"""The reference of nodes: what each takes and gives, read off its signature, its types and its docstring."""
