"""Where the places of a form are in a filled workbook, found by the words around them.

Rows are aligned by their labels, in order, so that inserted, deleted and shifted rows do not matter; columns of the
indicator table are found by their header words. Nothing here depends on an address.
"""

from __future__ import annotations

from perfeval.labels import LabelIndex, Position, Words, label_index
from perfeval.layout import Column, Layout, Slot, bare, yearless
from perfeval.model import Cell
from perfeval.places import Found, Places, same_to_the_right, with_text
from perfeval.sections import read_sections
from perfeval.workbook.grid import Sheet, ref
from perfeval.workbook.guard import LIMITS

__all__ = ["Found", "Places", "locate"]

_TALLEST_HEADER = 30  # rows, blank ones put in between included; a merge down the whole sheet makes no header
_ANCHOR_COLUMNS = ("indicator.target", "indicator.actual", "indicator.score", "indicator.name")


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
    if layout.side_words:  # 绩效指标 beside the table, also where its merge was taken apart and filled
        table = set(places.columns.values())
        places.consumed.update(
            (row, column)
            for word in layout.side_words & words.keys()
            for row, column in words[word]
            if row in places.data and column not in table
        )
    _read_rows(sheet, layout, upper, index, places)
    _read_rows(sheet, layout, lower, index, places)
    read_sections(sheet, layout, index, range(bottom + 1, sheet.last_row + 1), places)
    return places


# ---- rows -----------------------------------------------------------------------------------------------------------


def _align(layout: Layout, template_rows: list[int], index: LabelIndex, rows: range, places: Places) -> None:
    """Give each template row the row whose labels match best, keeping the order of both sides."""
    chain: list[tuple[int, int, int, int]] = []  # template row, row, weight of the best chain ending here, predecessor
    for template_row in template_rows:
        weights: dict[int, int] = {}
        for slot, weight in layout.anchors[template_row]:
            for row in {row for row, _ in index.cells(slot)}:
                if row in rows:
                    weights[row] = weights.get(row, 0) + weight
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
    cells = sheet.cells
    for template_row in template_rows:
        slots = layout.by_row[template_row]
        row = places.rows.get(template_row)
        if row is None:
            row = _row_below_label(sheet, layout, template_row, index, places)
        if row is None:
            for slot in slots:
                if slot.path and not slot.path.startswith("narrative."):
                    leading = layout.guides.get(slot, ())
                    places.unread[slot] = leading[-1] if leading else layout.above.get(slot, slot)
            continue
        marks: dict[Slot, Position] = {}
        after = 0
        for slot in slots:
            if slot.path and not slot.is_anchor:
                continue
            here = [place for place in index.cells(slot) if place[0] == row and place[1] > after]
            if here:
                found = min(here)
                after = same_to_the_right(sheet, found)
                marks[slot] = found
                said = [(row, column) for column in range(found[1], after + 1) if (row, column) in cells]
                places.labels.update(said)
                places.consumed.update(said)
        for number, slot in enumerate(slots):
            if slot.path and not slot.path.startswith("narrative."):
                _read_place(sheet, layout, slots, marks, number, row, index, places)
        if signs := layout.signs.get(template_row):
            across = ((row, column) for column in range(1, places.right_edge + 1))
            places.consumed.update(p for p in across if p in sheet.cells and bare(sheet.cells[p].text) in signs)


def _row_below_label(sheet: Sheet, layout: Layout, template_row: int, index: LabelIndex, places: Places) -> int | None:
    """The row of places that have no words in it, from the labels above them."""
    slots = layout.by_row[template_row]
    if any(slot.is_anchor for slot in slots):
        return None
    for slot in slots:
        head = layout.above.get(slot)
        if head is not None and head.row in places.rows:
            row = places.rows[head.row]
            found = min((place for place in index.cells(head) if place[0] == row), default=None)
            if found is not None:
                below = min(sheet.span(*found).bottom + template_row - head.span.bottom, LIMITS.rows)
                next_rows = (row for template, row in places.rows.items() if template > template_row)
                columns = [_column_below_label(over, places, index) for over in map(layout.above.get, slots) if over]
                filled = (
                    row
                    for row in range(below, min(next_rows, default=below))
                    if any(column is not None and (row, column) in sheet.cells for column in columns)
                )
                places.rows[template_row] = below = next(filled, below)
                return below
    return None


