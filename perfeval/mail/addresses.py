"""Who sent a message and where the answer goes: addresses read strictly, because they decide who is believed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from perfeval.mail.names import decoded, text_of_bytes

__all__ = ["Address", "address", "addresses", "date_of", "domain_of", "ids_of"]

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)*"
    r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
)
_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>")
_SPACES = re.compile(r"\s+")


class Address(str):
    """An address as it is used (`name@domain`), lower case in its domain, with the name shown beside it."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, value: str, name: str = "") -> Address:
        local, _, domain = value.rpartition("@")
        self = super().__new__(cls, f"{local}@{domain.lower()}")
        self.name = name
        return self


def address(raw: bytes) -> Address | None:
    """The one address of a field; None when there is none, or when it could be read as more than one."""
    found = list(addresses(raw))
    return found[0] if len(found) == 1 else None


def addresses(raw: bytes) -> Iterator[Address]:
    """The addresses of a field; an entry that is not plainly one address ends the reading."""
    for entry in _entries(_SPACES.sub(" ", text_of_bytes(raw))):
        outside, quoted = _without_quotes(entry)
        brackets = re.findall(r"<([^<>]*)>", outside)
        if len(brackets) > 1 or outside.count("<") != len(brackets) or outside.count(">") != len(brackets):
            return
        bare = brackets[0].strip() if brackets else outside.strip()
        if not _ADDRESS.fullmatch(bare) or ".." in bare or (not brackets and quoted):
            return
        name = re.sub(r"<[^<>]*>", " ", entry) if brackets else ""
        yield Address(bare, decoded(name.replace('\\"', "“").replace('"', "")).strip())


def domain_of(mail: str) -> str:
    """The domain of an address, in lower case."""
    return mail.rpartition("@")[2].lower()


def ids_of(raw: bytes) -> tuple[str, ...]:
    """The message ids of a field, each once, in order."""
    return tuple(dict.fromkeys(_ID.findall(_SPACES.sub(" ", raw.decode("ascii", "replace")))))


def date_of(raw: bytes) -> dt.datetime | None:
    """When the sender says the message was sent; None when it is missing or no date."""
    try:
        date = parsedate_to_datetime(raw.decode("ascii", "replace"))
        date = date if date.tzinfo else date.replace(tzinfo=dt.UTC)
        return date.astimezone(dt.UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _entries(text: str) -> Iterator[str]:
    """The comma-separated entries of an address field; commas inside quotes, comments and brackets do not count."""
    start, quoted, depth, angle = 0, False, 0, False
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\" and (quoted or depth):
            position += 1
        elif char == '"' and not depth:
            quoted = not quoted
        elif not quoted and char == "(":
            depth += 1
        elif not quoted and char == ")":
            depth = max(0, depth - 1)
        elif not quoted and not depth and char in "<>":
            angle = char == "<"
        elif char in ",;" and not quoted and not depth and not angle:
            if text[start:position].strip():
                yield text[start:position]
            start = position + 1
        position += 1
    if text[start:].strip():
        yield text[start:]


def _without_quotes(entry: str) -> tuple[str, bool]:
    """`entry` without quoted strings and comments, and whether there were any quotes."""
    kept: list[str] = []
    quoted = seen = False
    depth = 0
    position = 0
    while position < len(entry):
        char = entry[position]
        if char == "\\" and (quoted or depth):
            position += 2
            continue
        if char == '"' and not depth:
            quoted, seen = not quoted, True
        elif not quoted and char == "(":
            depth += 1
        elif not quoted and char == ")" and depth:
            depth -= 1
        elif not quoted and not depth:
            kept.append(char)
        position += 1
    return "".join(kept), seen
