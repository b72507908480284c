"""Whether a message is from whom it says: only the receiving server knows, and only its own word counts.

Anybody can type any From. The server that took the message in writes what it checked into Authentication-Results
(RFC 8601), above everything the sender wrote. Only the topmost such field counts, and only if it bears the name the
user pinned: further down it could be the sender's own forgery.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from perfeval.mail.addresses import Address, domain_of
from perfeval.mail.message import Message

__all__ = ["Policy", "authenticated"]

_VERSION = re.compile(r"(?P<id>[^\s;]+)(?:\s+1)?\s*")
_RESULT = re.compile(r"\s*([A-Za-z0-9\-]+)(?:\s*/\s*1)?\s*=\s*([A-Za-z]+)(.*)", re.DOTALL)
# Quoted strings are taken whole, so that nothing inside them passes for a property.
_PROPERTY = re.compile(r"\"[^\"]*\"|(?P<key>[A-Za-z][A-Za-z0-9_.\-]*)\s*=\s*(?P<value>(?:\"[^\"]*\"|[^\s;\"])+)")


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may send, and whose word is taken for it."""

    allowed: tuple[str, ...] = ()  # addresses, and domains as "@example.org"; empty: everybody
    authserv: str | None = None  # name of the receiving server in Authentication-Results

    @property
    def asks(self) -> bool:
        """Whether senders are verified at all."""
        return bool(self.allowed) or self.authserv is not None

    def allows(self, sender: Address | None) -> bool:
        """Whether mail of `sender` is opened, if the address is true."""
        if not self.allowed:
            return True
        if sender is None:
            return False
        known = {entry.lower() for entry in self.allowed}
        return sender.lower() in known or f"@{domain_of(sender)}" in known

    def trusts(self, message: Message) -> bool:
        """Whether the receiving server vouches for the sender."""
        if self.authserv is None or message.sender is None:
            return False
        fields = [value.decode("utf-8", "replace") for value in message.headers.all("authentication-results")]
        return authenticated(fields, self.authserv, domain_of(message.sender))


def authenticated(fields: Sequence[str], authserv: str, domain: str) -> bool:
    """Whether the topmost of the Authentication-Results `fields` says that `domain` really sent the message."""
    if not fields or not domain:
        return False
    server, *results = _split(_without_comments(re.sub(r"\s+", " ", fields[0])))
    match = _VERSION.fullmatch(server.strip())
    if match is None or match["id"].strip('"').lower() != authserv.lower():
        return False
    verdicts: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for result in results:
        found = _RESULT.fullmatch(result)
        if found is None:
            continue
        tokens = [token for token in _PROPERTY.finditer(found[3]) if token["key"]]
        properties = {token["key"].lower(): token["value"].strip('"') for token in tokens}
        verdicts.setdefault(found[1].lower(), []).append((found[2].lower(), properties))
    if "dmarc" in verdicts:
        # The one result that is about the From that people see; where it is there, it decides alone.
        return all(
            verdict == "pass" and properties.get("header.from", domain).lower() == domain
            for verdict, properties in verdicts["dmarc"]
        )
    signed = (properties.get("header.d") or properties.get("header.i", "") for verdict, properties in
              verdicts.get("dkim", ()) if verdict == "pass")  # fmt: skip
    sent = (properties.get("smtp.mailfrom", "") for verdict, properties in verdicts.get("spf", ()) if verdict == "pass")
    return any(_aligned(name, domain) for name in (*signed, *sent))


def _aligned(name: str, domain: str) -> bool:
    """Whether the checked name is the sender's domain itself; what is close to it may belong to somebody else."""
    return name.rpartition("@")[2].lower().rstrip(".") == domain


def _split(text: str) -> list[str]:
    """The parts between semicolons that do not stand in quotes."""
    parts, quoted, start = [], False, 0
    for position, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def _without_comments(text: str) -> str:
    """Comments may hold anything, also what looks like a result."""
    kept, depth, quoted, position = [], 0, False, 0
    while position < len(text):
        char = text[position]
        if char == "\\" and (depth or quoted):
            position += 2
            continue
        if char == '"' and not depth:
            quoted = not quoted
        if char == "(" and not quoted:
            depth += 1
        elif char == ")" and depth and not quoted:
            depth -= 1
        elif not depth:
            kept.append(char)
        position += 1
    return "".join(kept)
