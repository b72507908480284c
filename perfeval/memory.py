"""What the program remembers inside a workbook it wrote: the record on a very hidden sheet, and custom properties.

The record says what we wrote last time, so that the workbook that comes back can be merged and compared: texts,
computed scores, which sections are our drafts, and what people had typed where computed values stand now. It is plain
JSON in cells, which Excel, WPS and LibreOffice carry through .xlsx, .xls and .ods alike. Nobody is bound to leave it
as it was: what is damaged or does not fit is ignored, with a finding, and nothing in it ever becomes a score.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Any

from perfeval.findings import STAGES, Finding, code
from perfeval.model import Cell, CellProblem
from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.compose import text_content
from perfeval.workbook.grid import Book, Sheet
from perfeval.workbook.properties import custom_properties
from perfeval.workbook.sheetxml import MAIN, worksheet

__all__ = [
    "MOST_FINDINGS",
    "MOST_PARAMETER",
    "PROPERTIES",
    "SHEET_NAME",
    "FormRecord",
    "Memory",
    "RowRecord",
    "is_memory_sheet",
    "memory_properties",
    "memory_sheet",
    "number_of",
    "read_memory",
]

SHEET_NAME = "_perfeval"
PROPERTIES = ("perfeval.form", "perfeval.revision", "perfeval.pack", "perfeval.pack_version")
_NOTICE = "这一页是评分表程序的记录,供下次处理时核对,请不要修改或删除。"
_FORMAT = 1
_CHUNK = 8000  # characters in a cell; .xls takes 32,767
_MOST_CHARACTERS = 400_000  # a larger record is left out but for its head
_MOST_CELLS = 200
MOST_FINDINGS = 200
MOST_PARAMETER = 2000
_MOST_DIGITS = 40
_NUMBER = lazy_pattern(
    rf"(-?[0-9]{{1,{_MOST_DIGITS}}}(?:\.[0-9]{{1,{_MOST_DIGITS}}})?(?:e[-+][0-9]{{2}})?)(?:/([0-9]{{1,{_MOST_DIGITS}}}))?"
)
_FIRST_CHUNK_ROW = 3


@record(frozen=True, slots=True)
class RowRecord:
    """An indicator row as we wrote it."""

    row: int  # where it stands in the sheet we wrote
    group: str
    kind: str
    name: str
    texts: Mapping[str, str]  # non-blank cells by column key, without name, weight and score
    weight: str | None  # exact; None: none
    score: str | None
    formula: str | None  # of the score, with {weight}; None: a plain number
    basis: str | None  # see `model.Basis`
    typed: Mapping[str, Cell] = field(default_factory=dict)  # what stood in "score" and "weight" before
    stated: Mapping[str, Decimal] = field(default_factory=dict)  # and what it was read as
    problems: Mapping[str, CellProblem] = field(default_factory=dict)  # cells that could not be used, by column key


@record(frozen=True, slots=True)
class FormRecord:
    """A form as we wrote it."""

    sheet: str
    pack: str
    pack_version: str
    id: str  # "": a blank form that was handed out
    revision: int
    whole: bool = False  # False: nothing but the above is known
    fields: Mapping[str, str] = field(default_factory=dict)  # non-blank header fields by path
    rows: tuple[RowRecord, ...] = ()
    printed: tuple[tuple[str, str, str], ...] = ()  # group, kind and name of rows of the form that nobody filled in
    narrative: Mapping[str, str] = field(default_factory=dict)  # non-blank sections as written
    drafts: tuple[str, ...] = ()  # sections that are our text, not a person's
    totals: Mapping[str, str] = field(default_factory=dict)  # computed fields by path, as they stand in the sheet
    typed: Mapping[str, Cell] = field(default_factory=dict)  # what stood in computed fields before
    problems: Mapping[str, CellProblem] = field(default_factory=dict)  # header fields that could not be used
    strays: tuple[str, ...] = ()  # what stood beside the form, sorted
    absent: tuple[str, ...] = ()  # places of the form that the sheet we read lacked: "column evidence", "field year"
    findings: tuple[tuple[Finding, str], ...] = ()  # of reading the form, each with its place (see `merging`)


@record(frozen=True, slots=True)
class Memory:
    """Everything remembered in one workbook."""

    forms: tuple[FormRecord, ...] = ()
    findings: tuple[Finding, ...] = ()  # about the whole file

    def of(self, sheet: str) -> FormRecord | None:
        """The record of the form on `sheet`; a lone form keeps its record when its sheet is renamed."""
        named = next((record for record in self.forms if record.sheet == sheet), None)
        return named or (self.forms[0] if len(self.forms) == 1 else None)


@lru_cache(maxsize=4096)
def number_of(text: str) -> Fraction | None:
    """The exact number a record holds as text, None when it is a word."""
    match = _NUMBER.fullmatch(text)
    if match is None or (match[2] and not int(match[2])):
        return None
    return Fraction(match[1]) / int(match[2] or 1)


# ---- in a workbook --------------------------------------------------------------------------------------------------


def is_memory_sheet(sheet: Sheet) -> bool:
    """Whether `sheet` is where we keep our record, shown or hidden."""
    return sheet.name.startswith(SHEET_NAME)


def memory_sheet(memory: Memory) -> bytes:
    """The sheet's XML."""
    text = _text(memory)
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    head = json.dumps({"perfeval": _FORMAT, "cells": len(chunks), "digest": _digest(text)})
    rows = [
        b'<row r="%d"><c r="A%d"%b</row>' % (number, number, text_content(content))
        for number, content in enumerate((_NOTICE, head, *chunks), 1)
    ]
    return worksheet(f'<worksheet xmlns="{MAIN}">', {"sheetData": b"".join((b"<sheetData>", *rows, b"</sheetData>"))})


