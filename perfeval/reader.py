"""Reads a filled workbook into a `Form`: every value with the address of its cell, nothing guessed.

What cannot be read is a finding in the clerk's own words; what stands beside the form is kept as a stray.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from perfeval import quantity
from perfeval.captions import captions
from perfeval.drift import hidden, missing
from perfeval.findings import Finding
from perfeval.labels import Position, Words, words_of
from perfeval.layout import COMPUTED, Layout, bare
from perfeval.locate import Found, Places, locate
from perfeval.model import BLANK, UNNAMED, Cell, CellProblem, Form, Indicator, Kind, Quantity, Stray
from perfeval.numbers import decimal_text
from perfeval.pack import Group, Pack
from perfeval.patterns import lazy_pattern
from perfeval.splitcols import together
from perfeval.workbook.grid import Sheet, blank_at, ref
from perfeval.workbook.textfit import join

__all__ = ["read_form"]

_SHORT = {"level1.name": "level1", "level2.name": "level2"}
_FREE = ("shortfall_reason", "evidence", "name", "target", "actual")  # columns whose words nobody prints
_ON_THEIR_OWN = ("level1", "level2", "target", "actual", "score", "weight")  # columns that are more than words
_PICTURED = ("evidence", "criterion")  # columns in which a picture says enough
_PROBLEM_CODES = {CellProblem.UNCACHED: "VAL201", CellProblem.ERROR: "VAL202", CellProblem.PICTURE: "VAL203"}
_YEAR = lazy_pattern(r"(?<!\d)(20\d\d)(?!\d)")


def read_form(sheet: Sheet, layout: Layout, words: Words | None = None) -> tuple[Form, tuple[Finding, ...]]:
    """Read the form in `sheet`, which has been recognised as one of `layout`'s pack by its `words`."""
    places = locate(sheet, layout, words_of(sheet) if words is None else words)
    return _Reading(sheet, layout, places).form()


