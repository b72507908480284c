"""A filled form as it lies on a clerk's desk: its methods are what people do to a sheet, by row and by column.

    paper = Paper.of(path)
    paper.insert_rows(paper.row("合计:"), 2)
    paper.replace("评价年度实现值", "实际完成值")
    form, findings = read_form(paper.sheet(), layout)

Merges move with their cells as in a spreadsheet program. `sheet()` is what the reader gets from any file format, and
`workbook()` a real file, written by XlsxWriter, for what has to go the whole way.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import xlsxwriter

from perfeval.model import Cell, Form
from perfeval.workbook.cells import Parsed
from perfeval.workbook.grid import Range, Sheet, open_book, parse_ref, ref

__all__ = ["Impossible", "Paper", "differences", "said", "workbook_of"]

Position = tuple[int, int]
Move = Callable[[int], int | None]  # line → where it goes; None: it is gone


class Impossible(Exception):
    """What was to be done cannot be done to this paper."""


@dataclass
class Paper:
    """The cells, merges and hidden lines of one sheet."""

    name: str
    cells: dict[Position, Cell]
    merges: list[Range]
    state: str = "visible"
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, source: Path | bytes, number: int = 0) -> Paper:
        """What a sheet of a workbook holds."""
        data = source if isinstance(source, bytes) else source.read_bytes()
        sheet = open_book(data).sheets[number]
        return cls(sheet.name, dict(sheet.cells), list(sheet.merges))

    def copy(self) -> Paper:
        """A paper of its own with the same content."""
        return replace(
            self,
            cells=dict(self.cells),
            merges=list(self.merges),
            hidden_rows=set(self.hidden_rows),
            hidden_columns=set(self.hidden_columns),
        )

    # ---- looking ----

    def find(self, text: str) -> Position:
        """The first cell that says `text`, blanks and line breaks aside, else the first that begins so."""
        wanted = "".join(text.split())
        plain = {position: "".join(cell.text.split()) for position, cell in sorted(self.cells.items())}
        exact = [position for position, said in plain.items() if said == wanted]
        near = [position for position, said in plain.items() if said.startswith(wanted)]
        if not exact and not near:
            raise Impossible(f"{text} does not stand in the sheet")
        return (exact or near)[0]

    def row(self, text: str) -> int:
        """The row of the cell that says `text`."""
        return self.find(text)[0]

    def column(self, text: str) -> int:
        """The column of the cell that says `text`."""
        return self.find(text)[1]

    @property
    def last_row(self) -> int:
        """The last row with anything in it."""
        return max(row for row, _ in self.cells)

    @property
    def last_column(self) -> int:
        """The last column that a cell or a merge reaches."""
        return max([column for _, column in self.cells] + [merge.right for merge in self.merges])

    def span(self, position: Position) -> Range:
        """The merge a cell belongs to, or the cell alone."""
        return next((merge for merge in self.merges if position in merge), Range(*position, *position))

    # ---- writing ----

    def put(self, where: str | Position, value: str | Decimal | Cell) -> None:
        """Type a text or a number into a cell; "" clears it."""
        position = parse_ref(where) if isinstance(where, str) else where
        if value == "":
            self.cells.pop(position, None)
        elif isinstance(value, Cell):
            self.cells[position] = replace(value, ref=ref(*position))
        elif isinstance(value, Decimal):
            self.cells[position] = Cell(ref(*position), f"{value:f}", value)
        else:
            self.cells[position] = Cell(ref(*position), value)

    def replace(self, old: str, new: str) -> None:
        """Type `new` over every cell that says `old`."""
        wanted = "".join(old.split())
        found = [position for position, cell in self.cells.items() if "".join(cell.text.split()) == wanted]
        if not found:
            raise Impossible(f"{old} does not stand in the sheet")
        for position in found:
            self.put(position, new)

    # ---- rows and columns ----

    def insert_rows(self, before: int, count: int = 1) -> None:
        """Blank rows before a row; what is merged across them grows."""
        self._move(lambda row: row + count if row >= before else row, _same)

    def insert_columns(self, before: int, count: int = 1) -> None:
        """Blank columns before a column."""
        self._move(_same, lambda column: column + count if column >= before else column)

    def delete_rows(self, first: int, count: int = 1) -> None:
        """Take out rows; a merge that loses some of its cells keeps what it says."""
        self._move(_without(first, count), _same)

    def delete_columns(self, first: int, count: int = 1) -> None:
        """Take out columns."""
        self._move(_same, _without(first, count))

    def order_columns(self, order: Iterable[int], rows: range) -> None:
        """Let the columns of `rows` stand in this order from the leftmost of them on; those left out are gone."""
        columns = list(order)
        places = {column: min(columns) + number for number, column in enumerate(columns)}
        inside = {position: cell for position, cell in self.cells.items() if position[0] in rows}
        for position in inside:
            del self.cells[position]
        for (row, column), cell in inside.items():
            if column in places:
                self.put((row, places[column]), cell)
        for merge in [merge for merge in self.merges if merge.top in rows]:
            self.merges.remove(merge)
            across = sorted(places[c] for c in range(merge.left, merge.right + 1) if c in places)
            if across:
                if across != list(range(across[0], across[-1] + 1)):
                    raise Impossible(f"{merge.ref} would be torn")
                area = Range(merge.top, across[0], merge.bottom, across[-1])
                self.merges += [] if area.single else [area]

    def _move(self, rows: Move, columns: Move) -> None:
        moved: dict[Position, Cell] = {}
        merges = []
        for merge in self.merges:
            down = [row for line in range(merge.top, merge.bottom + 1) if (row := rows(line)) is not None]
            across = [column for line in range(merge.left, merge.right + 1) if (column := columns(line)) is not None]
            if down and across:
                area = Range(down[0], across[0], down[-1], across[-1])
                merges += [] if area.single else [area]
                if (merge.top, merge.left) in self.cells:
                    moved[down[0], across[0]] = self.cells[merge.top, merge.left]
        for (row, column), cell in self.cells.items():
            place = rows(row), columns(column)
            if place[0] is not None and place[1] is not None:
                moved[place[0], place[1]] = cell
        self.cells = {place: replace(cell, ref=ref(*place)) for place, cell in moved.items()}
        self.merges = merges
        self.hidden_rows = {line for row in self.hidden_rows if (line := rows(row)) is not None}
        self.hidden_columns = {line for column in self.hidden_columns if (line := columns(column)) is not None}

    # ---- merging ----

    def unmerge(self, where: Range | None = None, *, filled: bool = False) -> None:
        """Take merges apart (all, or those inside `where`); `filled` repeats the text in each cell, as WPS offers."""
        for merge in list(self.merges):
            corners = (merge.top, merge.left), (merge.bottom, merge.right)
            if where is not None and not all(corner in where for corner in corners):
                continue
            self.merges.remove(merge)
            cell = self.cells.get((merge.top, merge.left))
            if filled and cell is not None:
                for row in range(merge.top, merge.bottom + 1):
                    for column in range(merge.left, merge.right + 1):
                        self.put((row, column), cell)

    def merge(self, area: str) -> None:
        """Merge cells; only the first text survives."""
        merged = Range.parse(area)
        self.merges = [m for m in self.merges if not ((m.top, m.left) in merged and (m.bottom, m.right) in merged)]
        inside = sorted(position for position in self.cells if position in merged)
        texts = [self.cells.pop(position) for position in inside]
        if texts:
            self.put((merged.top, merged.left), texts[0])
        self.merges.append(merged)

    # ---- handing in ----

    def sheet(self) -> Sheet:
        """The sheet as every reader of a file format hands it over."""
        cells = dict(sorted(self.cells.items()))
        parsed = Parsed(cells, tuple(self.merges), frozenset(self.hidden_rows), frozenset(self.hidden_columns))
        return Sheet(self.name, self.state, None, lambda: parsed)

    def workbook(self, **others: Paper) -> bytes:
        """A workbook with this sheet, and further ones by name."""
        return workbook_of(self, *(replace(paper, name=name) for name, paper in others.items()))


def workbook_of(*papers: Paper) -> bytes:
    """An .xlsx of several sheets, written by XlsxWriter."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    percent = book.add_format({"num_format": "0.##%"})
    for paper in papers:
        sheet = book.add_worksheet(paper.name)
        if paper.state == "hidden":
            sheet.hide()
        for merge in paper.merges:
            sheet.merge_range(merge.top - 1, merge.left - 1, merge.bottom - 1, merge.right - 1, "")
        for (row, column), cell in sorted(paper.cells.items()):
            if cell.formula is not None:
                value = cell.text if cell.number is None else float(cell.number)
                sheet.write_formula(row - 1, column - 1, f"={cell.formula}", None, value)
            elif cell.number is not None:
                shown = percent if cell.text.endswith("%") else None
                sheet.write_number(row - 1, column - 1, float(cell.number), shown)
            else:
                sheet.write_string(row - 1, column - 1, cell.text)
        for row in paper.hidden_rows:
            sheet.set_row(row - 1, None, None, {"hidden": True})
        for column in paper.hidden_columns:
            sheet.set_column(column - 1, column - 1, None, None, {"hidden": True})
    book.close()
    return out.getvalue()