def memory_properties(memory: Memory) -> dict[str, str | None]:
    """The custom properties that say the same in short, for other programs."""
    forms = memory.forms
    values = (
        (form.id for form in forms),
        (str(form.revision) for form in forms),
        (form.pack for form in forms),
        (form.pack_version for form in forms),
    )
    return {name: " ".join(value) or None for name, value in zip(PROPERTIES, values, strict=True)}


def read_memory(book: Book) -> tuple[Memory | None, tuple[Finding, ...]]:
    """What `book` remembers; None when nothing, or nothing that can be trusted."""
    sheets = [sheet for sheet in book.sheets if is_memory_sheet(sheet)]
    if not sheets:
        if book.package is not None and "perfeval.form" in custom_properties(book.package):
            return None, (Finding("TPL041"),)
        return None, ()
    forms: list[FormRecord] = []
    findings: list[Finding] = []
    faults: list[Finding] = []
    for sheet in sheets:
        try:
            memory = _parsed(_stored(sheet))
        except (ValueError, KeyError, TypeError, RecursionError, InvalidOperation) as error:
            reason = str(error) if isinstance(error, _Damaged) else "内容不完整"
            faults.append(Finding("TPL040", params={"reason": reason}))
        else:
            forms += memory.forms
            findings += memory.findings
    return (Memory(tuple(forms), tuple(findings)) if forms else None), tuple(faults)


class _Damaged(ValueError):
    """Why a record cannot be used, in Chinese."""


def _stored(sheet: Sheet) -> str:
    """The text of the record, whole."""
    head = json.loads(sheet.at(2, 1).text)
    count = head["cells"]
    if head["perfeval"] != _FORMAT:
        raise _Damaged("由另一版本的程序写成")
    if not isinstance(count, int) or not 0 < count <= _MOST_CELLS:
        raise _Damaged("内容不完整")
    text = "".join(sheet.at(row, 1).text for row in range(_FIRST_CHUNK_ROW, _FIRST_CHUNK_ROW + count))
    if len(text) > _MOST_CHARACTERS or _digest(text) != head["digest"]:
        raise _Damaged("内容被改动过")
    return text


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


# ---- as JSON --------------------------------------------------------------------------------------------------------


def _text(memory: Memory) -> str:
    text = _dumped(memory, memory.forms)
    if len(text) <= _MOST_CHARACTERS:
        return text
    heads = (FormRecord(form.sheet, form.pack, form.pack_version, form.id, form.revision) for form in memory.forms)
    return _dumped(Memory(), heads)