class _Reading:
    """The state of reading one sheet: what was found, and the findings so far."""

    def __init__(self, sheet: Sheet, layout: Layout, places: Places) -> None:
        self.sheet = sheet
        self.layout = layout
        self.pack = layout.pack
        self.places = places
        self.findings: list[Finding] = []
        self.unusable: set[str] = set()  # cells that were named as having no value
        self.year: int | None = None

    def form(self) -> tuple[Form, tuple[Finding, ...]]:
        self.findings += missing(self.sheet, self.layout, self.places)
        fields = {path: self._field(path, found) for path, found in self.places.fields.items()}
        self.year = _year(fields, self.pack)
        fields |= self._totals()
        indicators = tuple(self._indicators())
        if not indicators and self.places.header and "indicator.name" in self.places.columns:
            self._add("TPL026", ref(self.places.header[1] + 1, 1), "")
        self.findings += hidden(self.sheet, indicators, fields)
        strays = tuple(self._strays())
        if strays:
            self._add("TPL029", strays[0].cell.ref, "", count=str(len(strays)))
        form = Form(
            pack=self.pack.id,
            sheet=self.sheet.name,
            fields=fields,
            indicators=indicators,
            narrative={key: self._section(key, found) for key, found in self.places.sections.items()},
            year=self.year,
            strays=strays,
            rows=self.places.rows,
            labels=captions(self.layout),
        )
        return form, tuple(self.findings)

    def _add(self, code: str, cell: str, label: str, **params: str) -> None:
        self.findings.append(Finding(code, cell, label, params, self.sheet.name))

    def _usable(self, cell: Cell, label: str) -> bool:
        """Whether a cell has a value; one that has none is named once, however many rows share it."""
        if cell.problem is None:
            return True
        if cell.ref not in self.unusable:
            self.unusable.add(cell.ref)
            self._add(_PROBLEM_CODES[cell.problem], cell.ref, label, text=cell.text)
        return False

    # ---- header fields and narrative ----

    def _field(self, path: str, found: Found) -> Cell:
        cell = found.cell
        if path.startswith(COMPUTED):
            return self._computed(cell)
        label = captions(self.layout)[path]
        if not self._usable(cell, label):
            return cell
        if not path.startswith("funds.") or not cell.text.strip():
            return cell
        number = self._amount(cell, label)
        return Cell(cell.ref, cell.text, number, cell.formula)

    def _section(self, key: str, found: tuple[Found, ...]) -> Cell:
        """The cells of one section as one text; one that begins with the continuation mark goes on without a break."""
        label = captions(self.layout)[f"narrative.{key}"]
        for piece in found:
            self._usable(piece.cell, label)
        return Cell(found[0].cell.ref, join([text for piece in found if (text := _said(piece.cell))]))

    def _computed(self, cell: Cell) -> Cell:
        """What stands where the program writes: of interest only as far as somebody typed another number."""
        if cell.formula is not None or cell.problem is not None:
            return Cell(cell.ref)
        read = quantity.parse(cell.text)
        return cell if cell.number is not None or not read.definite else replace(cell, number=read.value)

    def _amount(self, cell: Cell, label: str) -> Decimal | None:
        """A sum of money in the pack's unit; None (with a finding) when the text is no definite sum."""
        if cell.number is not None and "%" not in cell.text:
            return cell.number
        read = quantity.parse(cell.text)
        if read.kind is Kind.NONE:
            return None
        if read.value is not None and read.definite and read.kind is Kind.NUMBER:
            if read.unit is None:
                return read.value
            factor = quantity.convertible(read.unit, self.pack.money_unit)
            if factor is not None:
                value = read.value * factor.numerator / factor.denominator
                if read.unit != self.pack.money_unit:
                    self._add(
                        "VAL205", cell.ref, label, text=cell.text, value=decimal_text(value), unit=self.pack.money_unit
                    )
                return value
        self._add("VAL204", cell.ref, label, text=cell.text, unit=self.pack.money_unit)
        return None

    # ---- the indicator table ----

    def _indicators(self) -> Iterator[Indicator]:
        columns = self.places.columns
        consumed = self.places.consumed
        held = self.sheet.cells
        name_column = columns.get("indicator.name")
        if name_column is None:
            return
        keys = [(_SHORT.get(key) or key.removeprefix("indicator."), column) for key, column in columns.items()]
        keys, beside = [pair for pair in keys if "." not in pair[0]], [c for key, c in keys if "." in key]
        level1_text = level2_text = ""
        telling = [number for number, (key, _) in enumerate(keys) if key in ("name", "target", "actual")]
        done: set[tuple[Position, ...]] = set()
        inside = self.places.data
        for row in sorted([row for row in self.sheet.lines if row in inside]):  # rows without cells say nothing
            line, merged = self.sheet.lines[row], self.sheet.merged(row)
            at: list[Position] = []
            cells: dict[str, Cell] = {}
            for key, column in keys:
                merge = merged.get(column)
                if merge is None:
                    place, cell = (row, column), line.get(column)
                else:
                    place = merge.top, merge.left
                    cell = held.get(place)
                at.append(place)
                cells[key] = blank_at(*place) if cell is None else cell
            at += [(row, c) if (merge := merged.get(c)) is None else (merge.top, merge.left) for c in beside]
            level1, level2 = cells.get("level1", BLANK), cells.get("level2", BLANK)
            if level1:
                if bare(_said(level1)) != bare(level1_text):
                    level2_text = ""
                level1_text = _said(level1).strip()
            if level2:
                level2_text = _said(level2).strip()
            if not self._filled(cells):
                self._pass_over(at, cells)
                continue
            # A row that was made of several by merging is read once; a header repeated on a new page is none.
            identity = tuple([at[number] for number in telling])
            if identity in done or self._is_header(cells):
                consumed.update(at)
                continue
            done.add(identity)
            found = self._classified(row, level1_text, level2_text, cells)
            if found is not None:  # else kept beside the form
                consumed.update(at)
                yield found

    def _pass_over(self, at: Sequence[Position], cells: Mapping[str, Cell]) -> None:
        """A row that is no indicator: what the form itself prints there is done with, anything else stays a stray."""
        self.places.consumed.update(at[len(cells) :])
        for (key, cell), place in zip(cells.items(), at, strict=False):
            if key in _FREE:
                if cell.problem is not None or _says(cell.text, None):
                    continue
            elif key == "score" and cell.number and cell.formula is None:
                continue
            elif key in ("level1", "level2") and cell:
                level1, level2 = (cell.text, "") if key == "level1" else ("", cell.text)
                group, kind = _classify(self.pack, level1.strip(), level2.strip())
                if group is None and kind is None and bare(cell.text) not in self.layout.header_words:
                    continue
            self.places.consumed.add(place)

    def _is_header(self, cells: dict[str, Cell]) -> bool:
        words = self.layout.header_words
        return bare(cells["name"].text) in words and any(
            bare(cells[key].text) in words for key in ("target", "actual") if key in cells
        )

    def _classified(self, row: int, level1_text: str, level2_text: str, cells: dict[str, Cell]) -> Indicator | None:
        """The indicator of a row, None when it is not known which group it belongs to."""
        level1, level2 = cells.get("level1", BLANK), cells.get("level2", BLANK)
        for key, cell in (("level1.name", level1), ("level2.name", level2)):
            if cell.problem is not None:
                self._usable(cell, self.layout.columns[key].title)
        group, kind = _classify(self.pack, level1_text, level2_text)
        if group is not None and (kind is not None or "level2" not in cells):
            return self._indicator(row, group, level1_text or group.name, kind or level2_text, cells)
        written = {"level1": level1_text or "空白", "level2": level2_text or "空白"}
        where = (level2 if level2 else level1).ref or cells["name"].ref
        if group is None:
            allowed = "、".join(g.name for g in self.pack.groups if g.kinds)
            self._add("TPL025", where, cells["name"].text, allowed=allowed, **written)
            return None
        if level2.problem is None:
            allowed = "、".join(k.name for k in group.kinds)
            said = {"written": written["level2"], "level1": group.name, "allowed": allowed}
            self._add("TPL028", where, cells["name"].text, **said)
        return self._indicator(row, group, level1_text or group.name, level2_text, cells)

    def _totals(self) -> dict[str, Cell]:
        """What stands in the total row, by the path of its place."""
        row = self.places.total_row
        totals: dict[str, Cell] = {}
        if row is None:
            return totals
        below = {column.slot.column: key for key, column in self.layout.columns.items()}
        for slot in self.layout.by_row[self.layout.total_row]:
            if slot.path and slot.column in below:
                cell = self._at(row, below[slot.column])
                # What a formula adds up nobody typed.
                totals[slot.path] = cell if cell.formula is None else Cell(cell.ref)
        return totals

    def _at(self, row: int, key: str) -> Cell:
        column = self.places.columns.get(key)
        if column is None:
            return BLANK
        cell = self.sheet.at(row, column)
        return cell if cell.ref else blank_at(*self.sheet.anchor(row, column))

    def _filled(self, cells: dict[str, Cell]) -> bool:
        """Whether a row is an indicator: it has a name, or something measured; hint texts do not count."""
        # The texts of target and result are read with the year anyway; a name only where they say nothing.
        for key in ("target", "actual"):
            if (cell := cells.get(key)) is not None and (cell.problem is not None or _says(cell.text, self.year)):
                return True
        return cells["name"].problem is not None or _says(cells["name"].text, None)

    def _indicator(self, row: int, group: Group, level1: str, level2: str, cells: dict[str, Cell]) -> Indicator:
        name = " ".join(_said(cells["name"]).split())
        if not name and cells["name"].problem is None:
            self._add("TPL027", cells["name"].ref, self._title("name"))
        for key, cell in cells.items():
            pictured = cell.problem is CellProblem.PICTURE and key in _PICTURED
            if cell.problem is not None and key not in _ON_THEIR_OWN and not pictured:
                self._usable(cell, self._title(key) if key == "name" else self._label(name, key))
        whole = together(cells)
        if whole.contradicted:
            part = cells[whole.contradicted]
            column, said = (
                self._title(whole.contradicted),
                {"written": part.text.strip(), "target": whole.target.strip()},
            )
            self._add("VAL207", part.ref, self._label(name, whole.contradicted), column=column, **said)
        target = self._quantity(cells.get("target", BLANK), whole.target, name, "target")
        actual = self._quantity(cells.get("actual", BLANK), whole.actual, name, "actual")
        return Indicator(
            row=row,
            group=group.name,
            level1=level1,
            level2=level2,
            name=name,
            cells=cells,
            target=_number_beside(cells.get("target", BLANK), target, actual),
            actual=_number_beside(cells.get("actual", BLANK), actual, target),
            stated_score=self._stated(cells.get("score", BLANK), name, "score"),
            stated_weight=self._stated(cells.get("weight", BLANK), name, "weight"),
        )

    def _title(self, key: str) -> str:
        return self.layout.columns[f"indicator.{key}"].title

    def _label(self, name: str, key: str) -> str:
        return f"{name or UNNAMED} / {self._title(key)}"

    def _quantity(self, cell: Cell, text: str, name: str, key: str) -> Quantity:
        if not self._usable(cell, self._label(name, key)):
            return Quantity(cell.text, Kind.TEXT)
        read = quantity.parse(text, year=self.year)
        if read.note and bare(read.note) not in bare(name):
            value = quantity.format(replace(read, note=None))
            self._add(
                "VAL208", cell.ref, self._label(name, key), written=" ".join(text.split()), value=value, note=read.note
            )
        return read

    def _stated(self, cell: Cell, name: str, key: str) -> Decimal | None:
        """A typed score or weight in points; a percent cell of 12 % means 12 points."""
        text = cell.text.strip()
        if cell.problem is None and cell.number is not None and "%" not in text:
            return cell.number
        if cell.problem is None and not text:
            return None
        if not self._usable(cell, self._label(name, key)) or bare(text) in _weight_texts(self.pack):
            return None
        read = quantity.parse(text)
        if read.kind is Kind.NONE:
            return None
        if read.definite and read.unit in (None, "%", "分"):
            return read.value
        self._add("VAL206", cell.ref, self._label(name, key), text=text, column=self._title(key))
        return None

    # ---- what stands beside the form ----

    def _strays(self) -> Iterator[Stray]:
        consumed, cells = self.places.consumed, self.sheet.cells
        echoes = set(self.places.labels)  # a label that goes down several rows, its merge taken apart and filled
        for row, column in sorted([place for place in cells if place not in consumed]):
            cell = cells[row, column]
            above = next((up for up in range(row - 1, row - 4, -1) if (up, column) in cells), row)
            if (above, column) in echoes and cells[above, column].text == cell.text:
                echoes.add((row, column))
            else:
                yield Stray(row, max(column - self.places.right_edge, 0), cell)


