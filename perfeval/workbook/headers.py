"""What is printed at the top and at the foot of each page, when the owner of a sheet and the form both have a say.

Each has a left, a middle and a right part. What the form prints (第 1 页 共 3 页) stands; what the owner put into the
other parts – often a picture, `&G` – stays. Page numbers of the owner give way without a word.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree

from perfeval.patterns import lazy_pattern
from perfeval.workbook.sheetxml import MAIN

__all__ = ["has_words", "joined", "overprinted", "printed_of"]

_M = f"{{{MAIN}}}"
_PAGES = ("odd", "even", "first")
_SWITCHES = {"even": "differentOddEven", "first": "differentFirst"}
_ENDS = ("Header", "Footer")
_ON = ("1", "true")
_LONGEST = 255  # characters that Excel takes at one end of a page
_CODE = lazy_pattern(r"&([LCR])|&.", re.S)
_LOOK = lazy_pattern(r'&(?:"[^"]*"|K[0-9A-F]{6}|K[0-9]{2}[+-][0-9]{3}|[0-9]+|[BIUESXY])', re.I)
_FIELD = lazy_pattern(r"&([A-Z])", re.I)
_FIELDS = {
    "P": "页码", "N": "页数", "D": "日期", "T": "时间", "G": "图片", "A": "工作表名", "F": "文件名", "Z": "路径",
}  # fmt: skip
_OF_PAGES = lazy_pattern(r"&[PN]|[第页共总张码]|page|of", re.I)


def printed_of(element: str) -> str:
    """A `headerFooter` without page numbers at the foot; "" when it prints nothing else."""
    root = _parsed(element)
    shown = {page + end for page in _shown(root) for end in _ENDS}
    for child in list(root):
        name = etree.QName(child).localname
        if name.endswith("Footer"):
            child.text = _text_of({part: text for part, text in _parts(child.text).items() if _says_more(text)})
        if name not in shown or (name.endswith("Footer") and not child.text):
            root.remove(child)
    return _xml(root) if any(child.text for child in root) else ""


@lru_cache(maxsize=64)
def joined(own: str, theirs: str) -> str:
    """Our `headerFooter` with what another (see `printed_of`) prints where ours prints nothing."""
    return _joined(own, theirs)[0]


@lru_cache(maxsize=64)
def overprinted(own: str, theirs: str) -> tuple[str, ...]:
    """What of the other is lost in that, as a person would say it."""
    lost = (_LOOK.sub("", text) for text in _joined(own, theirs)[1])
    worded = (_FIELD.sub(lambda field: _FIELDS.get(field[1].upper(), ""), text).replace("&&", "&") for text in lost)
    return tuple(dict.fromkeys(" ".join(text.split()) for text in worded))


def _joined(own: str, theirs: str) -> tuple[str, list[str]]:
    ours, other = _parsed(own or "<headerFooter/>"), _parsed(theirs)
    both, lost = _parsed("<headerFooter/>"), []
    for key, value in (*ours.items(), *other.items()):
        both.set(key, value)
    for page in _shown(both):
        for end in _ENDS:
            usual = ours.findtext(f"{_M}{page}{end}") or ours.findtext(f"{_M}odd{end}")
            text, given_way = _beside(usual, other.findtext(f"{_M}{page}{end}") or "")
            lost += given_way
            if text:
                etree.SubElement(both, f"{_M}{page}{end}").text = text
    return _xml(both), lost


def _beside(own: str | None, theirs: str) -> tuple[str, list[str]]:
    """What is printed at one end of a page, and the parts of theirs that are not."""
    if not own:
        return theirs, []
    kept, said = _parts(own), _parts(theirs)
    free = {part: text for part, text in said.items() if part not in kept}
    both = _text_of(kept | free) if free else own
    if len(both) > _LONGEST:
        both, free = own, {}
    return both, [text for part, text in said.items() if part not in free and text != kept.get(part)]


def _parts(text: str | None) -> dict[str, str]:
    """The left, middle and right part of what is printed, by the letters of their codes; those that hold something."""
    parts, part, start = {"L": "", "C": "", "R": ""}, "C", 0
    text = text or ""
    if (len(text) - len(text.rstrip("&"))) % 2:  # it would take the next code for its own
        text = text[:-1]
    for code in _CODE.finditer(text):
        if code[1]:
            parts[part] += text[start : code.start()]
            part, start = code[1], code.end()
    parts[part] += text[start:]
    return {part: text for part, text in parts.items() if text}


def _text_of(parts: dict[str, str]) -> str:
    return "".join(f"&{part}{parts[part]}" for part in "LCR" if part in parts)


def has_words(text: str) -> bool:
    """Whether somebody typed words to be printed there, other than those around page numbers."""
    return _says_more(_FIELD.sub("", _LOOK.sub("", text.replace("&&", ""))))


def _says_more(text: str) -> bool:
    """Whether a part of the foot says more than which page it is."""
    return any(char.isalnum() or char == "&" for char in _OF_PAGES.sub("", _LOOK.sub("", text)))


def _shown(root: etree._Element) -> list[str]:
    """The pages that have a header and a footer of their own."""
    return [page for page in _PAGES if page not in _SWITCHES or root.get(_SWITCHES[page]) in _ON]


def _parsed(element: str) -> etree._Element:
    return etree.fromstring(f'<x xmlns="{MAIN}">{element}</x>')[0]


def _xml(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode", with_tail=False).replace(f' xmlns="{MAIN}"', "")
