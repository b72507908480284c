"""Where the places of a form are in a filled workbook, found by the words around them.

Rows are aligned by their labels, in order, so that inserted, deleted and shifted rows do not matter; columns of the
indicator table are found by their header words. Nothing here depends on an address.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from perfeval.labels import LabelIndex, Position, Words, label_index, positions
from perfeval.layout import Column, Layout, Slot, bare
from perfeval.model import Cell
from perfeval.workbook.grid import Sheet, ref

__all__ = ["Found", "Places", "locate"]

_ANCHOR_COLUMNS = ("indicator.target", "indicator.actual", "indicator.score", "indicator.name")


@dataclass(frozen=True, slots=True)
class Found:
    """A place found: the cell that is there, or the address where it would be."""

    position: Position
    cell: Cell  # its text is the value alone, without the fixed words around it


@dataclass
class Places:
    """Everything that was recognised of a form in one sheet."""

    fields: dict[str, Found] = field(default_factory=dict)
    sections: dict[str, tuple[Found, ...]] = field(default_factory=dict)
    header: tuple[int, int] | None = None  # first and last header row of the indicator table
    columns: dict[str, int] = field(default_factory=dict)  # column key → column
    data: range = range(0)  # rows of the indicator table
    total_row: int | None = None
    rows: dict[int, int] = field(default_factory=dict)  # template row → row, outside the indicator rows
    missing_labels: list[Slot] = field(default_factory=list)
    missing_columns: list[Column] = field(default_factory=list)
    spare_headers: dict[Position, str] = field(default_factory=dict)  # header cells nobody asked for
    consumed: set[Position] = field(default_factory=set)
    right_edge: int = 0  # last column of the form in this sheet


def locate(sheet: Sheet, layout: Layout, words: Words) -> Places:
    """Find every place of the form in `sheet`, whose words are `words`."""
    places = Places()
    index = label_index(sheet, layout, words)
    _find_table(sheet, layout, index, places)
    top = places.header[0] if places.header else sheet.last_row + 1
    bottom = places.total_row or (places.header[1] if places.header else 0)
    upper = [row for row in layout.by_row if row < layout.header_top]
    lower = [row for row in layout.by_row if row > layout.total_row]
    _align(layout, upper, index, range(1, top), places)
    _align(layout, lower, index, range(bottom + 1, sheet.last_row + 1), places)
    if places.header and places.total_row is None:
        below = [row for template, row in places.rows.items() if template > layout.total_row]
        places.data = range(places.header[1] + 1, min(below, default=sheet.last_row + 1))
    _read_rows(sheet, layout, upper, index, places)
    _read_rows(sheet, layout, lower, index, places)
    _read_sections(sheet, layout, lower, index, places)
    return places


# ---- rows -----------------------------------------------------------------------------------------------------------


def _align(layout: Layout, template_rows: list[int], index: LabelIndex, rows: range, places: Places) -> None:
    """Give each template row the row whose labels match best, keeping the order of both sides."""
    chain: list[tuple[int, int, int, int]] = []  # template row, row, weight of the best chain ending here, predecessor
    for template_row in template_rows:
        weights: dict[int, int] = {}
        for slot in layout.by_row[template_row]:
            if slot.is_anchor:
                for row in {position[0] for position in positions(layout, slot, index, rows)}:
                    weights[row] = weights.get(row, 0) + len(slot.text) + len(slot.suffix)
        for row, weight in sorted(weights.items()):
            best, before = 0, -1
            for number, (other_template, other_row, other_weight, _) in enumerate(chain):
                if other_template < template_row and other_row < row and other_weight > best:
                    best, before = other_weight, number
            chain.append((template_row, row, best + weight, before))
    link = max(range(len(chain)), key=lambda number: chain[number][2], default=-1)
    while link >= 0:
        template_row, row, _, link = chain[link]
        places.rows[template_row] = row


def _read_rows(sheet: Sheet, layout: Layout, template_rows: list[int], index: LabelIndex, places: Places) -> None:
    """Read the places of the aligned rows: what stands between one label and the next."""
    for template_row in template_rows:
        slots = layout.by_row[template_row]
        row = places.rows.get(template_row)
        if row is None:
            row = _row_below_label(sheet, layout, template_row, index, places)
        if row is None:
            places.missing_labels += [slot for slot in slots if slot.is_anchor]
            continue
        marks: list[tuple[Slot, Position] | None] = []
        after = 0
        only = range(row, row + 1)
        for slot in slots:
            here = positions(layout, slot, index, only)
            found = min([p for p in here if p[1] > after], default=None) if here else None
            if found is not None:
                after = found[1]
                places.consumed.add(found)
            elif slot.is_anchor:
                places.missing_labels.append(slot)
            marks.append((slot, found) if found else None)
        for number, slot in enumerate(slots):
            if slot.path and not slot.path.startswith("narrative."):
                _read_place(sheet, layout, slots, marks, number, row, index, places)
        signs = {bare(slot.text) for slot in slots if slot.path is None and not slot.is_label}
        if signs:
            places.consumed.update(p for p, cell in sheet.cells.items() if p[0] == row and bare(cell.text) in signs)


def _row_below_label(sheet: Sheet, layout: Layout, template_row: int, index: LabelIndex, places: Places) -> int | None:
    """The row of places that have no words in it, from the labels above them."""
    slots = layout.by_row[template_row]
    if any(slot.is_anchor for slot in slots):
        return None
    for slot in slots:
        head = layout.above.get(slot)
        if head is not None and head.row in places.rows:
            row = places.rows[head.row]
            found = min(positions(layout, head, index, range(row, row + 1)), default=None)
            if found is not None:
                below = sheet.span(*found).bottom + template_row - head.span.bottom
                places.rows[template_row] = below
                return below
    return None


def _read_place(
    sheet: Sheet,
    layout: Layout,
    slots: tuple[Slot, ...],
    marks: list[tuple[Slot, Position] | None],
    number: int,
    row: int,
    index: LabelIndex,
    places: Places,
) -> None:
    slot = slots[number]
    assert slot.path is not None
    own = marks[number]
    end = next((mark[1][1] for mark in marks[number + 1 :] if mark), places.right_edge + 1)
    if own is not None:
        position = own[1]
        rest = next(text for where, text in index.prefixes[slot] if where == position)
        value = _without_suffix(rest, slot.suffix)
        begin = sheet.span(*position).right + 1
        if value or slot.suffix:
            places.fields[slot.path] = Found(position, _with_text(sheet.cells[position], value))
            return
    else:
        position = (row, 0)
        left = next((n for n in range(number - 1, -1, -1) if marks[n]), None)
        if left is None and any(s.is_label for s in slots[:number]):
            return
        begin = 1
        if left is not None:
            label = marks[left]
            assert label is not None
            begin = sheet.span(*label[1]).right + 1
        head = layout.above.get(slot)
        if head is not None:
            column = _column_below_label(layout, head, places, index)
            if column is not None:
                position = sheet.anchor(row, column)
                places.fields[slot.path] = Found(position, sheet.cells.get(position, Cell(ref(*position))))
                places.consumed.add(position)
            return
        position = (row, begin)
    for column in range(begin, end):
        anchor = sheet.anchor(row, column)
        if anchor in sheet.cells and anchor not in places.consumed:
            places.fields[slot.path] = Found(anchor, sheet.cells[anchor])
            places.consumed.add(anchor)
            return
    blank = position if own is not None else sheet.anchor(row, begin)
    places.fields[slot.path] = Found(blank, Cell(ref(*blank)))


def _column_below_label(layout: Layout, head: Slot, places: Places, index: LabelIndex) -> int | None:
    """The column that the label above a place heads in this sheet; None when the label is not there."""
    row = places.rows.get(head.row)
    if row is None:
        return None
    found = min(positions(layout, head, index, range(row, row + 1)), default=None)
    return None if found is None else found[1]


def _without_suffix(text: str, suffix: str) -> str:
    text = text.strip()
    wanted = suffix.strip()
    if wanted and len(text) >= len(wanted) and bare(text[-len(wanted) :]) == bare(wanted):
        text = text[: -len(wanted)]
    return text.strip()


def _with_text(cell: Cell, text: str) -> Cell:
    return Cell(cell.ref, text, None, cell.formula, cell.problem)


# ---- narrative ------------------------------------------------------------------------------------------------------


def _read_sections(sheet: Sheet, layout: Layout, template_rows: list[int], index: LabelIndex, places: Places) -> None:
    """A section is everything below its heading up to the next heading, and what follows the heading in its cell."""
    starts = sorted(row for template, row in places.rows.items() if template in set(template_rows))
    by_row: dict[int, list[Position]] = {}
    for position in sheet.cells:
        if position[0] >= (starts[0] if starts else sheet.last_row + 1):
            by_row.setdefault(position[0], []).append(position)
    for template_row in template_rows:
        for slot in layout.by_row[template_row]:
            if slot.path is None or not slot.path.startswith("narrative."):
                continue
            heading = max((row for row in template_rows if row < template_row and row in places.rows), default=None)
            if heading is None or any(
                s.path for row in template_rows if heading < row < template_row for s in layout.by_row[row]
            ):
                continue
            start = places.rows[heading]
            stop = starts[bisect_left(starts, start + 1)] if start < starts[-1] else sheet.last_row + 1
            found = []
            for label in layout.by_row[heading]:
                for position, rest in index.prefixes.get(label, ()):
                    if position[0] == start and rest.strip():
                        found.append(Found(position, _with_text(sheet.cells[position], rest.strip())))
            for row in range(start, stop):
                for position in sorted(by_row.get(row, ())):
                    if position not in places.consumed and position[1] <= max(places.right_edge, 1):
                        found.append(Found(position, sheet.cells[position]))
                        places.consumed.add(position)
            places.sections[slot.path.removeprefix("narrative.")] = tuple(found) or (
                Found((start + 1, slot.column), Cell(ref(start + 1, slot.column))),
            )


# ---- the indicator table --------------------------------------------------------------------------------------------


def _find_table(sheet: Sheet, layout: Layout, index: LabelIndex, places: Places) -> None:
    hits: dict[int, set[str]] = {}
    anchors: dict[int, int] = {}
    for key, column in layout.columns.items():
        for word in column.words:
            for row, _ in index.words.get(word, ()):
                hits.setdefault(row, set()).add(word)
                if key in _ANCHOR_COLUMNS:
                    anchors[row] = anchors.get(row, 0) + 1
    core = max(anchors, key=lambda row: (anchors[row], len(hits[row]), -row), default=None)
    if core is None or len(hits[core]) < 2:
        places.right_edge = layout.last_column
        places.missing_columns += list(layout.columns.values())
        return
    header_rows = {row for word in layout.header_words for row, _ in index.words.get(word, ())}
    heads = (p for word in layout.header_words for p in index.words.get(word, ()) if p[0] == core)
    bottom = max(sheet.span(*position).bottom for position in heads)
    top = core
    while top - 1 in header_rows and core - top < 3:
        top -= 1
    while bottom + 1 in header_rows and bottom - top < 4:
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
        for position in positions(layout, slot, index, range(bottom + 1, sheet.last_row + 1))
        if position[1] <= name_column
    )
    if rows:
        places.total_row = rows[0][0]
        places.rows[layout.total_row] = rows[0][0]
        places.consumed.update(p for p in sheet.cells if p[0] == rows[0][0] and p[1] <= places.right_edge)
    places.data = range(bottom + 1, places.total_row or sheet.last_row + 1)


def _find_columns(sheet: Sheet, layout: Layout, top: int, bottom: int, places: Places) -> None:
    last = max((sheet.span(*p).right for p in sheet.cells if top <= p[0] <= bottom), default=1)
    paths: dict[int, tuple[str, ...]] = {}
    heads: dict[int, Position] = {}
    for column in range(1, last + 1):
        path: list[Position] = []
        for row in range(top, bottom + 1):
            anchor = sheet.anchor(row, column)
            if anchor in sheet.cells and (not path or path[-1] != anchor):
                path.append(anchor)
        if path:
            paths[column] = tuple(bare(sheet.cells[anchor].text) for anchor in path)
            heads[column] = path[-1]
    taken: set[int] = set()
    for match in (_same_path, _same_end, _same_word):
        for key, wanted in layout.columns.items():
            if key in places.columns:
                continue
            fitting = [c for c, path in paths.items() if c not in taken and match(wanted, path)]
            if len(fitting) > 1 and key.endswith(".weight"):
                # Several columns say just 权重: each belongs to the name column before it.
                name = places.columns.get(key.replace(".weight", ".name"))
                fitting = [c for c in fitting if name is not None and c > name]
            if fitting:
                places.columns[key] = fitting[0]
                taken.add(fitting[0])
    places.right_edge = max(
        [last if not places.columns else 0, *(sheet.span(bottom, column).right for column in places.columns.values())]
    )
    places.missing_columns += [column for key, column in layout.columns.items() if key not in places.columns]
    used = {heads[column] for column in taken}
    for position in sheet.cells:
        if top <= position[0] <= bottom:
            word = bare(sheet.cells[position].text)
            if position in used or word in layout.header_words or word in layout.side_words:
                places.consumed.add(position)
            else:
                places.spare_headers[position] = sheet.cells[position].text


def _same_path(column: Column, path: tuple[str, ...]) -> bool:
    return path == column.headers


def _same_end(column: Column, path: tuple[str, ...]) -> bool:
    return len(path) > 1 and len(column.headers) > 1 and path[-2:] == column.headers[-2:]


def _same_word(column: Column, path: tuple[str, ...]) -> bool:
    return path[-1] in column.words
