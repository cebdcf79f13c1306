"""The board's own files: a fixed list, read once, so that no path leads to any other file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

VENDORED: Final = {
    "idiomorph-0.8.0.min.js": "4cbd535caf7663a51eda9bce6595371c384fc430d54b8d414e29a61167f19f96",
}
"""Libraries of others, by their file's SHA-256. The licence of each stands beside it."""

_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    """A file, and how a browser is told of it."""

    name: str
    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def address(self) -> str:
        """Where a page finds it; another content has another address."""
        return f"static/{self.name}?v={self.digest[:12]}"


def assets() -> dict[str, Asset]:
    """Every file by its name."""
    found: dict[str, Asset] = {}
    for file in files("resolute_worker.board").joinpath("static").iterdir():
        suffix = f".{file.name.rpartition('.')[2]}"
        if suffix in _TYPES:
            found[file.name] = Asset(file.name, file.read_bytes(), _TYPES[suffix])
    return found
