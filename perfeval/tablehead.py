"""The indicator table of a form in a filled workbook: its header rows, its columns by their words, its total row."""

from __future__ import annotations

from functools import lru_cache

from perfeval.labels import LabelIndex, Position
from perfeval.layout import Column, Layout, bare, yearless
from perfeval.model import Cell
from perfeval.places import Places
from perfeval.record import record
from perfeval.workbook.cells import Parsed
from perfeval.workbook.grid import Range, Sheet

__all__ = ["find_table"]

_TALLEST_HEADER = 30  # rows, blank ones put in between included; a merge down the whole sheet makes no header
_USUAL_HEADER = 256  # cells and merges in the header of a form
_ANCHOR_COLUMNS = ("indicator.target", "indicator.actual", "indicator.score", "indicator.name")


def find_table(sheet: Sheet, layout: Layout, index: LabelIndex, places: Places) -> None:
    """Find header, columns and total row of the indicator table."""
    hits: dict[int, set[str]] = {}
    anchors: dict[int, int] = {}
    heads: dict[int, list[Position]] = {}  # row → cells with words that may stand in the header
    for word in layout.heading_columns.keys() & index.words.keys():
        keys = layout.heading_columns[word]
        named = sum([key in _ANCHOR_COLUMNS for key in keys]) if keys else 0
        for position in index.words[word]:
            row = position[0]
            heads.setdefault(row, []).append(position)
            if keys:
                hits.setdefault(row, set()).add(word)
                if named:
                    anchors[row] = anchors.get(row, 0) + named
    core = max(anchors, key=lambda row: (anchors[row], len(hits[row]), -row), default=None)
    if core is None or len(hits[core]) < 2:
        places.right_edge = layout.last_column
        places.missing_columns += list(layout.columns.values())
        return
    merged = sheet.merged(core)
    ends = [merge.bottom for _, column in heads[core] if (merge := merged.get(column)) is not None]
    bottom = min(max(ends, default=core), core + _TALLEST_HEADER)
    top = core
    while top - 1 in heads and core - top < 3:
        top -= 1
    while bottom + 1 in heads and bottom - top < 4:
        bottom += 1
    places.header = (top, bottom)
    for row in range(top, bottom + 1):
        if layout.header_top + row - top < layout.indicator_row:
            places.rows[layout.header_top + row - top] = row
    _find_columns(sheet, layout, top, bottom, places)
    totals = [slot for slot in layout.by_row[layout.total_row] if slot.is_label]
    name_column = places.columns.get("indicator.name", layout.last_column)
    rows = sorted(
        position
        for slot in totals
        for position in index.cells(slot)
        if position[0] > bottom and position[1] <= name_column
    )
    if rows:
        places.total_row = rows[0][0]
        places.rows[layout.total_row] = rows[0][0]
        total = rows[0][0]
        computed = {column for key, column in places.columns.items() if key.endswith((".weight", ".score"))}
        places.consumed.update(
            (total, column)
            for column, cell in sheet.lines[total].items()
            if column <= places.right_edge and (column in computed or not _is_remark(cell))
        )
        places.consumed.update(p for slot in totals for p in index.cells(slot) if p[0] == rows[0][0])
    places.data = range(bottom + 1, places.total_row or sheet.last_row + 1)


def _is_remark(cell: Cell) -> bool:
    """Whether a cell of the total row holds words, for which the form has no place there."""
    return cell.number is None and cell.formula is None and len(cell.text.strip()) > 1


def _find_columns(sheet: Sheet, layout: Layout, top: int, bottom: int, places: Places) -> None:
    merges = tuple([merge for merge in sheet.merges if merge.top <= bottom and merge.bottom >= top])
    rows = sorted({*range(top, bottom + 1), *(merge.top for merge in merges)})
    cells = tuple([(row, at, cell.text) for row in rows for at, cell in sheet.lines.get(row, {}).items()])
    usual = len(cells) + len(merges) <= _USUAL_HEADER
    head = (_head_again if usual else _head)(layout, cells, merges, top, bottom, sheet.last_column)
    places.columns.update(head.columns)
    places.right_edge = head.right_edge
    places.missing_columns += head.missing
    places.consumed.update(head.done)
    places.spare_headers.update(head.spare)