def said(form: Form) -> dict[str, object]:
    """Everything a person said in a form, by what it says and not by where it stands."""
    found: dict[str, object] = {f"field {path}": cell.text for path, cell in form.fields.items()}
    found |= {f"amount {path}": form.amount(path) for path in form.fields if path.startswith("funds.")}
    found |= {f"narrative {key}": cell.text for key, cell in form.narrative.items()}
    found |= {"year": form.year, "rows": len(form.indicators), "beside": sorted(s.cell.text for s in form.strays)}
    for number, row in enumerate(form.indicators):
        texts = {key: cell.text for key, cell in row.cells.items()}
        own = row.group, row.level1, row.level2, row.name, row.target, row.actual, row.stated_score
        found |= {f"row {number}": own, f"stated weight of row {number}": row.stated_weight}
        found |= {f"{key} of row {number}": text for key, text in texts.items()}
    return found


def differences(form: Form, expected: Mapping[str, object], *, without: Iterable[str] = ()) -> dict[str, object]:
    """What `form` says otherwise than `expected`: {} when all is the same. `without`: beginnings that do not count."""
    now, skip = said(form), tuple(without)
    return {
        key: (expected.get(key, "nothing"), now.get(key, "nothing"))
        for key in sorted(expected.keys() | now.keys())
        if expected.get(key) != now.get(key) and not (skip and key.startswith(skip))
    }


def _same(line: int) -> int:
    return line


def _without(first: int, count: int) -> Move:
    def move(line: int) -> int | None:
        if first <= line < first + count:
            return None
        return line - count if line >= first + count else line

    return move
