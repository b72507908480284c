"""Puts planned forms back into a workbook: the input's own package where it can be edited, else the pack's.

Everything in the input that is not our sheet stays as it was; what cannot be carried is announced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from perfeval.announcing import announced
from perfeval.findings import Finding, Severity
from perfeval.layout import Layout
from perfeval.memory import SHEET_NAME as MEMORY_NAME
from perfeval.memory import Memory, is_memory_sheet, memory_properties, memory_sheet
from perfeval.model import Evaluation, Form
from perfeval.outcome import FormOutcome
from perfeval.record import record
from perfeval.recording import blank_record, record_of, remembered
from perfeval.stages import Staged, Turn, finished
from perfeval.workbook.adopting import Look
from perfeval.workbook.area import parse_ref, ref
from perfeval.workbook.carry import Carried, carry
from perfeval.workbook.compose import BESIDE, merge_cells, row_breaks, sheet_data
from perfeval.workbook.edit import NewSheet, editable, edited, free_sheet_name
from perfeval.workbook.extent import Geometry, read_geometry
from perfeval.workbook.grid import Book, Sheet
from perfeval.workbook.notes import Note
from perfeval.workbook.package import Package, SheetRef
from perfeval.workbook.problems import (
    FORMATS,
    PROBLEM_TITLES,
    SHEET_NAME,
    STYLES,
    Problem,
    is_problem_sheet,
    problem_sheet,
)
from perfeval.workbook.references import RowMap
from perfeval.workbook.styles import Adoption, StyleSheet
from perfeval.writer import FormPlan, blank_plan, plan_form

__all__ = ["assemble", "blank_form", "form_workbook"]

_SELECTED = ' tabSelected="1"'
_TINTS = {Severity.ERROR.label: "FFFFC7CE", Severity.WARNING.label: "FFFFEB9C"}


@record(frozen=True, slots=True)
class _Planned:
    """A form on its way into the package."""

    layout: Layout
    plan: FormPlan
    sheet: SheetRef  # the sheet of the package it replaces or is modelled on
    source: str  # name of the sheet that was read
    name: str  # name of the sheet it becomes
    row_map: RowMap
    selected: str = ""  # attribute of a sheet that is in front

    def moved(self, finding: Finding) -> Finding:
        """The finding at its place in the new workbook, if it is about this form."""
        if finding.sheet != self.source:
            return finding
        return self.plan.moved(finding, self.name)


def assemble(
    book: Book,
    forms: Sequence[tuple[Sheet, FormOutcome, Layout]],
    findings: Sequence[Finding],
    mark: bool,
) -> Staged[tuple[bytes, tuple[Finding, ...]]]:
    """The finished workbook with all its forms, and what has to be said about writing it.

    `findings` are all of the file; with `mark` they are listed on a sheet, and their cells tinted and noted.
    """
    package = book.package if book.package is not None and editable(book.package) else None
    notes = announced(book, package, forms)
    planned = []
    for number, (sheet, outcome, layout) in enumerate(forms):
        yield Turn.PASS
        planned.append(_planned(package, sheet, outcome, layout, number))
    yield Turn.PASS
    moved = [*findings, *notes]
    for form in planned:
        moved = [form.moved(f) for f in moved]
    moved = _in_order(moved, [form.name for form in planned])
    of_forms = {id(finding) for _, outcome, _ in forms for finding in outcome.findings}
    memory = Memory(
        tuple(
            record_of(outcome, layout, form.plan, form.name)
            for form, (_, outcome, layout) in zip(planned, forms, strict=True)
        ),
        remembered([*(finding for finding in findings if id(finding) not in of_forms), *notes]),
    )
    yield Turn.PASS
    if package is not None:
        dropped = {
            sheet.name
            for sheet in book.sheets
            if is_memory_sheet(sheet) or (sheet.state == "visible" and is_problem_sheet(sheet))
        }
        packed = yield from _packed(package, planned, moved if mark else [], dropped, (), memory)
    else:
        blank = planned[0].layout.blueprint.package
        packed = yield from _packed(blank, planned, moved if mark else [], set(), planned[1:], memory)
    return packed, tuple(notes)


def _in_order(findings: Sequence[Finding], sheets: Sequence[str]) -> list[Finding]:
    """First what concerns the file, then form by form as a person reads the sheet that is written."""

    def place(finding: Finding) -> tuple[int, str, tuple[int, int]]:
        if finding.sheet not in sheets:
            return -1, finding.sheet + finding.code, (0, 0)
        return sheets.index(finding.sheet), "", parse_ref(finding.cell) if finding.cell else (0, 0)

    return sorted(findings, key=place)


def blank_form(layout: Layout, fields: Mapping[str, str]) -> bytes:
    """A blank official form to hand out, with header fields by path filled in as far as known."""
    return _new_workbook(layout, blank_plan(layout, fields), Memory((blank_record(layout),)))


def form_workbook(layout: Layout, form: Form, evaluation: Evaluation, narrative: Mapping[str, str]) -> bytes:
    """A workbook of its own for a form that comes from no workbook."""
    return _new_workbook(layout, plan_form(layout, form, evaluation, narrative), None)


def _new_workbook(layout: Layout, plan: FormPlan, memory: Memory | None) -> bytes:
    package = layout.blueprint.package
    sheet = next(sheet for sheet in package.sheets if sheet.part == layout.blueprint.part)
    planned = _Planned(layout, plan, sheet, "", sheet.name, _same_row, _SELECTED)
    return finished(_packed(package, [planned], [], set(), (), memory))


def _same_row(row: int) -> int:
    return row


def _planned(package: Package | None, sheet: Sheet, outcome: FormOutcome, layout: Layout, number: int) -> _Planned:
    digit = None if package is None else StyleSheet.of(package).digit
    plan = plan_form(layout, outcome.form, outcome.evaluation, outcome.narrative, digit)
    if package is not None:
        source = next(s for s in package.sheets if s.part == sheet.part)
        selected = _SELECTED if b'tabSelected="1"' in package.read(source.part)[:4000] else ""
        return _Planned(layout, plan, source, sheet.name, sheet.name, plan.row_of, selected)
    blueprint = layout.blueprint
    source = next(s for s in blueprint.package.sheets if s.part == blueprint.part)
    name, selected = (source.name, _SELECTED) if number == 0 else (sheet.name, "")
    return _Planned(layout, plan, source, sheet.name, name, _same_row, selected)


def _packed(
    package: Package,
    planned: Sequence[_Planned],
    findings: Sequence[Finding],
    dropped: set[str],
    new: Sequence[_Planned],
    memory: Memory | None,
) -> Staged[bytes]:
    styles = StyleSheet.of(package)
    theme = styles.theme
    sheets: dict[str, bytes] = {}
    added: list[NewSheet] = []
    carried_all: list[Carried] = []
    problems = [_problem(finding) for finding in findings]
    titles = {form.name: rows for form in planned if form not in new and (rows := _title_rows(form))}
    for form in planned:
        own = [problem for problem in problems if problem.sheet == form.name]
        adoption, tints = _adopted(styles, form, own)
        styles = StyleSheet.parse(adoption.data, theme)
        carried = carry(
            package,
            form.sheet,
            form.row_map,
            own=form.layout.appearance.rules,
            notes=() if form in new else _notes(own),
            linked=form not in new,
            geometry=_geometry(form, styles.digit),
        )
        yield Turn.PASS
        xml = _sheet_xml(form, carried, adoption, tints)
        if form in new:
            added.append(NewSheet(form.name, xml))
        else:
            sheets[form.sheet.part] = xml
            carried_all.append(carried)
    yield Turn.PASS
    if findings:
        listed = styles.adopt(_problem_styles(), FORMATS)
        styles = StyleSheet.parse(listed.data, theme)
        # The list we wrote last time gives up its name.
        name = free_sheet_name(SHEET_NAME, [s.name for s in package.sheets if s.name not in dropped])
        added.append(NewSheet(name, problem_sheet(problems, {**listed.xf})))
        titles[name] = PROBLEM_TITLES
    yield Turn.PASS
    if memory is not None:
        name = free_sheet_name(MEMORY_NAME, [s.name for s in package.sheets if s.name not in dropped])
        added.append(NewSheet(name, memory_sheet(memory), "veryHidden"))
    kept = [form for form in planned if form not in new]
    yield Turn.PASS
    return edited(
        package,
        sheets=sheets,
        styles=styles.data,
        print_titles=titles,
        print_areas={form.name: _area(form) for form in kept},
        new_sheets=added,
        drop_sheets=dropped,
        custom_properties=memory_properties(memory) if memory else None,
        row_maps={form.name: form.row_map for form in kept if any(a != b for a, b in form.plan.rows)},
        replaced_parts={name: data for carried in carried_all for name, data in carried.replaced.items()},
        added_parts=[part for carried in carried_all for part in carried.added],
        removed_parts=[part for carried in carried_all for part in carried.removed],
    )


# ---- one sheet ------------------------------------------------------------------------------------------------------


def _adopted(styles: StyleSheet, form: _Planned, problems: Sequence[Problem]) -> tuple[Adoption, dict[str, str]]:
    """The form's formats in the workbook, and the tint of each problem cell by address."""
    blueprint = form.layout.blueprint
    tints: dict[str, str] = {}
    for severity, argb in _TINTS.items():  # the gravest first: it gives the cell its tint
        for problem in problems:
            if problem.cell and problem.severity == severity:
                tints.setdefault(problem.cell, argb)
    # Either none or all possible tints are asked for, so that the files of a batch share two style sheets.
    wanted = _looks(form.layout, bool(tints), form.plan.quoted)
    template = StyleSheet.of(blueprint.package)
    return styles.adopt(template, blueprint.formats, form.layout.appearance.rules.formats, wanted), tints