def _read_place(
    sheet: Sheet,
    layout: Layout,
    slots: tuple[Slot, ...],
    marks: dict[Slot, Position],
    number: int,
    row: int,
    index: LabelIndex,
    places: Places,
) -> None:
    slot = slots[number]
    assert slot.path is not None
    own = marks.get(slot)
    leading = layout.guides.get(slot, ())
    missing = next((label for label in leading if label not in marks), slot if slot.is_anchor and own is None else None)
    if missing is not None:
        places.unread[slot] = missing
        return
    label = own or (marks[leading[0]] if leading else None)
    begin = 1
    if label is not None:
        value = index.rest(slot if own else leading[0], label)
        if (value is not None and (value := _without_suffix(value, slot.suffix))) or (own and slot.suffix):
            places.fields[slot.path] = Found(label, with_text(sheet.cells[label], value or ""))
            return
        begin = min(same_to_the_right(sheet, label) + 1, LIMITS.columns)
    head = layout.above.get(slot)
    if head is not None:
        column = _column_below_label(head, places, index)
        if column is None:
            places.unread[slot] = head
            return
        position = sheet.anchor(row, column)
        places.fields[slot.path] = Found(position, sheet.cells.get(position, Cell(ref(*position))))
        places.consumed |= {position, (places.rows[head.row], column)}
        if position in sheet.cells:  # a merge taken apart repeats its text, as far as the label above it goes
            wide = same_to_the_right(sheet, (places.rows[head.row], column))
            last = min(wide, same_to_the_right(sheet, position))
            places.consumed.update((row, after) for after in range(column, last + 1))
        return
    # The cell right after the label is its value even where the table is narrower than the header.
    edge = max(places.right_edge, begin) + 1
    end = next((marks[other][1] for other in slots[number + 1 :] if other in marks), edge)
    for column in range(begin, end):
        anchor = sheet.anchor(row, column)
        if anchor in sheet.cells and anchor not in places.consumed:
            places.fields[slot.path] = Found(anchor, sheet.cells[anchor])
            places.consumed.add(anchor)
            if number + 1 == len(slots) or slots[number + 1].is_label:
                last = same_to_the_right(sheet, anchor)
                places.consumed.update((row, after) for after in range(column, last + 1))
            return
    blank = label if own and label else sheet.anchor(row, begin)
    places.fields[slot.path] = Found(blank, Cell(ref(*blank)))


def _column_below_label(head: Slot, places: Places, index: LabelIndex) -> int | None:
    """The column that the label above a place heads in this sheet; None when the label is not there."""
    row = places.rows.get(head.row)
    if row is None:
        return None
    found = min((place for place in index.cells(head) if place[0] == row), default=None)
    return None if found is None else found[1]


def _without_suffix(text: str, suffix: str) -> str:
    text = text.strip()
    wanted = suffix.strip()
    if wanted and len(text) >= len(wanted) and bare(text[-len(wanted) :]) == bare(wanted):
        text = text[: -len(wanted)]
    return text.strip()


# ---- the indicator table --------------------------------------------------------------------------------------------


def _find_table(sheet: Sheet, layout: Layout, index: LabelIndex, places: Places) -> None:
    hits: dict[int, set[str]] = {}
    anchors: dict[int, int] = {}
    heads: dict[int, list[Position]] = {}  # row → cells with words that may stand in the header
    for word, positions in index.words.items():
        keys = layout.heading_columns.get(word)
        if keys is None:
            continue
        named = sum(key in _ANCHOR_COLUMNS for key in keys)
        for position in positions:
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
    bottom = min(max([sheet.span(*position).bottom for position in heads[core]]), core + _TALLEST_HEADER)
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
        places.consumed.update(
            position
            for position, cell in sheet.cells.items()
            if position[0] == rows[0][0] and position[1] <= places.right_edge and not _is_remark(position, cell, places)
        )
        places.consumed.update(p for slot in totals for p in index.cells(slot) if p[0] == rows[0][0])
    places.data = range(bottom + 1, places.total_row or sheet.last_row + 1)


def _is_remark(position: Position, cell: Cell, places: Places) -> bool:
    """Whether a cell of the total row holds words for which the form has no place there."""
    computed = (column for key, column in places.columns.items() if key.endswith((".weight", ".score")))
    return cell.number is None and cell.formula is None and len(cell.text.strip()) > 1 and position[1] not in computed


def _find_columns(sheet: Sheet, layout: Layout, top: int, bottom: int, places: Places) -> None:
    cells, anchor_of = sheet.cells, sheet.anchor
    inside = [position for position in cells if top <= position[0] <= bottom]
    last = min(max((sheet.span(*position).right for position in inside), default=1), sheet.last_column)
    paths: dict[int, tuple[str, ...]] = {}
    heads: dict[int, Position] = {}
    for column in range(1, last + 1):
        path: list[Position] = []
        for row in range(top, bottom + 1):
            anchor = anchor_of(row, column)
            if anchor in cells and (not path or path[-1] != anchor):
                path.append(anchor)
        if path:
            paths[column] = tuple([_head_word(layout, cells[anchor].text) for anchor in path])
            heads[column] = path[-1]
    exact = {path: column for column, path in reversed(paths.items())}
    places.columns.update((key, exact[c.headers]) for key, c in layout.columns.items() if c.headers in exact)
    taken = set(places.columns.values())
    for match in (_same_end, _same_word):
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
    for key, wanted in layout.columns.items():
        if key.endswith(".weight") and key not in places.columns and wanted.headers:
            # 一级指标 名称 | 权重 with the merge above them taken apart.
            name = places.columns.get(key.replace(".weight", ".name"), last)
            after = next((c for c in range(name + 1, last + 1) if c in paths), last + 1)
            if after not in taken and paths.get(after, ("",))[-1] == wanted.headers[-1]:
                places.columns[key] = after
                taken.add(after)
    places.right_edge = max(
        [last if not places.columns else 0, *(sheet.span(bottom, column).right for column in places.columns.values())]
    )
    places.right_edge = min(places.right_edge, max(last, sheet.last_column))
    places.missing_columns += [column for key, column in layout.columns.items() if key not in places.columns]
    used = {heads[column] for column in taken}
    for position in inside:
        word = _head_word(layout, cells[position].text)
        if position in used or word in layout.header_words or word in layout.side_words:
            places.consumed.add(position)
        else:
            places.spare_headers[position] = cells[position].text


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
