"""The narrative below the table: what stands under each heading, in however many cells, or all of it in one."""

from __future__ import annotations

from functools import lru_cache

from perfeval.labels import LabelIndex, Position, headings_in
from perfeval.layout import Layout, Slot
from perfeval.places import Found, Places, with_text
from perfeval.workbook.grid import Sheet, blank_at
from perfeval.workbook.guard import LIMITS

__all__ = ["read_sections"]


def read_sections(sheet: Sheet, layout: Layout, index: LabelIndex, rows: range, places: Places) -> None:
    """Give every section the texts from its heading in `rows` up to the next heading, in the order of reading."""
    owners = _owners(layout)
    heads = {place: slot for slot in owners for place in index.cells(slot) if place[0] in rows}
    if not heads:
        return
    found: dict[str, list[Found]] = {}
    begun: dict[str, Position] = {}
    first = min(heads)
    section: Slot | None = None
    row_before, text_before = 0, ""
    for position in sorted(place for place in sheet.cells if place >= first):
        cell = sheet.cells[position]
        text = cell.text
        if position[0] == row_before and cell.typed == text_before:
            places.consumed.add(position)  # a merge taken apart, its text repeated in each cell
            continue
        if position in heads:
            section = owners[heads[position]]
            begun.setdefault(section.path or "", position)
            places.consumed.add(position)
            text = (index.rest(heads[position], position) or "").strip()
            if not text:
                continue
        elif position in places.consumed or position[1] > max(places.right_edge, 1):
            continue
        places.consumed.add(position)
        row_before, text_before = position[0], cell.typed
        for label, piece in headings_in(layout, text) if "\n" in text else [("", text)]:
            if label:
                section = next(owner for slot, owner in owners.items() if slot.text == label)
                begun.setdefault(section.path or "", position)
            if section is not None and (piece or cell.problem is not None):
                path = section.path or ""
                found.setdefault(path, []).append(
                    Found(position, cell if piece == cell.text else with_text(cell, piece))
                )
    for path, (row, column) in begun.items():
        under = min(row + 1, LIMITS.rows), column
        blank = Found(under, blank_at(*under))
        places.sections[path.removeprefix("narrative.")] = tuple(found.get(path, ())) or (blank,)


@lru_cache(maxsize=64)
def _owners(layout: Layout) -> dict[Slot, Slot]:
    """Heading → the section that follows it in the form."""
    lower = [slot for slot in layout.slots if slot.row > layout.total_row]
    found = {}
    for number, slot in enumerate(lower):
        if slot.is_label and slot.column == 1:
            owner = next((s for s in lower[number:] if s.path), None)
            if owner is not None and (owner.path or "").startswith("narrative."):
                found[slot] = owner
    return found