@lru_cache(maxsize=32)
def _looks(layout: Layout, tinted: bool, quoted: bool) -> tuple[Look, ...]:
    """The variants of the form's formats: unlocked scores that the clerk states, each quoted, each in each tint."""
    score = layout.columns.get("indicator.score")
    looks = [Look(number) for number in sorted(layout.blueprint.formats)]
    if score is not None:
        looks.append(Look(score.slot.style, unlocked=True))
    if quoted:
        looks += [look._replace(quoted=True) for look in (*looks, BESIDE)]
    if tinted:
        looks += [look._replace(argb=argb) for look in looks for argb in _TINTS.values()]
    return tuple(look for look in looks if look != Look(look.xf))


def _sheet_xml(form: _Planned, carried: Carried, adoption: Adoption, tints: Mapping[str, str]) -> bytes:
    plan, appearance = form.plan, form.layout.appearance
    formats: dict[Any, int] = {**adoption.xf, **adoption.looks}
    for address, argb in tints.items():
        number, column = parse_ref(address)
        row = plan.sheet.rows[number - 1] if number <= len(plan.sheet.rows) else None
        if row is not None and column <= len(row.formats):
            row.varied[column] = row.varied.get(column, Look(row.formats[column - 1]))._replace(argb=argb)
    last_row, last_column = len(plan.sheet.rows), form.layout.last_column
    own: dict[str, str | bytes] = {
        "sheetPr": '<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>',
        "dimension": f'<dimension ref="A1:{ref(last_row, last_column)}"/>',
        "sheetViews": f'<sheetViews><sheetView{form.selected} workbookViewId="0"/></sheetViews>',
        "sheetData": sheet_data(plan.sheet, formats),
        "mergeCells": merge_cells(plan.sheet.merges),
        "rowBreaks": row_breaks(plan.sheet.breaks),
        **appearance.copied,
    }
    rules = appearance.rules.expanded(lambda row: plan.spans.get(row, (row, row)), adoption.dxf)
    return carried.worksheet({name: xml for name, xml in own.items() if xml}, rules)


