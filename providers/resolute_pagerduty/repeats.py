"""What makes a write safe to repeat: keys and marks that are the same in every attempt of a step, and in no other."""

from __future__ import annotations

import hashlib

from resolute.context import current_call


def step_digest(length: int = 32) -> str:
    """Hexadecimal digits that stand for this step of this run, whichever attempt of it runs."""
    return hashlib.sha256(current_call().idempotency_key.encode()).hexdigest()[:length]


def derived_key() -> str:
    """A deduplication or incident key for an author who gave none."""
    return f"resolute-{step_digest()}"


def mark() -> str:
    """A line that names this step of this run, to find its own work again."""
    return f"[ref: {step_digest(16)}]"


def marked(text: str) -> str:
    """Text that ends with this step's mark."""
    return f"{text}\n\n{mark()}"
