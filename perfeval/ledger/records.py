"""What the ledger remembers of a file: its content, what came of it, and the forms inside."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import time
from collections import Counter
from pathlib import Path

from perfeval import __version__
from perfeval.numbers import decimal_text, exact_text
from perfeval.pack import available, pack_folder
from perfeval.pipeline import FormOutcome, Options, Outcome
from perfeval.quantity.text import without_blanks
from perfeval.record import record

__all__ = ["Entry", "FormLine", "entry_of", "file_key", "options_key", "plain_path", "same_file"]

_RACY_NS = 2_000_000_000  # a file changed again within the resolution of its time stamp looks unchanged (FAT: 2 s)


@record(frozen=True, slots=True)
class FormLine:
    """One form of a workbook."""

    sheet: str
    pack: str
    unit: str  # 填报单位
    project: str
    year: int | None
    score: str | None  # exact total: "98.85" or a fraction "5042/51"; None: none could be computed
    shown: str | None  # the total as printed
    grade: str | None
    form_id: str | None = None  # of a form this program handed out
    revision: int | None = None

    @property
    def key(self) -> str | None:
        """Equal for forms about the same project of the same unit and year; None when that is not known."""
        if not self.unit.strip() or not self.project.strip():
            return None
        return "\n".join(
            (without_blanks(self.unit).casefold(), without_blanks(self.project).casefold(), str(self.year))
        )


@record(frozen=True, slots=True)
class Entry:
    """One content of one file, and what came of it."""

    path: str
    size: int
    modified: int  # nanoseconds
    settled: bool  # whether that was long enough ago for an equal time to mean an unchanged file
    digest: str  # SHA-256 of the content
    options: str  # `options_key` of the run
    status: str
    codes: tuple[str, ...]  # of the findings, in reading order
    errors: int = 0
    warnings: int = 0
    notes: int = 0
    output: Path | None = None
    output_size: int = 0
    output_modified: int = 0
    output_digest: str = ""
    done: str = ""  # local time with its offset
    archive: Path | None = None  # where a hot folder puts the original
    archived: bool = False  # … and whether it lies there
    forms: tuple[FormLine, ...] = ()


def options_key(options: Options) -> str:
    """Equal for runs that make the same of the same file: same program, choices, and content of all packs.

    A password decides only whether a file opens, and what did not open is done again anyway.
    """
    total = hashlib.sha256(f"{__version__}\n{options.pack}\n{options.mark}\n".encode())
    for pack_id in available(options.templates):
        folder = pack_folder(pack_id, options.templates)
        for path in sorted(entry for entry in folder.rglob("*") if not entry.name.startswith((".", "~"))):
            if path.is_file():
                total.update(f"{pack_id}/{path.relative_to(folder).as_posix()}\n".encode(errors="surrogateescape"))
                with contextlib.suppress(OSError):  # a pack that cannot be read is told when it is loaded
                    total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def entry_of(outcome: Outcome, options: str, before: os.stat_result) -> Entry:
    """The record of an outcome; `before` is the state of the file before it was read."""
    severities = Counter(finding.severity.value for finding in outcome.findings)
    output_size = output_modified = 0
    if outcome.output is not None:
        with contextlib.suppress(OSError):  # already taken away: a later run finds it missing
            after = outcome.output.stat()
            output_size, output_modified = after.st_size, after.st_mtime_ns
    racy = abs(time.time_ns() - before.st_mtime_ns) < _RACY_NS
    return Entry(
        file_key(outcome.path),
        before.st_size,
        before.st_mtime_ns,
        not racy,
        outcome.digest,
        options,
        outcome.status,
        tuple(finding.code for finding in outcome.findings),
        severities["error"],
        severities["warning"],
        severities["note"],
        outcome.output,
        output_size,
        output_modified,
        outcome.output_digest,
        dt.datetime.now().astimezone().isoformat(timespec="seconds"),
        forms=tuple(map(_form_line, outcome.forms)),
    )


def _form_line(outcome: FormOutcome) -> FormLine:
    form, total = outcome.form, outcome.evaluation.total
    return FormLine(
        form.sheet,
        outcome.pack.id,
        form.text("unit_name"),
        form.text("project"),
        form.year,
        None if total is None else exact_text(total.exact),
        None if total is None else decimal_text(total.shown),
        None if total is None else total.grade,
        outcome.form_id or None,
        None if outcome.past is None else outcome.revision,  # without memory nobody can say which one it is
    )


def file_key(path: Path) -> str:
    """The one name under which a file is on record, however it was reached."""
    return plain_path(os.path.realpath(path))


def plain_path(path: str | Path) -> str:
    """A path as text; bytes that are no text, which only old Linux archives bring along, are spelt out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def same_file(path: Path, size: int, modified: int | None, digest: str) -> bool:
    """Whether the file still has the content on record; read only when its time stamp does not settle it."""
    try:
        now = path.stat()
        if now.st_size != size:
            return False
        return now.st_mtime_ns == modified or hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False