def _notes(problems: Sequence[Problem]) -> list[Note]:
    """One note for each problem cell with everything there is to say about it."""
    texts: dict[str, list[str]] = {}
    for problem in problems:
        if problem.cell and problem.severity in _TINTS:
            said = f"{problem.severity} {problem.code}:{problem.message}\n改法:{problem.fix}"
            texts.setdefault(problem.cell, []).append(said)
    return [Note(cell, "\n".join(lines)) for cell, lines in texts.items()]


def _geometry(form: _Planned, digit: int) -> Geometry:
    """The sizes that will be read from the sheet when it is written."""
    rows = form.plan.sheet.rows

    def usual() -> Geometry:  # few sheets have things that need it
        return _usual_sizes(form.layout, digit)

    return Geometry(
        lambda column: usual().width(column),
        lambda row: round(rows[row - 1].height * 4 / 3) if row <= len(rows) else usual().height(row),
    )


@lru_cache(maxsize=64)
def _usual_sizes(layout: Layout, digit: int) -> Geometry:
    copied = layout.appearance.copied
    return read_geometry(copied.get("sheetFormatPr", b"") + copied.get("cols", b""), digit)


def _title_rows(form: _Planned) -> str:
    rows = form.layout.appearance.title_rows
    if rows is None:
        return ""
    spans = form.plan.spans
    return f"{spans[rows[0]][0]}:{spans[rows[1]][1]}"


def _area(form: _Planned) -> str:
    return f"A1:{ref(len(form.plan.sheet.rows), form.layout.last_column)}"


# ---- the list of problems -------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _problem_styles() -> StyleSheet:
    return StyleSheet.parse(STYLES)


def _problem(finding: Finding) -> Problem:
    return Problem(
        severity=finding.severity.label,
        code=finding.code,
        sheet=finding.sheet,
        cell=finding.cell,
        label=finding.label,
        message=finding.message,
        fix=finding.fix,
    )