@record(frozen=True, slots=True)
class _Head:
    """What the header rows of a sheet say."""

    columns: dict[str, int]  # column key → column
    right_edge: int
    missing: tuple[Column, ...]
    done: tuple[Position, ...]  # cells that are read
    spare: dict[Position, str]  # header cells nobody asked for


def _head(
    layout: Layout,
    written: tuple[tuple[int, int, str], ...],
    merges: tuple[Range, ...],
    top: int,
    bottom: int,
    last_column: int,
) -> _Head:
    """The header in rows `top`…`bottom`, told by what is `written` in them and where its merges begin."""
    cells = {(row, column): Cell(text=text) for row, column, text in written}
    parsed = Parsed(cells, merges)
    sheet = Sheet("", "visible", None, lambda: parsed)
    inside = [position for position in cells if top <= position[0] <= bottom]
    last = min(max((sheet.span(*position).right for position in inside), default=1), last_column)
    paths: dict[int, tuple[str, ...]] = {}
    heads: dict[int, Position] = {}
    for column in range(1, last + 1):
        path: list[Position] = []
        for row in range(top, bottom + 1):
            anchor = sheet.anchor(row, column)
            if anchor in cells and (not path or path[-1] != anchor):
                path.append(anchor)
        if path:
            paths[column] = tuple([_head_word(layout, cells[anchor].text) for anchor in path])
            heads[column] = path[-1]
    exact = {path: column for column, path in reversed(paths.items())}
    columns = {key: exact[c.headers] for key, c in layout.columns.items() if c.headers in exact}
    taken = set(columns.values())
    for match in (_same_end, _same_word):
        for key, wanted in layout.columns.items():
            if key in columns:
                continue
            fitting = [c for c, path in paths.items() if c not in taken and match(wanted, path)]
            if len(fitting) > 1 and key.endswith(".weight"):
                # Several columns say just 权重: each belongs to the name column before it.
                name = columns.get(key.replace(".weight", ".name"))
                fitting = [c for c in fitting if name is not None and c > name]
            if fitting:
                columns[key] = fitting[0]
                taken.add(fitting[0])
    for key, wanted in layout.columns.items():
        if key.endswith(".weight") and key not in columns and wanted.headers:
            # 一级指标 名称 | 权重 with the merge above them taken apart.
            name = columns.get(key.replace(".weight", ".name"), last)
            after = next((c for c in range(name + 1, last + 1) if c in paths), last + 1)
            if after not in taken and paths.get(after, ("",))[-1] == wanted.headers[-1]:
                columns[key] = after
                taken.add(after)
    right_edge = max([last if not columns else 0, *(sheet.span(bottom, column).right for column in columns.values())])
    missing = tuple(column for key, column in layout.columns.items() if key not in columns)
    done: list[Position] = []
    spare: dict[Position, str] = {}
    used = {heads[column] for column in taken}
    for position in inside:
        word = _head_word(layout, cells[position].text)
        if position in used or word in layout.header_words or word in layout.side_words:
            done.append(position)
        else:
            spare[position] = cells[position].text
    return _Head(columns, min(right_edge, max(last, last_column)), missing, tuple(done), spare)


_head_again = lru_cache(maxsize=64)(_head)  # the forms of a batch have the same header, mostly in the same rows


def _head_word(layout: Layout, text: str) -> str:
    """A header text as it is compared; one with a year as the form would have it."""
    word = bare(text)
    if "20" in word:
        return next((other for other in (word, *yearless(word)) if other in layout.header_words), word)
    return word


def _same_end(column: Column, path: tuple[str, ...]) -> bool:
    return len(path) > 1 and len(column.headers) > 1 and path[-2:] == column.headers[-2:]


def _same_word(column: Column, path: tuple[str, ...]) -> bool:
    return path[-1] in column.words
