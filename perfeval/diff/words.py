"""The difference of two texts as a person reads it: what stayed, what was taken out, what was put in.

Numbers and Latin words stay whole, 汉字 stand alone. Long texts are first compared sentence by sentence, so that a
rewritten page costs no more than a rewritten line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

__all__ = ["Piece", "difference", "shortened"]

_WORD = re.compile(r"[0-9]+(?:[.,][0-9]+)*%?|[A-Za-z]+|\s+|.", re.DOTALL)
_SENTENCE = re.compile("[^\u3002\uff1b\uff01\uff1f;!?\n]*(?:[\u3002\uff1b\uff01\uff1f;!?\n]+|$)")
_WORTHWHILE = 4_000_000  # product of the numbers of words above which passages are not compared word by word
_ALIKE = 0.3  # passages less alike than this are shown as replaced
_AROUND = 12  # characters of unchanged text shown beside a change
_GAP = "…"


class Piece(NamedTuple):
    """A piece of text: "=" in both, "-" only before, "+" only after."""

    op: str
    text: str


def difference(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces that make `before` out of those with "=" and "-", and `after` out of those with "=" and "+"."""
    return tuple(_joined(_sentences(before, after)))


def shortened(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The same with long unchanged passages cut down to what stands beside a change."""
    listed = list(pieces)
    found = []
    for number, piece in enumerate(listed):
        text = piece.text
        head = text[:_AROUND] if number else ""
        tail = text[-_AROUND:] if number + 1 < len(listed) else ""
        if piece.op == "=" and len(text) > len(head) + len(tail) + len(_GAP):
            piece = Piece("=", f"{head}{_GAP}{tail}")
        found.append(piece)
    return tuple(found)


def _sentences(before: str, after: str) -> Iterator[Piece]:
    old, new = _SENTENCE.findall(before), _SENTENCE.findall(after)
    for op, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            yield Piece("=", "".join(old[i:j]))
        else:
            yield from _words("".join(old[i:j]), "".join(new[k:m]))


def _words(before: str, after: str) -> Iterator[Piece]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    if not old or not new or len(old) * len(new) > _WORTHWHILE:
        yield from (Piece("-", before), Piece("+", after))
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        yield from (Piece("-", before), Piece("+", after))
        return
    yield from _calm(list(_matched(matcher, old, new)))


def _matched(matcher: SequenceMatcher[str], old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    for op, i, j, k, m in matcher.get_opcodes():
        if op == "equal":
            yield Piece("=", "".join(old[i:j]))
        else:
            yield from (Piece("-", "".join(old[i:j])), Piece("+", "".join(new[k:m])))


def _calm(pieces: list[Piece]) -> Iterator[Piece]:
    """Without single characters kept by chance between two changes: nobody can read such lace."""
    for number, piece in enumerate(pieces):
        between = 0 < number < len(pieces) - 1
        if piece.op == "=" and between and len(piece.text) == 1:
            yield from (Piece("-", piece.text), Piece("+", piece.text))
        else:
            yield piece


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours of one kind as one piece; within a change what was taken out comes first."""
    removed: list[str] = []
    added: list[str] = []
    kept: list[str] = []

    def change() -> Iterator[Piece]:
        if any(removed):
            yield Piece("-", "".join(removed))
        if any(added):
            yield Piece("+", "".join(added))
        removed.clear()
        added.clear()

    for piece in pieces:
        if not piece.text:
            continue
        if piece.op == "=":
            yield from change()
            kept.append(piece.text)
            continue
        if kept:
            yield Piece("=", "".join(kept))
            kept.clear()
        (removed if piece.op == "-" else added).append(piece.text)
    if kept:
        yield Piece("=", "".join(kept))
    yield from change()
