"""What is printed at the top and at the foot of each page, when the owner of a sheet and the form both have a say.

The foot is the form's (第 1 页 共 3 页). What the owner put at the top – often a picture, `&G` – stays, as long as the
form has nothing there.
"""

from __future__ import annotations

from lxml import etree

from perfeval.workbook.sheetxml import MAIN

__all__ = ["headers_of", "with_headers"]

_M = f"{{{MAIN}}}"
_PAGES = ("odd", "even", "first")
_SWITCHES = {"even": "differentOddEven", "first": "differentFirst"}
_ON = ("1", "true")


def headers_of(element: str) -> str:
    """A `headerFooter` without its footers; "" when it has no header that is ever shown."""
    root = _parsed(element)
    for child in list(root):
        if etree.QName(child).localname not in {f"{page}Header" for page in _shown(root)}:
            root.remove(child)
    return _text(root) if any(child.text for child in root) else ""


def with_headers(own: str, headers: str) -> str:
    """Our `headerFooter` with the headers of another; ours when it has some itself."""
    ours, theirs = _parsed(own or "<headerFooter/>"), _parsed(headers)
    if any(ours.findtext(f"{_M}{page}Header") for page in _PAGES):
        return own
    both = _parsed("<headerFooter/>")
    for key, value in (*ours.items(), *theirs.items()):
        both.set(key, value)
    for page in _shown(both):
        foot = ours.findtext(f"{_M}{page}Footer") or ours.findtext(f"{_M}oddFooter")
        for name, text in ((f"{page}Header", theirs.findtext(f"{_M}{page}Header")), (f"{page}Footer", foot)):
            if text:
                etree.SubElement(both, f"{_M}{name}").text = text
    return _text(both)


def _shown(root: etree._Element) -> list[str]:
    """The pages that have a header and a footer of their own."""
    return [page for page in _PAGES if page not in _SWITCHES or root.get(_SWITCHES[page]) in _ON]


def _parsed(element: str) -> etree._Element:
    return etree.fromstring(f'<x xmlns="{MAIN}">{element}</x>')[0]


def _text(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode", with_tail=False).replace(f' xmlns="{MAIN}"', "")
