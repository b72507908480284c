"""One file from end to end: open, recognise, read, score, review, tell, write.

Nothing a user typed raises here: faults are findings of the `Outcome`, and a mistake of ours is caught per file
and kept as text, so that a batch goes on. The work is done in stages (see `perfeval.stages`), for the files of a batch.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import cast

from perfeval.calculator import evaluate
from perfeval.errors import PerfevalError, traced
from perfeval.files import read_fault, write_atomic, write_fault
from perfeval.findings import Finding
from perfeval.kept import keep, kept
from perfeval.layout import Layout, compile_layout
from perfeval.memory import Memory, read_memory
from perfeval.merging import Recalled, form_id, merged, ordered, outdated, recalled, revision_of
from perfeval.narrative import render
from perfeval.outcome import FormOutcome, Options, Outcome
from perfeval.pack import Pack, available, built_in_stamp, is_built_in, load_folder, pack_folder
from perfeval.reader import read_form
from perfeval.recognise import Recognised, recognise
from perfeval.review import review
from perfeval.stages import Staged, Turn, finished
from perfeval.workbook.grid import Sheet, open_book, parse_ref
from perfeval.workbook.guard import BadWorkbook, read_file

__all__ = [
    "FormOutcome", "Options", "Outcome", "blank_form", "fill", "filling", "inspect", "inspecting", "layout_of",
    "layouts_of", "produce", "producing", "store",
]  # fmt: skip

_LIGHT = 1 << 20  # bytes in a workbook up to which it may wait for others; a form has a tenth
_NOT_FOUND = ("TPL022", "TPL023")  # a column of the table is not there


def inspect(path: Path, options: Options) -> Outcome:
    """Read, compute and review one file; write nothing."""
    return finished(inspecting(path, options))


def inspecting(path: Path, options: Options) -> Staged[Outcome]:
    """The stages of `inspect`."""
    outcome, _ = yield from _read(path, options, wanted=False)
    return outcome


def fill(path: Path, target: Path, options: Options) -> Outcome:
    """Like `inspect`, and write the finished workbook to `target`, whole or not at all."""
    return finished(filling(path, target, options))


def filling(path: Path, target: Path, options: Options) -> Staged[Outcome]:
    """The stages of `fill`; the last one writes."""
    outcome, result = yield from producing(path, options)
    yield Turn.PASS
    return outcome if result is None else store(outcome, target, result, overwrite=options.overwrite)


def produce(path: Path, data: bytes, options: Options) -> tuple[Outcome, bytes | None]:
    """What `fill` makes of the bytes of a workbook, without touching a disk; None: no finished workbook.

    `path` only names the file in messages: the bytes may have come by mail.
    """
    return finished(_guarded(path, data, options, wanted=True))


def producing(path: Path, options: Options) -> Staged[tuple[Outcome, bytes | None]]:
    """The stages of `produce` for a file on the disk."""
    return _read(path, options, wanted=True)


def store(outcome: Outcome, target: Path, result: bytes, *, overwrite: bool = True, durable: bool = False) -> Outcome:
    """Write the finished workbook `result` to `target`; what stands in the way becomes a finding."""
    try:
        write_atomic(target, result, overwrite=overwrite, durable=durable)
    except OSError as error:
        return replace(outcome, findings=(*outcome.findings, write_fault(error, target)))
    return replace(outcome, output=target, output_digest=hashlib.sha256(result).hexdigest())


def blank_form(pack: Pack, fields: Mapping[str, str] | None = None) -> bytes:
    """A blank official form to hand out, with header fields by path ("unit_name") filled in as far as known."""
    from perfeval.assemble import blank_form as assembled

    return assembled(layout_of(pack), fields or {})


def _read(path: Path, options: Options, *, wanted: bool) -> Staged[tuple[Outcome, bytes | None]]:
    try:
        data = read_file(path)
    except OSError as error:
        return Outcome(path, findings=(read_fault(error, path),)), None
    except BadWorkbook as bad:
        return Outcome(path, findings=(bad.finding(),)), None
    return (yield from _guarded(path, data, options, wanted=wanted))


def _guarded(path: Path, data: bytes, options: Options, *, wanted: bool) -> Staged[tuple[Outcome, bytes | None]]:
    digest = hashlib.sha256(data).hexdigest()
    try:
        forms, findings, result = yield from _process(data, options, wanted=wanted)
        return Outcome(path, forms=forms, findings=findings, digest=digest), result
    except BadWorkbook as bad:
        return Outcome(path, findings=(bad.finding(),), digest=digest), None
    except PerfevalError:
        raise
    except OSError as error:
        return Outcome(path, findings=(read_fault(error, path),), digest=digest), None
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of a Rust library is no Exception
        fault = Finding("SYS001", params={"path": str(path), "error": f"{type(error).__name__}: {error}"})
        return Outcome(path, findings=(fault,), bug=traced(error), digest=digest), None


def _process(
    data: bytes, options: Options, *, wanted: bool
) -> Staged[tuple[tuple[FormOutcome, ...], tuple[Finding, ...], bytes | None]]:
    """The forms of a workbook, all findings, and the finished workbook if one is wanted and there is a form."""
    book = open_book(data, password=options.password)
    yield Turn.KEEP if book.size > _LIGHT else Turn.PASS
    layouts = layouts_of(options)
    forms: list[tuple[Recognised, FormOutcome]] = []
    memory, faults = read_memory(book)
    known = None
    if memory is not None and options.pack is None:
        known = {sheet.name: record.pack for sheet in book.sheets if (record := memory.of(sheet.name)) is not None}
    recognised, findings = recognise(book, layouts, known)
    for found in recognised:
        outcome = yield from _form_outcome(found, memory)
        forms.append((found, outcome))
    findings += faults
    if memory is not None and forms and all(outcome.unchanged for _, outcome in forms):
        findings += [finding for finding in memory.findings if finding not in findings]
    for _, outcome in forms:
        findings += outcome.findings
    result: bytes | None = None
    if wanted and forms:
        from perfeval.assemble import assemble  # the writing half is loaded only where something is written

        with_layouts = [(found.sheet, outcome, found.layout) for found, outcome in forms]
        result, notes = yield from assemble(book, with_layouts, findings, options.mark)
        findings += notes
    return tuple(outcome for _, outcome in forms), tuple(findings), result


def _form_outcome(found: Recognised, memory: Memory | None) -> Staged[FormOutcome]:
    sheet, layout, words = found.sheet, found.layout, found.words
    pack = layout.pack
    yield Turn.PASS
    read, noticed = read_form(sheet, layout, words)
    yield Turn.PASS
    read = ordered(read, pack)
    past = memory.of(sheet.name) if memory else None
    recall = Recalled(read, noticed)
    if past is not None and past.whole and past.pack == pack.id:
        recall = recalled(read, noticed, past, layout)
    evaluation, scoring = evaluate(recall.form, pack)
    unchanged = recall.unchanged
    if past is not None and unchanged and outdated(evaluation, past):
        recall = merged(read, noticed, past, layout)
        if past.pack_version == pack.version:
            recall = replace(recall, reading=(*recall.reading, Finding("TPL043")))
        evaluation, scoring = evaluate(recall.form, pack)
    form, reading = recall.form, tuple(_placed(finding, sheet) for finding in recall.reading)
    yield Turn.PASS
    remarks = review(form, evaluation, pack)
    unreadable = {finding.cell for finding in reading if finding.cell and finding.code.startswith("VAL")}
    told = {
        "SCR101": frozenset(finding.cell for finding in reading if finding.code == "TPL042"),
        "VAL103": frozenset(unreadable),
    }
    if any(finding.code in _NOT_FOUND for finding in reading):
        unreadable.add("")  # the column was named once; its rows need no word each
    findings = (
        *reading,
        *(f for f in scoring if f.cell not in unreadable or not f.code.startswith("VAL")),
        *(f for f in remarks if f.cell not in told.get(f.code, ())),
    )
    known_as = form_id(form, pack, past)
    yield Turn.PASS
    narrative = render(pack, form, evaluation)
    yield Turn.PASS
    return FormOutcome(
        pack=pack,
        form=form,
        evaluation=evaluation,
        narrative=narrative,
        findings=tuple(sorted((_placed(finding, sheet) for finding in findings), key=_reading_order)),
        form_id=known_as,
        revision=revision_of(known_as, past, unchanged=unchanged),
        reading=reading,
        read=None if read is form else read,
        past=past,
        unchanged=recall.unchanged,
    )


def _placed(finding: Finding, sheet: Sheet) -> Finding:
    return finding if finding.sheet else replace(finding, sheet=sheet.name)


def _reading_order(finding: Finding) -> tuple[int, int]:
    """As a person reads a sheet: the whole first, then row by row."""
    return parse_ref(finding.cell) if finding.cell else (0, 0)


# ---- which form is it ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def layout_of(pack: Pack) -> Layout:
    """The compiled form of a pack."""
    return compile_layout(pack)


@lru_cache(maxsize=16)
def layouts_of(options: Options) -> tuple[Layout, ...]:
    """The forms that a workbook may hold; PackError when a pack is missing or wrong."""
    names = (options.pack,) if options.pack else available(options.templates)
    folders = [pack_folder(name, options.templates) for name in names]
    stamp = built_in_stamp() if any(map(is_built_in, folders)) else b""
    return tuple(_layout_in(folder, stamp) for folder in folders)


def _layout_in(folder: Path, stamp: bytes) -> Layout:
    """The compiled form of the pack in `folder`; that of a built-in pack as an earlier run compiled it.

    For a single file, reading four packs took as long as reading, scoring and reviewing it.
    """
    if not is_built_in(folder):
        return layout_of(load_folder(folder))
    name = f"{folder.name}.layout"
    known = kept(name, stamp)
    if known is not None:
        return cast("Layout", pickle.loads(known))  # noqa: S301 - our own
    layout = compile_layout(load_folder(folder))  # one that is in use holds what cannot be kept
    keep(name, stamp, lambda: pickle.dumps(layout))
    return layout