def _dumped(memory: Memory, forms: Iterable[FormRecord]) -> str:
    value = {
        "forms": [_form_json(form) for form in forms],
        "findings": [_finding_json(finding, "") for finding in memory.findings],
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _form_json(form: FormRecord) -> dict[str, Any]:
    head = {
        "sheet": form.sheet,
        "pack": form.pack,
        "pack_version": form.pack_version,
        "form": form.id,
        "revision": form.revision,
    }
    if not form.whole:
        return head
    rest = {
        "fields": form.fields,
        "rows": [_row_json(row) for row in form.rows],
        "printed": form.printed,
        "narrative": form.narrative,
        "drafts": form.drafts,
        "totals": form.totals,
        "typed": {path: _cell_json(cell) for path, cell in form.typed.items()},
        "problems": form.problems,
        "strays": form.strays,
        "absent": form.absent,
        "findings": [_finding_json(finding, place) for finding, place in form.findings],
    }
    return head | rest


def _row_json(row: RowRecord) -> dict[str, Any]:
    value: dict[str, Any] = {
        "row": row.row,
        "group": row.group,
        "kind": row.kind,
        "name": row.name,
        "texts": row.texts,
        "weight": row.weight,
        "score": row.score,
        "basis": row.basis,
    }
    if row.formula is not None:
        value["formula"] = row.formula
    if row.typed:
        value["typed"] = {key: _cell_json(cell) for key, cell in row.typed.items()}
    if row.stated:
        value["stated"] = {key: str(number) for key, number in row.stated.items()}
    if row.problems:
        value["problems"] = row.problems
    return value


def _cell_json(cell: Cell) -> list[str | None]:
    """Text, and what is not said by it: the number behind it and why it could not be used."""
    rest = [None if cell.number is None else str(cell.number), None if cell.problem is None else cell.problem.value]
    while rest and rest[-1] is None:
        rest.pop()
    return [cell.text, *rest]


def _finding_json(finding: Finding, place: str) -> list[Any]:
    return [finding.code, place, finding.label, finding.params, finding.sheet]


def _parsed(text: str) -> Memory:
    value = json.loads(text)
    forms = tuple(_form(form) for form in _list(value["forms"]))
    return Memory(forms, tuple(finding for finding, _ in _findings(value["findings"])))


def _form(value: Mapping[str, Any]) -> FormRecord:
    sheet, pack, version, known_as = (_str(value[key]) for key in ("sheet", "pack", "pack_version", "form"))
    revision = value["revision"]
    if type(revision) is not int or not 0 <= revision < 1_000_000:
        raise _Damaged("内容不完整")
    if "rows" not in value:
        return FormRecord(sheet, pack, version, known_as, revision)
    return FormRecord(
        sheet,
        pack,
        version,
        known_as,
        revision,
        True,
        _texts(value["fields"]),
        tuple(_row(row) for row in _list(value["rows"])),
        tuple((_str(group), _str(kind), _str(name)) for group, kind, name in _list(value["printed"])),
        _texts(value["narrative"]),
        _strings(value["drafts"]),
        _texts(value["totals"]),
        {path: _cell(cell) for path, cell in _dict(value["typed"]).items()},
        {path: CellProblem(problem) for path, problem in _dict(value["problems"]).items()},
        _strings(value["strays"]),
        _strings(value["absent"]),
        tuple(_findings(value["findings"])),
    )


def _row(value: Mapping[str, Any]) -> RowRecord:
    weight, score, formula, basis = (value.get(key) for key in ("weight", "score", "formula", "basis"))
    return RowRecord(
        row=int(value["row"]),
        group=_str(value["group"]),
        kind=_str(value["kind"]),
        name=_str(value["name"]),
        texts=_texts(value["texts"]),
        weight=None if weight is None else _number(weight),
        score=None if score is None else _number(score),
        formula=None if formula is None else _str(formula),
        basis=None if basis is None else _str(basis),
        typed={key: _cell(cell) for key, cell in _dict(value.get("typed", {})).items()},
        stated={key: _decimal(number) for key, number in _dict(value.get("stated", {})).items()},
        problems={key: CellProblem(problem) for key, problem in _dict(value.get("problems", {})).items()},
    )


def _cell(value: Sequence[Any]) -> Cell:
    text, number, problem = (*_list(value), None, None)[:3]
    return Cell(
        text=_str(text),
        number=None if number is None else _decimal(number),
        problem=None if problem is None else CellProblem(problem),
    )


def _findings(value: Any) -> Iterable[tuple[Finding, str]]:
    """Findings that can be told again; one that cannot makes the record worthless."""
    if len(_list(value)) > MOST_FINDINGS:
        raise _Damaged("内容不完整")
    for code_id, place, label, params, sheet in value:
        finding = Finding(_str(code_id), "", _str(label), _texts(params), _str(sheet))
        if finding.code[:3] not in STAGES or code(finding.code).id != finding.code:
            raise _Damaged("内容不完整")
        if any(len(text) > MOST_PARAMETER for text in finding.params.values()) or not finding.message + finding.fix:
            raise _Damaged("内容不完整")
        yield finding, _str(place)


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise _Damaged("内容不完整")
    return value


def _dict(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise _Damaged("内容不完整")
    return value


def _str(value: Any) -> str:
    if type(value) is not str:
        raise _Damaged("内容不完整")
    return value


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(map(_str, _list(value)))


def _texts(value: Any) -> dict[str, str]:
    texts = _dict(value)
    for text in texts.values():
        _str(text)
    return texts


def _decimal(value: Any) -> Decimal:
    number = Decimal(_str(value))
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise _Damaged("内容不完整")
    return number


def _number(value: Any) -> str:
    """An exact number as text: 20/3, 7.6."""
    if number_of(_str(value)) is None:
        raise _Damaged("内容不完整")
    return str(value)
