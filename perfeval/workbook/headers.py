"""What is printed at the top and at the foot of each page, when the owner of a sheet and the form both have a say.

Each has a left, a middle and a right part. What the form prints (第 1 页 共 3 页) stands; what the owner put into the
other parts – often a picture, `&G` – stays. Page numbers of the owner give way without a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from perfeval.patterns import lazy_pattern
from perfeval.workbook.sheetxml import MAIN

__all__ = ["PAGE", "Lost", "has_words", "joined", "overprinted", "printed_of", "says_more"]

_M = f"{{{MAIN}}}"
_PAGES = ("odd", "even", "first")
_SWITCHES = {"even": "differentOddEven", "first": "differentFirst"}
_ENDS = ("Header", "Footer")
_ON = ("1", "true")
_LONGEST = 255  # UTF-16 units that Excel takes at one end of a page
_QUOTED = 80  # characters of a text in a message
PAGE, _OTHER = "\x00", "\x01"  # stand for the number of a page and for other fields
# What is cut off at the end of a text would take the next part's code for its own.
_CODE = lazy_pattern(r'&(?:([LCR])|"[^"]*"|(?P<cut>(?:"[^"]*)?\Z)|.)', re.S)
_TOKEN = lazy_pattern(r'&(?:(&)|"[^"]*(?:"|\Z)|K[0-9A-F]{6}|K[0-9]{2}[+-][0-9]{3}|[0-9]+|([A-Z])|.|\Z)', re.I | re.S)
_FIELDS = {
    "P": "页码", "N": "页数", "D": "日期", "T": "时间", "G": "图片", "A": "工作表名", "F": "文件名", "Z": "路径",
}  # fmt: skip
_NUMBERS = {"P": PAGE, "N": PAGE}
_OF_PAGES = lazy_pattern("[第页共总张码]|page|of", re.I)


class Lost(NamedTuple):
    """A part of what the owner prints that is not printed any more."""

    text: str  # as a person would say it, shortened
    too_long: bool  # it did not fit beside ours; otherwise ours stands in its place


def printed_of(element: str) -> str:
    """A `headerFooter` without page numbers at the foot; "" when it prints nothing else."""
    root = _parsed(element)
    shown = {page + end for page in _shown(root) for end in _ENDS}
    for child in list(root):
        name = etree.QName(child).localname
        if name.endswith("Footer"):
            parts = _parts(child.text)
            kept = {part: text for part, text in parts.items() if _is_more(text)}
            if kept != parts:
                child.text = _text_of(kept)
        if name not in shown or (name.endswith("Footer") and not child.text):
            root.remove(child)
    return _xml(root) if any(child.text for child in root) else ""


@lru_cache(maxsize=64)
def joined(own: str, theirs: str) -> str:
    """Our `headerFooter` with what another (see `printed_of`) prints where ours prints nothing.

    Ours as it is when that is nothing: a workbook in which everything gave way must come out the same the next time.
    """
    return _joined(own, theirs)[0]


@lru_cache(maxsize=64)
def overprinted(own: str, theirs: str) -> tuple[Lost, ...]:
    """What of the other is lost in that."""
    return tuple(dict.fromkeys(lost for lost in _joined(own, theirs)[1] if lost.text))


def _joined(own: str, theirs: str) -> tuple[str, list[Lost]]:
    ours, other = _parsed(own or "<headerFooter/>"), _parsed(theirs)
    both, lost, grown = _parsed("<headerFooter/>"), [], False
    for key, value in (*ours.items(), *other.items()):
        both.set(key, value)
    for page in _shown(both):
        for end in _ENDS:
            usual = ours.findtext(f"{_M}{page}{end}") or ours.findtext(f"{_M}odd{end}") or ""
            text, given_way = _beside(usual, other.findtext(f"{_M}{page}{end}") or "")
            lost += given_way
            grown = grown or text != usual
            if text:
                etree.SubElement(both, f"{_M}{page}{end}").text = text
    return _xml(both) if grown else own, lost


def _beside(own: str, theirs: str) -> tuple[str, list[Lost]]:
    """What is printed at one end of a page, and the parts of theirs that are not."""
    if not own:
        return theirs, []
    kept, said = _parts(own), _parts(theirs)
    free = {part: text for part, text in said.items() if part not in kept}
    both = _text_of(kept | free) if free else own
    fits = len(both.encode("utf-16-le", "surrogatepass")) <= 2 * _LONGEST
    lost = [
        Lost(_shortened(_worded(text)), part in free)
        for part, text in said.items()
        if not (part in free and fits) and _worded(text) != _worded(kept.get(part, ""))
    ]
    return both if fits else own, lost


def _parts(text: str | None) -> dict[str, str]:
    """The left, middle and right part of what is printed, by the letters of their codes; those that hold something."""
    parts, part, start = {"L": "", "C": "", "R": ""}, "C", 0
    text = text or ""
    end = len(text)
    for code in _CODE.finditer(text):
        if code[1]:
            parts[part] += text[start : code.start()]
            part, start = code[1], code.end()
        elif code["cut"] is not None:
            end = code.start()
    parts[part] += text[start:end]
    return {part: text for part, text in parts.items() if text}


def _text_of(parts: Mapping[str, str]) -> str:
    return "".join(f"&{part}{parts[part]}" for part in "LCR" if part in parts)


def _plain(text: str, fields: Mapping[str, str]) -> str:
    """The text without its looks, with what `fields` names by letter in the place of codes."""
    return _TOKEN.sub(lambda code: code[1] or fields.get((code[2] or "").upper(), ""), text)


def _worded(text: str) -> str:
    return " ".join(_plain(text, _FIELDS).split())


def _shortened(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…"


def _is_more(text: str) -> bool:
    """Whether a part of the foot says more than which page it is."""
    return says_more(_plain(text, {**dict.fromkeys(_FIELDS, _OTHER), **_NUMBERS}))


def has_words(text: str) -> bool:
    """Whether somebody typed words to be printed there, other than those around page numbers."""
    return says_more(_plain(text, _NUMBERS))


def says_more(plain: str) -> bool:
    """Whether a text in which PAGE stands for page numbers says more than these."""
    if PAGE not in plain:
        return bool(plain.strip())
    return any(char.isalnum() or char == _OTHER for char in _OF_PAGES.sub("", plain))


def _shown(root: etree._Element) -> list[str]:
    """The pages that have a header and a footer of their own."""
    return [page for page in _PAGES if page not in _SWITCHES or root.get(_SWITCHES[page]) in _ON]


def _parsed(element: str) -> etree._Element:
    return etree.fromstring(f'<x xmlns="{MAIN}">{element}</x>')[0]


def _xml(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode", with_tail=False).replace(f' xmlns="{MAIN}"', "")
