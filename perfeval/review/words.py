"""Words of a pack on one topic, looked for in what clerks write.

They are looked up one by one, which needs no regular expression: compiling those of all topics took longer than the
whole review of one form. Signs in them are met in either width.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Words", "alternatives"]


class Words:
    """Words of which any may be meant; false when there are none. Where several stand, the longest counts."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(sorted(words, key=len, reverse=True))
        signed = {word for word in self._words if any("!" <= sign <= "~" for sign in word)}
        self._plain = tuple(word for word in self._words if word not in signed)
        self._signed = tuple(word for word in self._words if word in signed)
        self._begun: dict[str, list[tuple[str, bool]]] = {}  # by the first letter; with signs in it or not
        for word in self._words:
            for letter in _widths(word[:1]):
                self._begun.setdefault(letter, []).append((word, word in signed))

    def __bool__(self) -> bool:
        return bool(self._words)

    def within(self, text: str) -> bool:
        """Whether one of the words stands somewhere in `text`."""
        for word in self._plain:
            if word in text:
                return True
        return self.find(text) >= 0 if self._signed else False

    def find(self, text: str, start: int = 0) -> int:
        """Where the first of the words stands in `text` from `start` on; -1 when none does."""
        for at in range(start, len(text)):
            if text[at] in self._begun and self.ends(text, at):
                return at
        return -1

    def begin(self, text: str, at: int = 0) -> bool:
        """Whether one of the words stands at `at` in `text`."""
        if text.startswith(self._plain, at):
            return True
        return bool(self._signed) and any(_stands(word, text, at) for word in self._signed)

    def ends(self, text: str, at: int = 0) -> list[int]:
        """Where each of the words that stand at `at` in `text` ends, the longest first."""
        found = []
        for word, signed in self._begun.get(text[at : at + 1], ()):
            if text.startswith(word, at) or (signed and _stands(word, text, at)):
                found.append(at + len(word))
        return found

    def all_but_one(self, text: str) -> bool:
        """Whether `text` holds at most one letter besides these words and blanks."""
        at = others = 0
        while at < len(text):
            ends = self.ends(text, at)
            if not ends and not text[at].isspace():
                others += 1
                if others > 1:
                    return False
            at = ends[0] if ends else at + 1
        return True

    def all_in(self, text: str) -> list[str]:
        """What stands in `text` of the words, from left to right, none of them within another."""
        found, at = [], self.find(text)
        while at >= 0:
            end = self.ends(text, at)[0]
            found.append(text[at:end])
            at = self.find(text, end)
        return found


def alternatives(words: Iterable[str]) -> str:
    """A regular expression for any of `words`, the longest first, their signs in either width; "" for none."""
    return "|".join("".join(map(_spelled, word)) for word in sorted(words, key=len, reverse=True))


def _spelled(letter: str) -> str:
    return f"[{re.escape(letter)}{chr(ord(letter) + 0xFEE0)}]" if "!" <= letter <= "~" else letter


def _widths(letter: str) -> str:
    """A letter as it may be met: a sign has two widths."""
    return letter + chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter


def _stands(word: str, text: str, at: int) -> bool:
    piece = text[at : at + len(word)]
    return len(piece) == len(word) and all(met in _widths(sign) for met, sign in zip(piece, word, strict=True))
