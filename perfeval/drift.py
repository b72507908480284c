"""How a form that was handed in differs from the one that was handed out: what is not there, and what is hidden."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from perfeval.captions import captions
from perfeval.findings import Finding
from perfeval.labels import nearest
from perfeval.layout import COMPUTED, Layout, Slot
from perfeval.model import Cell, Indicator
from perfeval.places import Places
from perfeval.workbook.grid import Sheet, column_letter, parse_ref, ref

__all__ = ["hidden", "missing"]

_ESSENTIAL = ("level2.name", "indicator.name", "indicator.target", "indicator.actual", "indicator.score")
_TYPED = ("name", "target", "actual", "score", "shortfall_reason", "evidence")  # columns that people fill in


def missing(sheet: Sheet, layout: Layout, places: Places) -> Iterator[Finding]:
    """Columns and labels that were not found, each with what is most like it among the words nobody asked for."""
    spare = dict(places.spare_headers)
    stated = any(group.weights == "stated" for group in layout.pack.groups)
    for column in places.missing_columns:
        if column.key not in _ESSENTIAL and not (stated and column.key == "indicator.weight"):
            continue
        title = {"column": column.title}
        guess = nearest((column.title, *sorted(column.words)), spare) if places.header else None
        if guess is None:
            yield Finding("TPL022", "", column.title, title, sheet.name)
        else:
            found = "".join(spare.pop(guess).split())
            params = {**title, "row": str(guess[0]), "found": found}
            yield Finding("TPL023", ref(*guess), column.title, params, sheet.name)
    labels = {label.spoken: (place, label) for place, label in places.unread.items() if not _computed(place)}
    for place, label in labels.values():
        yield _missing_label(sheet, layout, places, place, label)


def _computed(place: Slot) -> bool:
    return (place.path or "").startswith(COMPUTED)


def _missing_label(sheet: Sheet, layout: Layout, places: Places, place: Slot, label: Slot) -> Finding:
    top, bottom = places.header or (sheet.last_row + 1, 0)
    above = label.row < layout.header_top
    others = {
        position: cell.text.partition("\n")[0]
        for position, cell in sheet.cells.items()
        if cell.number is None
        and position not in places.labels
        and (position[0] < top if above else position[0] > bottom)
    }
    words = "".join(label.text.split()).rstrip(":\uff1a(\uff08") or label.suffix.strip()
    guess = nearest(sorted(layout.labels[label.text]), others)
    name = captions(layout).get(place.path or "", words) if place is label else words
    hint, cell = f",它旁边要填的{'内容' if name in words else name}没有读到。", ""
    if guess is not None:
        hint, cell = f";第{guess[0]}行“{''.join(others[guess].split())}”是否就是它?", ref(*guess)
    return Finding("TPL024", cell, name, {"missing": words, "hint": hint}, sheet.name)


def hidden(sheet: Sheet, indicators: Iterable[Indicator], fields: Mapping[str, Cell]) -> Iterator[Finding]:
    """Hidden rows and columns that hold something a person filled in: it counts all the same."""
    if not sheet.hidden_rows and not sheet.hidden_columns:
        return
    filled = [row.cell(key) for row in indicators for key in _TYPED]
    cells = {parse_ref(cell.ref): cell for cell in (*filled, *fields.values()) if cell and cell.ref}
    for axis, lines in enumerate((sheet.hidden_rows, sheet.hidden_columns)):
        found = sorted(place for place in cells if place[axis] in lines)
        if found:
            numbers = sorted({place[axis] for place in found})
            where = "、".join(f"{column_letter(n)}列" if axis else f"第{n}行" for n in numbers)
            first = cells[found[0]]
            yield Finding("TPL032", first.ref, "", {"where": where, "text": first.text.strip()}, sheet.name)
