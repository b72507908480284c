"""How much of a message is read: the caps that keep a hostile or broken mail from filling memory or disk.

The figures are far above what a bureau sends and far below what hurts; the README states them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps; whatever lies beyond one of them is told, never silently dropped."""

    message_size: int = 50 << 20  # bytes of one message as it arrives
    header_size: int = 256 << 10  # bytes of the headers of one part
    parts: int = 500  # MIME parts of one message, nested ones included
    depth: int = 8  # parts within parts, messages within messages, archives within archives
    files: int = 50  # workbooks taken from one message
    file_size: int = 40 << 20  # bytes of one unpacked file
    unpacked: int = 200 << 20  # bytes unpacked from all archives of one message
    members: int = 1000  # entries of one archive
    messages: int = 10_000  # messages taken from one mbox file
    reply_size: int = 15 << 20  # bytes of workbooks attached to one reply; most servers refuse 25 MB once encoded


LIMITS = Limits()
