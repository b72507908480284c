"""Cell references inside formulas: the part that has to follow when rows move.

A formula that points at row 28 must point at row 33 once five rows were inserted above, wherever the formula
stands: in a defined name, a conditional format, a validation, another sheet. Two kinds of moving are needed:
`shift_formula` for content whose rows went somewhere else one by one, and `expand_formula` for the rules of a
form template, where one row stands for many.

Only the row numbers are touched; texts in quotes, names, functions, structured references, other sheets, other
workbooks and `#REF!` stay as they are, character by character.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from perfeval.patterns import lazy_pattern

__all__ = [
    "LAST_ROW",
    "RowMap",
    "RowSpans",
    "absolute",
    "expand_formula",
    "expand_ranges",
    "quoted_sheet",
    "shift_formula",
    "shift_ranges",
]

# Where a row of the old sheet stands in the new one; defined for every row.
RowMap = Callable[[int], int]
# The rows (first, last) that a template row became; last < first when it was left out.
RowSpans = Callable[[int], tuple[int, int]]

LAST_ROW = 1_048_576
_LAST_COLUMN = 16_384
# Ranges longer than this are moved by their ends, also when the rows between were re-ordered.
_ROW_BY_ROW = 5_000

_CELL = r"\$?[A-Za-z]{1,3}\$?[1-9][0-9]{0,6}"
_ROW = r"\$?[1-9][0-9]{0,6}"
_OURS = rf"(?P<ours>(?:{_CELL}(?::{_CELL})?|{_ROW}:{_ROW})(?![\w.(!]))"
# What a formula is made of, as far as references are concerned. The order matters: whole words are taken
# before anything inside them could look like a reference.
_TOKEN = lazy_pattern(
    rf"""
    "(?:[^"]|"")*"                                        # a text
  | \#REF!(?:{_CELL}(?::{_CELL})?)?                       # what is left of a reference to a deleted sheet
  | (?P<sheet>'(?:[^']|'')*'|[\w.\[\]]+(?::[\w.]+)?)!     # a sheet, perhaps of another workbook
    (?P<theirs>(?:{_CELL}(?::{_CELL})?|{_ROW}:{_ROW})(?![\w.(]))?
  | {_OURS}
  | \[(?:[^\[\]]|\[[^\]]*\])*\]                           # a structured reference
  | [\w.\\]+                                              # a name, a function, a number
    """,
    re.VERBOSE,
)
# The same in a formula that has none of the signs of the others: a text, a reference, a word.
_RARE = "!#["
_PLAIN_TOKEN = lazy_pattern(rf'"(?:[^"]|"")*"|{_OURS}|[\w.\\]+')
_END = lazy_pattern(r"(?P<column>\$?[A-Za-z]*)(?P<fixed>\$?)(?P<row>[0-9]+)")
_PLAIN_SHEET = lazy_pattern(r"[^\W\d][\w.]*")
_LOOKS_LIKE_CELL = lazy_pattern(rf"(?:{_CELL}|[Rr][0-9]*(?:[Cc][0-9]*)?|[Cc][0-9]*)")


def quoted_sheet(name: str) -> str:
    """A sheet name as it is written before the `!` of a formula, in quotes where Excel wants them."""
    looks_like_cell = name.isascii() and _LOOKS_LIKE_CELL.fullmatch(name)
    if _PLAIN_SHEET.fullmatch(name) and not looks_like_cell and name.upper() not in ("TRUE", "FALSE"):
        return name
    return "'" + name.replace("'", "''") + "'"


def absolute(reference: str) -> str:
    """`A1:L40` → `$A$1:$L$40`, `10:12` → `$10:$12`, several separated by commas; `$` already there is kept."""

    def one(end: str) -> str:
        match = _END.fullmatch(end)
        if match is None:
            return "$" + end.lstrip("$")  # a whole column
        column = match["column"].lstrip("$")
        return (f"${column}" if column else "") + f"${match['row']}"

    return ",".join(":".join(one(end) for end in area.split(":")) for area in reference.split(","))


def shift_formula(text: str, row_map: RowMap, sheet: str | None = None, *, unqualified: bool | None = None) -> str:
    """The formula with its references to one sheet moved by `row_map`.

    Without `sheet` the formula stands on the sheet that moves: bare references move, qualified ones do not.
    With `sheet` the references qualified with that name move; bare ones too when `unqualified` is true (a
    formula on the sheet itself that also names it).
    """
    bare = sheet is None if unqualified is None else unqualified

    def span(first: int, last: int | None, _fixed: bool) -> tuple[int, int]:
        start = _moved(row_map, first)
        if last is None:
            return start, start
        end = _moved(row_map, last)
        if (start, end) == (first, last):
            return first, last  # as it was written, even upside down
        return min(start, end), max(start, end)

    return _rewritten(text, span, sheet, bare)


def expand_formula(text: str, spans: RowSpans, anchor: int, sheet: str | None = None) -> str:
    """The formula of a template with every template row replaced by the rows it became.

    A range runs from the first row of its start to the last row of its end: `SUM($D$13:$D$13)` becomes
    `SUM($D$13:$D$27)`. A single cell becomes the first of its rows. In a rule that is applied to repeated rows
    a relative reference to the rule's own row (`anchor`) means "this row" and stays with the first one:
    `SUM(D13:F13)>100`.
    """

    def span(first: int, last: int | None, fixed: bool) -> tuple[int, int]:
        start = spans(first)[0]
        if last is None:
            return start, start
        if first == last == anchor and not fixed:
            return start, start
        return start, (last if last >= LAST_ROW else spans(last)[1])

    return _rewritten(text, span, sheet, True)


def _moved(row_map: RowMap, row: int) -> int:
    # The end of the sheet stays the end of the sheet: it means "down to the bottom", not a place.
    return row if row >= LAST_ROW else max(1, min(LAST_ROW, row_map(row)))


def _rewritten(
    text: str, span: Callable[[int, int | None, bool], tuple[int, int]], sheet: str | None, bare: bool
) -> str:
    wanted = sheet.casefold() if sheet is not None else None

    def replace_ours(match: re.Match[str]) -> str:
        return _reference(match["ours"], span) if match["ours"] else match[0]

    def replace(match: re.Match[str]) -> str:
        reference = match["ours"] if bare else None
        prefix = ""
        if reference is None:
            reference = match["theirs"]
            if reference is None or wanted is None or _unquoted(match["sheet"]).casefold() != wanted:
                return match[0]
            prefix = match["sheet"] + "!"
        return prefix + _reference(reference, span)

    if any(sign in text for sign in _RARE):
        return _TOKEN.sub(replace, text)
    return _PLAIN_TOKEN.sub(replace_ours, text) if bare else text


def _unquoted(sheet: str) -> str:
    return sheet[1:-1].replace("''", "'") if sheet.startswith("'") else sheet


def _reference(reference: str, span: Callable[[int, int | None, bool], tuple[int, int]]) -> str:
    start, _, end = reference.partition(":")
    first = _END.fullmatch(start)
    last = _END.fullmatch(end) if end else None
    if first is None or (end and last is None):
        return reference
    for part in (first, last):
        if part is not None and (_beyond(part["column"].lstrip("$")) or int(part["row"]) > LAST_ROW):
            return reference  # not a cell of any sheet: a name that looks like one
    rows = span(int(first["row"]), int(last["row"]) if last else None, bool(_fixed(first)))
    moved = f"{first['column']}{first['fixed']}{rows[0]}"
    return moved if last is None else f"{moved}:{last['column']}{last['fixed']}{rows[1]}"


def _fixed(end: re.Match[str]) -> bool:
    # In a whole-row reference the `$` stands where a column would.
    return bool(end["fixed"]) or end["column"] == "$"


def _beyond(letters: str) -> bool:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number > _LAST_COLUMN


def shift_ranges(sqref: str, row_map: RowMap) -> str:
    """A list of ranges (`B13:B15 D20`) moved by `row_map`.

    A range is moved by its ends, so rows inserted inside belong to it, as in Excel. Where the rows of a range
    were re-ordered, it becomes the ranges its rows now form.
    """
    return " ".join(part for area in sqref.split() for part in _moved_area(area, row_map))


def _moved_area(area: str, row_map: RowMap) -> list[str]:
    start, _, end = area.partition(":")
    first, last = _END.fullmatch(start), _END.fullmatch(end or start)
    if first is None or last is None:
        return [area]
    top, bottom = sorted((int(first["row"]), int(last["row"])))
    left, right = first["column"] + first["fixed"], last["column"] + last["fixed"]

    def written(low: int, high: int) -> str:
        return f"{left}{low}:{right}{high}" if end and (low, left) != (high, right) else f"{left}{low}"

    if bottom - top > _ROW_BY_ROW or bottom >= LAST_ROW:
        low, high = sorted((_moved(row_map, top), _moved(row_map, bottom)))
        return [written(low, high)]
    rows = [_moved(row_map, row) for row in range(top, bottom + 1)]
    if all(row <= following for row, following in itertools.pairwise(rows)):
        return [written(rows[0], rows[-1])]
    return [written(low, high) for low, high in _runs(sorted(set(rows)))]


def _runs(rows: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for row in rows:
        if runs and runs[-1][1] == row - 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs


def expand_ranges(sqref: str, spans: RowSpans) -> str:
    """A list of ranges of a template with every template row replaced by the rows it became; "" when none is left."""
    areas = []
    for area in sqref.split():
        start, _, end = area.partition(":")
        first, last = _END.fullmatch(start), _END.fullmatch(end or start)
        if first is None or last is None:
            areas.append(area)
            continue
        low = spans(int(first["row"]))[0]
        bottom = int(last["row"])
        high = bottom if bottom >= LAST_ROW else spans(bottom)[1]
        if high < low:
            continue
        left, right = first["column"] + first["fixed"], last["column"] + last["fixed"]
        areas.append(f"{left}{low}" if (left, low) == (right, high) else f"{left}{low}:{right}{high}")
    return " ".join(areas)
