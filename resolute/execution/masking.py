"""Finds known secrets in texts, even if they are written in another form.

Texts for people (logs, errors, reports) are masked. Values that other steps use are never changed: a secret whose
value is "critical" must not turn a status into `***`. A node's result is only searched, see `Masks.telling`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_plus

from resolute.plan.values import Json, place_of

MASK: Final = "***"

SHORTEST: Final = 6
"""Secrets shorter than this are not searched for in texts: they would be found everywhere."""

TELLING: Final = 8
"""From this length, a secret can be told from data; a plain word or number, from twice that length."""

MOST: Final = 2_000
"""How many secrets are known at a time. Beyond that, the one that was read longest ago is forgotten."""


LINK: Final = "rlink_"
"""How the tokens of links begin by which people decide gates. They are known by it: there are too many to remember."""

_LINKS: Final = re.compile(rf"{LINK}[A-Za-z0-9_\-]{{20,}}")


class Masks:
    """The secrets that a process has seen, in every form in which they may appear in a text."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._all: tuple[str, ...] = ()
        self._telling: tuple[str, ...] = ()

    def add(self, secrets: Iterable[str]) -> None:
        """Adds values that must not be shown; a known one counts as read again."""
        fresh = False
        for value in secrets:
            if len(value.strip()) >= SHORTEST:
                fresh = fresh or value not in self._secrets
                self._secrets.pop(value, None)
                self._secrets[value] = None
        if not fresh:
            return
        while len(self._secrets) > MOST:
            del self._secrets[next(iter(self._secrets))]
        # Longest first: a secret that starts with another one would leave its end visible.
        self._all = _longest_first(form for secret in self._secrets for form in _forms(secret))
        self._telling = _longest_first(form for secret in self._secrets for form in _telling_forms(secret))

    def text(self, text: str) -> str:
        """A text for people, without any known secret."""
        if LINK in text:
            text = _LINKS.sub(MASK, text)
        for form in self._all:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def value(self, value: Json) -> Json:
        """A value for people, without any known secret, including in keys."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(key): self.value(item) for key, item in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
            case _:
                return value

    def place_in(self, value: Json) -> str | None:
        """Where a value contains a secret that is long enough to be told from data; None if it contains none."""
        found = list(_texts(value))
        # All texts at once first: most values contain none, and searching one long text is much faster.
        if not self._tells("\0".join(text for _, text, _ in found)):
            return None
        for path, text, is_key in found:
            if self._tells(text):
                place = self.text(place_of(path))
                return f"a key of {place or 'the value'}" if is_key else place or "the value itself"
        return None

    def _tells(self, text: str) -> bool:
        if len(text) < TELLING:
            return False
        return _LINKS.search(text) is not None or any(form in text for form in self._telling)


def _texts(value: Json) -> Iterator[tuple[tuple[str | int, ...], str, bool]]:
    """Every text in a value, with its path, and whether it is a key there."""
    waiting: list[tuple[tuple[str | int, ...], Json]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        match item:
            case str():
                yield path, item, False
            case Mapping():
                for key, inner in item.items():
                    yield path, key, True
                    waiting.append(((*path, key), inner))
            case list() | tuple():
                waiting.extend(((*path, index), inner) for index, inner in enumerate(item))
            case _:
                pass


def is_telling(secret: str) -> bool:
    """Whether a secret cannot be mistaken for data: a status like "critical" or a number like "20260101" could."""
    bare = secret.strip()
    plain = bare.isdigit() or (bare.isalpha() and (bare.islower() or bare.isupper() or bare.istitle()))
    return len(bare) >= (2 * TELLING if plain else TELLING)


def _longest_first(forms: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(forms), key=lambda form: (-len(form), form)))


def _telling_forms(secret: str) -> Iterator[str]:
    yield from (form for form in _forms(secret) if is_telling(form)) if is_telling(secret) else ()


@lru_cache(maxsize=MOST)
def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is, without its file's line break, line by line, and in the forms that others write."""
    parts = [secret, secret.strip(), *_lines(secret), *_lines(secret.replace("\\n", "\n"))]
    found = [form for part in dict.fromkeys(parts) for form in _written(part)]
    return tuple(dict.fromkeys(form for form in found if len(form) >= SHORTEST))


def _lines(secret: str) -> list[str]:
    """The lines of a key in PEM form; its first and last line are not secret."""
    lines = [line.strip() for line in secret.splitlines()]
    return [line for line in lines if is_telling(line) and not line.startswith("-----")] if len(lines) > 1 else []


def _written(text: str) -> Iterator[str]:
    yield text
    for safe in ("", "/", "/:@"):
        yield from _both_cases(quote(text, safe=safe, errors="replace"))
    yield from _both_cases(quote_plus(text, errors="replace"))
    for ascii_only in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    raw = text.encode(errors="surrogateescape")
    yield repr(text)[1:-1]
    yield repr(raw)[2:-1]
    yield raw.hex()
    for offset in range(3):
        yield from _base64(raw, offset)


def _both_cases(quoted: str) -> tuple[str, str]:
    """`%2B` and `%2b` are the same."""
    parts = quoted.split("%")
    lower = "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])
    return quoted, lower


def _base64(raw: bytes, offset: int) -> Iterator[str]:
    """The base64 form of the bytes inside a longer text, without the characters that they share with neighbours."""
    encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
    first = -(-offset * 8 // 6)
    last = (offset + len(raw)) * 8 // 6
    inner = encoded[first:last]
    if len(inner) >= SHORTEST:
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
