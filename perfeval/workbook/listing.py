"""The workbook part with sheets and print areas more, edited as text: the usual case of a form that is filled anew.

Only the spelling that Excel, WPS, LibreOffice and openpyxl write is edited so, and everything else in it keeps its
bytes; for anything unusual the answer is None, and `perfeval.workbook.edit` works on a tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from perfeval.patterns import lazy_pattern
from perfeval.workbook.references import absolute, quoted_sheet
from perfeval.workbook.sheetxml import MAIN, RELATIONSHIPS, attribute, text

__all__ = ["DefinedNames", "print_names", "with_entries"]

DefinedNames = Mapping[tuple[str, int], str]  # by name and place of the sheet it is for

_HEAD = lazy_pattern(rb"\s*(?:<\?xml[^>]*\?>\s*)?<workbook ([^>]*)>")
_OWN = f'xmlns="{MAIN}"'.encode()
_LINKS = f' xmlns:r="{RELATIONSHIPS}"'
_CALCULATION = lazy_pattern(rb"<calcPr((?: [A-Za-z]+=\"[^\"<]*\")*) ?/>")
_ANEW = lazy_pattern(rb' fullCalcOnLoad="[^"]*"')
_ID = lazy_pattern(rb' sheetId="([0-9]{1,9})"')
_NAMES = lazy_pattern(rb"<definedNames>(.*?)</definedNames>", re.S)
_NAME = lazy_pattern(rb"<definedName ([^<>]*)>([^<>&]*)</definedName>")
_OF = lazy_pattern(rb'(?:^| )name="([^"]*)"')
_FOR = lazy_pattern(rb'(?:^| )localSheetId="([0-9]{1,9})"')
_TAB = lazy_pattern(rb' (?:activeTab|firstSheet)="([^"]*)"')


def print_names(sheets: Sequence[str], titles: Mapping[str, str], areas: Mapping[str, str]) -> DefinedNames:
    """The names that tell which areas to print and which rows to repeat."""
    return {
        (name, sheets.index(sheet)): ",".join(f"{quoted_sheet(sheet)}!{part}" for part in absolute(ref).split(","))
        for name, refs in (("_xlnm.Print_Area", areas), ("_xlnm.Print_Titles", titles))
        for sheet, ref in refs.items()
    }


def with_entries(
    data: bytes,
    count: int,
    sheets: Sequence[tuple[str, str, str]],
    names: DefinedNames,
    moved: Callable[[str], str],
) -> bytes | None:
    """The part, which lists `count` sheets, with `sheets` (name, state, relationship) behind them and `names` defined.

    `moved` tells what becomes of the formula of any other name. Every program is asked to calculate anew. None when
    something is unusual.
    """
    head = _HEAD.match(data)
    if head is None or _OWN not in head[1]:
        return None
    declared = _LINKS.encode() in head[0]
    if not declared and b"xmlns:r=" in head[1]:
        return None
    if b"<!" in data or data.count(b"<?") > 1 or data.count(b"<calcPr") != 1:
        return None
    end, calculation = data.find(b"</sheets>"), _CALCULATION.search(data)
    if end < 0 or calculation is None or calculation.start() < end or data.find(b"</sheets>", end + 1) >= 0:
        return None
    ids = [int(found) for found in _ID.findall(data, 0, end)]
    if len(ids) != count or not ids or data.count(b"<sheet ", 0, end) != count:
        return None
    if any(not tab.isdigit() or int(tab) >= len(ids) for tab in _TAB.findall(data)):
        return None
    entries, links = "", "" if declared else _LINKS
    for number, (name, state, rel_id) in enumerate(sheets, max(ids) + 1):
        shown = "" if state == "visible" else f' state="{state}"'
        entries += f'<sheet{links} name="{attribute(name)}" sheetId="{number}"{shown} r:id="{attribute(rel_id)}"/>'
    between = _with_names(data[end : calculation.start()], names, moved)
    if between is None or b"definedName" in data[:end] or b"definedName" in data[calculation.end() :]:
        return None
    anew = b"<calcPr" + _ANEW.sub(b"", calculation[1]) + b' fullCalcOnLoad="1"/>'
    return data[:end] + entries.encode() + between + anew + data[calculation.end() :]


def _with_names(between: bytes, names: DefinedNames, moved: Callable[[str], str]) -> bytes | None:
    """What stands between the list of sheets and the calculation, with the names; None if unusual."""
    known = _NAMES.search(between)
    inside = b"" if known is None else known[1]
    found = list(_NAME.finditer(inside))
    if b"".join([name[0] for name in found]) != inside or between.count(b"definedNames") != (2 if known else 0):
        return None
    wanted = dict(names)
    pieces = []
    for name in found:
        of, place = _OF.search(name[1]), _FOR.search(name[1])
        if of is None or (place is None and b"localSheetId" in name[1]):
            return None
        formula = name[2].decode()
        new = wanted.pop((of[1].decode(), int(place[1])), None) if place is not None else None
        new = moved(formula) if new is None else new
        pieces.append(f"<definedName {name[1].decode()}>{text(new)}</definedName>")
    pieces += [
        f'<definedName name="{name}" localSheetId="{place}">{text(formula)}</definedName>'
        for (name, place), formula in wanted.items()
    ]
    block = f"<definedNames>{''.join(pieces)}</definedNames>".encode() if pieces else b""
    return between + block if known is None else between[: known.start()] + block + between[known.end() :]
