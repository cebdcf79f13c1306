"""How values become payloads of Temporal's: packed, encrypted, and large ones stored outside."""
