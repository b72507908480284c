"""Puts together a form that came back and what we remember of it.

A form in which nothing was changed is taken back to what it was before we computed: the scores people had typed and
the sections they had left blank, so that the same findings come of it and the same bytes. In one that was changed,
what still stands as we wrote it – scores, weights, totals, drafts – is ours and made anew, everything else is the
clerk's. Rows are known by their content, never by their position.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from perfeval.findings import Finding
from perfeval.layout import COMPUTED, Layout
from perfeval.memory import FormRecord, RowRecord, number_of
from perfeval.model import Cell, CellProblem, Evaluation, Form, Indicator, Kind, Quantity
from perfeval.numbers import exact_text, shown
from perfeval.pack import Pack
from perfeval.patterns import lazy_pattern
from perfeval.record import record

__all__ = [
    "APART",
    "Recalled",
    "form_id",
    "matched",
    "merged",
    "ordered",
    "outdated",
    "paired",
    "places",
    "plain",
    "recalled",
    "revision_of",
    "signature",
    "texts_of",
]

APART = ("name", "weight", "score")  # columns a row record keeps on its own
_SLIGHT = Fraction(1, 10**9)  # programs keep 15 digits, some write fewer
_REFERENCE = lazy_pattern(r"\$?[A-Z]{1,3}\$?[0-9]+|\{weight\}|[\s$\[\].]")
_IDENTITY = ("unit_name", "department", "project")


@record(frozen=True, slots=True)
class Recalled:
    """A form in the light of what we remember of it."""

    form: Form
    reading: tuple[Finding, ...]  # what there is to say about reading it
    unchanged: bool = False  # nobody changed anything since we wrote it


def ordered(form: Form, pack: Pack) -> Form:
    """The form with its indicators in the order in which it prints them, whatever order they were typed in."""
    place: dict[tuple[str, str], tuple[int, int]] = {}
    for number, group in enumerate(pack.groups):
        kinds = dict.fromkeys(
            (*(k.name for k in group.kinds), *(i.level2 for i in form.indicators if i.group == group.name))
        )
        place |= {(group.name, kind): (number, at) for at, kind in enumerate(kinds)}
    keys = [place[i.group, i.level2] for i in form.indicators]
    if all(before <= after for before, after in pairwise(keys)):
        return form
    return replace(form, indicators=tuple(sorted(form.indicators, key=lambda i: place[i.group, i.level2])))


def recalled(form: Form, reading: Sequence[Finding], record: FormRecord, layout: Layout) -> Recalled:
    """The form as it is to be scored, `form` being what was read from the sheet."""
    read = _as_known(form, record)
    if _unchanged(read, record, layout):
        restored = _restored(read, record)
        return Recalled(restored, tuple(_told_again(restored, record)), unchanged=True)
    return merged(form, reading, record, layout)


def merged(form: Form, reading: Sequence[Finding], record: FormRecord, layout: Layout) -> Recalled:
    """A form in which something was changed: what is still ours is left open, to be made anew."""
    form = _as_known(form, record)
    found: list[Finding] = []
    known = matched(form.indicators, record.rows)
    formulas = frozenset(_skeleton(row.formula) for row in record.rows if row.formula)
    indicators = tuple(
        _merged_row(indicator, known.get(number), formulas, layout, found)
        for number, indicator in enumerate(form.indicators)
    )
    fields = {
        path: Cell(cell.ref) if path.startswith(COMPUTED) and _as_written(cell, record.totals.get(path)) else cell
        for path, cell in form.fields.items()
    }
    narrative = {
        key: Cell(cell.ref)
        if key in record.drafts and plain(cell.text) == plain(record.narrative.get(key, ""))
        else cell
        for key, cell in form.narrative.items()
    }
    made_anew = replace(form, indicators=indicators, fields=fields, narrative=narrative)
    # What could not be read where we wrote – a formula that no program has calculated yet – is nobody's fault.
    ours = _filled(form) - _filled(made_anew)
    return Recalled(made_anew, (*(finding for finding in reading if finding.cell not in ours), *found))


def _filled(form: Form) -> set[str]:
    """Addresses of the computed cells in which something stands."""
    cells = [i.cell(key) for i in form.indicators for key in ("score", "weight")]
    cells += [cell for path, cell in form.fields.items() if path.startswith(COMPUTED)]
    return {cell.ref for cell in cells if cell}


def outdated(evaluation: Evaluation, record: FormRecord) -> bool:
    """Whether an unchanged form now yields other scores than those we remember.

    Either the rules are others now, or somebody wrote the record who is not us.
    """
    before = [(row.weight, row.score) for row in record.rows]
    now = [
        (None if row.weight is None else exact_text(row.weight), None if row.score is None else exact_text(row.score))
        for row in evaluation.rows
    ]
    return before != now


# ---- who is it ------------------------------------------------------------------------------------------------------


def form_id(form: Form, pack: Pack, record: FormRecord | None = None) -> str:
    """What the form is called for good: made from unit, project and year when it is first filled.

    A corrected name leaves it as it is; a form that was copied for another project, so that the names and most of the
    rows are others, is another form.
    """
    names = [plain(form.text("year")) or str(form.year), *(plain(form.text(path)) for path in _IDENTITY)]
    if record is not None and record.id and record.whole and record.pack == pack.id:
        before = [plain(record.fields.get("year", names[0])), *(plain(record.fields.get(p, "")) for p in _IDENTITY)]
        if names == before:
            return record.id
        rows = [signature(i.name, texts_of(i)) for i in form.indicators]
        kept = {signature(row.name, row.texts) for row in record.rows}
        if names[0] == before[0] and 2 * sum(row in kept for row in rows) >= max(len(kept), 1):
            return record.id
    if any(names[1:]):
        return _digest(pack.id, str(form.year), *names[1:])
    return _digest(pack.id, *(f"{key}{text}" for i in form.indicators for key, text in texts_of(i).items()))


def revision_of(known_as: str, record: FormRecord | None, *, unchanged: bool) -> int:
    """1 for a form that is filled for the first time, one more for each time it comes back changed."""
    if record is None or record.id != known_as:
        return 1
    return record.revision if unchanged else record.revision + 1


def _digest(*texts: str) -> str:
    return hashlib.blake2b("\x1f".join(texts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


# ---- texts and rows -------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """A text as it is compared: programs differ in line ends and blanks."""
    return " ".join(text.replace("\u200b", "").split())


def texts_of(indicator: Indicator) -> dict[str, str]:
    """What the cells of a row say that a person fills in, without the name; blank ones are left out."""
    return {
        key: cell.typed
        for key, cell in indicator.cells.items()
        if key not in APART and not key.startswith("level") and cell.typed.strip()
    }


def matched(indicators: Sequence[Indicator], rows: Sequence[RowRecord]) -> dict[int, RowRecord]:
    """The row each indicator (by number) was when we wrote the form: by group and name, by name, else by the rest."""
    now = [(i.group, i.level2, plain(i.name), signature("", texts_of(i))) for i in indicators]
    before = [(r.group, r.kind, plain(r.name), signature("", r.texts)) for r in rows]
    keys: tuple[Callable[[_Known], Hashable], ...] = (lambda k: k[:3], lambda k: k[2], lambda k: k[3])
    return {number: rows[other] for number, other in paired(now, before, keys).items()}


_Known = tuple[str, str, str, tuple[object, ...]]
T = TypeVar("T")


def paired(now: Sequence[T], before: Sequence[T], keys: Iterable[Callable[[T], Hashable]]) -> dict[int, int]:
    """Which entry of `before` each of `now` was, both by number: equal under the first key, else under the next."""
    found: dict[int, int] = {}
    left = list(range(len(before)))
    for key in keys:
        known: dict[Hashable, list[int]] = defaultdict(list)
        for number in left:
            known[key(before[number])].append(number)
        for number, entry in enumerate(now):
            if number not in found and (same := known.get(key(entry))):
                found[number] = same.pop(0)
        taken = set(found.values())
        left = [number for number in left if number not in taken]
    return found


def signature(name: str, texts: Mapping[str, str]) -> tuple[object, ...]:
    """What a row says, to be compared: its name and texts, without the printed 评分标准."""
    said = ((key, plain(text)) for key, text in texts.items() if key != "criterion")
    return plain(name), *sorted(pair for pair in said if pair[1])


# ---- is anything changed --------------------------------------------------------------------------------------------


def _unchanged(form: Form, record: FormRecord, layout: Layout) -> bool:
    """Whether the form says what we wrote, and every computed cell still is ours."""
    if record.pack != layout.pack.id or len(form.indicators) != len(record.rows):
        return False
    for indicator, row in zip(form.indicators, record.rows, strict=True):
        if (indicator.group, indicator.level2, plain(indicator.name)) != (row.group, row.kind, plain(row.name)):
            return False
        if not _alike(texts_of(indicator), row.texts):
            return False
        if not _as_written(indicator.cell("score"), row.score, row.formula, blank=row.basis == "computed"):
            return False
        if not _as_written(indicator.cell("weight"), row.weight):
            return False
    own = {path: cell.typed for path, cell in form.fields.items() if not path.startswith(COMPUTED)}
    if not _alike(own, record.fields):
        return False
    if not _alike({key: cell.text for key, cell in form.narrative.items()}, record.narrative):
        return False
    if sorted(plain(stray.cell.typed) for stray in form.strays) != sorted(map(plain, record.strays)):
        return False
    computed = (path for path in form.fields if path.startswith(COMPUTED))
    return all(_as_written(form.fields[path], record.totals.get(path)) for path in computed)


def _alike(texts: Mapping[str, str], others: Mapping[str, str]) -> bool:
    return texts == others or _said(texts) == _said(others)


def _said(texts: Mapping[str, str]) -> dict[str, str]:
    return {key: said for key, text in texts.items() if (said := plain(text))}


def _as_written(cell: Cell, value: str | None, formula: str | None = None, *, blank: bool = True) -> bool:
    """Whether a computed cell still is as we wrote it; one that was emptied is too, as far as `blank` says so."""
    if not cell:
        return blank or value is None
    if cell.formula is not None and (
        formula is None or cell.formula == "" or _skeleton(cell.formula) == _skeleton(formula)
    ):
        # .xls does not tell which formula; another program may have calculated it anew.
        return value is not None
    if value is None:
        return False
    if cell.number is None:
        return cell.text.strip() == value
    wanted = number_of(value)
    return wanted is not None and abs(Fraction(cell.number) - wanted) <= _SLIGHT * max(Fraction(1), abs(wanted))


@lru_cache(maxsize=1024)
def _skeleton(formula: str) -> str:
    """A formula without the cells it names and without what programs spell differently."""
    return _REFERENCE.sub("", formula).replace(";", ",").casefold()


# ---- nothing was changed --------------------------------------------------------------------------------------------


def _restored(form: Form, record: FormRecord) -> Form:
    """The form as it was before we wrote it."""
    indicators = tuple(
        _restored_row(indicator, row, record.absent)
        for indicator, row in zip(form.indicators, record.rows, strict=True)
    )
    fields = {path: _problem(cell, record.problems.get(path)) for path, cell in form.fields.items()}
    for path in {*record.typed, *(path for path in fields if path.startswith(COMPUTED))}:
        before = record.typed.get(path)
        where = form.cell(path).ref
        fields[path] = Cell(where) if before is None else replace(before, ref=where)
    narrative = {key: Cell(cell.ref) if key in record.drafts else cell for key, cell in form.narrative.items()}
    for place in record.absent:
        kind, _, key = place.partition(" ")
        {"field": fields, "text": narrative}.get(kind, {}).pop(key, None)
    return replace(form, indicators=indicators, fields=fields, narrative=narrative)


def _restored_row(indicator: Indicator, row: RowRecord, absent: Sequence[str]) -> Indicator:
    cells = {key: _problem(cell, row.problems.get(key)) for key, cell in indicator.cells.items()}
    for place in absent:
        cells.pop(place.removeprefix("column "), None)
    for key in ("score", "weight"):
        if key in cells:
            before = row.typed.get(key, _NOTHING)
            cells[key] = Cell(cells[key].ref, before.text, before.number, None, before.problem)
    target, actual = (
        Quantity(cells[key].text, Kind.TEXT) if key in row.problems and key in cells else said
        for key, said in (("target", indicator.target), ("actual", indicator.actual))
    )
    return replace(
        indicator,
        cells=cells,
        target=target,
        actual=actual,
        stated_score=row.stated.get("score"),
        stated_weight=row.stated.get("weight"),
    )


_NOTHING = Cell()


def _problem(cell: Cell, problem: CellProblem | None) -> Cell:
    """The cell with what was wrong with it; a formula without a value stands there as text now."""
    if problem is None or cell.problem is problem:
        return cell
    text = "" if problem is CellProblem.UNCACHED else cell.text
    return Cell(cell.ref, text, None, cell.text.removeprefix("=") if not text else None, problem)


# ---- something was changed ------------------------------------------------------------------------------------------


def _as_known(form: Form, record: FormRecord) -> Form:
    """The form without rows that are printed on it and that still nobody filled in.

    A row that had no 二级指标 when we wrote it does not get that of the row above.
    """
    printed = set(record.printed)
    without = {plain(row.name) for row in record.rows if not row.kind}
    if not printed and not without:
        return form
    known = (replace(i, level2="") if plain(i.name) in without and not i.cell("level2") else i for i in form.indicators)
    indicators = tuple(
        i
        for i in known
        if (i.group, i.level2, plain(i.name)) not in printed
        or i.cell("score")
        or any(key != "criterion" for key in texts_of(i))
    )
    return replace(form, indicators=indicators)


def _merged_row(
    indicator: Indicator, row: RowRecord | None, formulas: frozenset[str], layout: Layout, found: list[Finding]
) -> Indicator:
    group = layout.pack.group(indicator.group)
    score, weight = indicator.cell("score"), indicator.cell("weight")
    cells = dict(indicator.cells)
    stated_score, stated_weight = indicator.stated_score, indicator.stated_weight
    if row is None:
        # A row that was copied within the table brought our formula along.
        ours = score.formula is not None and (not score.formula or _skeleton(score.formula) in formulas)
    else:
        ours = row.basis == "computed" and group.scoring != "stated"
    if ours and row is not None and score and not _as_written(score, row.score, row.formula):
        before = number_of(row.score or "")
        was = "" if before is None else shown(before, layout.pack.rounding.digits)
        if was and score.text.strip() != was:
            label = f"{indicator.name} / {layout.columns['indicator.score'].title}"
            said = {"name": indicator.name, "before": was, "written": score.text.strip()}
            found.append(Finding("TPL042", score.ref, label, said))
            ours = False
    if ours:
        cells["score"], stated_score = Cell(score.ref), None
    if group.weights != "stated" and weight:
        written = row.weight if row else None
        if weight.formula is not None or (written is not None and _as_written(weight, written)):
            cells["weight"], stated_weight = Cell(weight.ref), None
    return replace(indicator, cells=cells, stated_score=stated_score, stated_weight=stated_weight)


# ---- findings that are told again -----------------------------------------------------------------------------------


def places(form: Form) -> Iterator[tuple[str, str]]:
    """Every cell of a form as (place, address): a place stays the same when rows move."""
    for number, indicator in enumerate(form.indicators):
        for key, cell in indicator.cells.items():
            yield f"row {number} {key}", cell.ref
    for path, cell in form.fields.items():
        yield f"field {path}", cell.ref
    for key, cell in form.narrative.items():
        yield f"text {key}", cell.ref
    for number, stray in enumerate(form.strays):
        yield f"beside {number}", stray.cell.ref


def _told_again(form: Form, record: FormRecord) -> Iterator[Finding]:
    """What was said about reading the form, at the cells where it is now."""
    known = dict(places(form))
    for finding, place in record.findings:
        cell = known.get(place, "") if " " in place else place
        yield replace(finding, cell=cell, sheet=form.sheet)
