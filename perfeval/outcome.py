"""What came of one file: what was read of each of its forms, computed, told and written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from perfeval.findings import Finding, Severity
from perfeval.memory import FormRecord
from perfeval.model import Evaluation, Form
from perfeval.pack import Pack
from perfeval.record import record

__all__ = ["FormOutcome", "Options", "Outcome"]


@record(frozen=True, slots=True)
class Options:
    """What the caller decides for a run."""

    pack: str | None = None  # None: recognised from the form
    templates: Path | None = None  # a folder of further packs
    mark: bool = True  # findings sheet, tinted cells and notes in the result
    password: str | None = None
    overwrite: bool = True  # replace a result that is already there; otherwise that is a finding


@record(frozen=True, slots=True)
class FormOutcome:
    """One form of a workbook: what was read, computed and told."""

    pack: Pack
    form: Form
    evaluation: Evaluation
    narrative: Mapping[str, str]  # text of every section as it stands in the finished form
    findings: tuple[Finding, ...]
    form_id: str = ""  # the form's own name through all its versions
    revision: int = 1  # grows each time the form comes back changed
    reading: tuple[Finding, ...] = ()  # those of `findings` that the reader made
    read: Form | None = None  # as it stands in the sheet, when `form` was merged with what the workbook remembers
    past: FormRecord | None = None  # what the workbook remembers of it
    unchanged: bool = False  # nobody changed anything since we wrote it


@record(frozen=True, slots=True)
class Outcome:
    """What came of one file."""

    path: Path
    output: Path | None = None  # None: nothing was written
    forms: tuple[FormOutcome, ...] = ()
    findings: tuple[Finding, ...] = ()  # all of the file, those of its forms included
    bug: str | None = None  # traceback when the fault is ours
    digest: str = ""  # SHA-256 of the bytes that were read; "" when none could be
    output_digest: str = ""  # SHA-256 of the finished workbook

    @property
    def status(self) -> Literal["ok", "warning", "error", "failed"]:
        """failed: no form could be read, or nothing be written; error: something must be corrected."""
        if self.bug or not self.forms:
            return "failed"
        severities = {finding.severity for finding in self.findings}
        if Severity.ERROR in severities:
            unwritten = any(f.code.startswith("OUT") and f.severity is Severity.ERROR for f in self.findings)
            return "failed" if unwritten else "error"
        return "warning" if Severity.WARNING in severities else "ok"
