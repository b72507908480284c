"""The workbook part with sheets and print areas more, edited as text: the usual case of a form that is filled anew.

Only the spelling that Excel, WPS, LibreOffice and openpyxl write is edited so, and everything else in it keeps its
bytes; for anything unusual the answer is None, and `perfeval.workbook.edit` works on a tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from perfeval.workbook.sheetxml import MAIN, RELATIONSHIPS, attribute, text

__all__ = ["DefinedNames", "with_entries"]

DefinedNames = Mapping[tuple[str, int], str]  # by name and place of the sheet it is for

_HEAD = re.compile(rb"\s*(?:<\?xml[^>]*\?>\s*)?<workbook ([^>]*)>")
_OWN = f'xmlns="{MAIN}"'.encode()
_LINKS = f'xmlns:r="{RELATIONSHIPS}"'.encode()
_CALCULATION = re.compile(rb"<calcPr((?: [A-Za-z]+=\"[^\"<]*\")*) ?/>")
_ANEW = re.compile(rb' fullCalcOnLoad="[^"]*"')
_ID = re.compile(rb' sheetId="([0-9]{1,9})"')
_TAB = re.compile(rb' (?:activeTab|firstSheet)="([^"]*)"')


def with_entries(data: bytes, count: int, sheets: Sequence[tuple[str, str, str]], names: DefinedNames) -> bytes | None:
    """The part, which lists `count` sheets, with `sheets` (name, state, relationship) behind them and `names` defined.

    Every program is asked to calculate anew. None when something is unusual, or names are defined already.
    """
    head = _HEAD.match(data)
    if head is None or _OWN not in head[1] or _LINKS not in head[1]:
        return None
    if b"definedName" in data or b"<!" in data or data.count(b"<?") > 1 or data.count(b"<calcPr") != 1:
        return None
    end, calculation = data.find(b"</sheets>"), _CALCULATION.search(data)
    if end < 0 or calculation is None or calculation.start() < end or data.find(b"</sheets>", end + 1) >= 0:
        return None
    ids = [int(found) for found in _ID.findall(data, 0, end)]
    if len(ids) != count or not ids or data.count(b"<sheet ", 0, end) != count:
        return None
    if any(not tab.isdigit() or int(tab) >= len(ids) for tab in _TAB.findall(data)):
        return None
    entries = ""
    for number, (name, state, rel_id) in enumerate(sheets, max(ids) + 1):
        shown = "" if state == "visible" else f' state="{state}"'
        entries += f'<sheet name="{attribute(name)}" sheetId="{number}"{shown} r:id="{attribute(rel_id)}"/>'
    defined = "".join(
        f'<definedName name="{name}" localSheetId="{place}">{text(formula)}</definedName>'
        for (name, place), formula in names.items()
    )
    between = data[end : calculation.start()]
    named = f"<definedNames>{defined}</definedNames>".encode() if defined else b""
    anew = b"<calcPr" + _ANEW.sub(b"", calculation[1]) + b' fullCalcOnLoad="1"/>'
    return data[:end] + entries.encode() + between + named + anew + data[calculation.end() :]