@lru_cache(maxsize=4096)
def _says(text: str, year: int | None) -> bool:
    """Whether a text says anything, with which a mark or a hint text is none; the year makes no difference in that."""
    return quantity.parse(text, year=year).kind is not Kind.NONE and not quantity.is_placeholder(text)


def _number_beside(cell: Cell, read: Quantity, other: Quantity) -> Quantity:
    """A number cell that could be a month (2024.12) is a number when it stands beside one."""
    if read.kind is Kind.DATE and cell.number is not None and other.kind in (Kind.NUMBER, Kind.PERCENT):
        return Quantity(read.text, Kind.NUMBER, value=cell.number)
    return read


def _said(cell: Cell) -> str:
    """What a cell says; of a formula without a value, the formula."""
    return cell.text if cell.problem is None else cell.typed


def _year(fields: dict[str, Cell], pack: Pack) -> int | None:
    """评价年度: from its own place, else the pack's, else the first year named in a header field."""
    stated = fields.get("year", BLANK)
    for cell in (stated, *(() if pack.year or stated else fields.values())):
        match = _YEAR.search(cell.text)
        if match:
            return int(match.group(1))
    return pack.year


@lru_cache(maxsize=64)
def _weight_texts(pack: Pack) -> frozenset[str]:
    return frozenset(bare(group.weights_text) for group in pack.groups if group.weights_text)


@lru_cache(maxsize=1024)
def _classify(pack: Pack, level1: str, level2: str) -> tuple[Group | None, str | None]:
    """The group a row belongs to and the pack's name of its kind; the kind decides when level 1 says nothing."""
    group = next((g for g in pack.groups if _same(level1, (g.name, *g.words))), None)
    groups = (group,) if group is not None else pack.groups
    for candidate in groups:
        for kind in candidate.kinds:
            if _same(level2, (kind.name, *kind.words)):
                return candidate, kind.name
    if group is not None and not level2 and len(group.kinds) == 1:
        return group, group.kinds[0].name
    return group, None


def _same(text: str, names: tuple[str, ...]) -> bool:
    key = bare(text).removesuffix("指标")
    return bool(key) and any(key == bare(name).removesuffix("指标") for name in names)
