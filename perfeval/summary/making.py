"""From a collection to the summary's tables, and to a file in one of three formats."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from perfeval.errors import PathError
from perfeval.files import holds, is_free, reason, write_atomic, write_fault
from perfeval.findings import Finding
from perfeval.numbers import exact_sum, shown
from perfeval.render import STATUS
from perfeval.roster import Roster
from perfeval.summary.charts import Figures, figures
from perfeval.summary.collect import Collection, Entry, duplicate_findings
from perfeval.summary.lists import indicators_table, missing_table, problems_table, shortfalls_table
from perfeval.summary.tables import Table, duplicates_table, overview, units_table

__all__ = ["Format", "Summary", "rendered", "summarise", "write"]

Format = Literal["xlsx", "csv", "json"]


@dataclass(frozen=True, slots=True)
class Summary:
    """All tables of a summary, and what has to be said about it."""

    tables: tuple[Table, ...]
    figures: Figures | None
    findings: tuple[Finding, ...]


def summarise(collection: Collection, roster: Roster | None = None) -> Summary:
    """The tables over everything collected; of a project handed in twice the newest form counts."""
    duplicates = collection.duplicates()
    replaced = {entry for duplicate in duplicates for entry in duplicate.others}
    entries = [entry for entry in collection.entries if entry not in replaced]
    counted = frozenset(entries)
    view = overview(entries, collection.failed, _remark(collection, entries))
    units = units_table(view)
    tables = [
        view.table,
        units,
        indicators_table(collection, counted),
        shortfalls_table(collection, counted),
        problems_table(collection),
    ]
    findings = duplicate_findings(duplicates)
    if roster is not None:
        table, more = missing_table(roster, entries, len(collection.failed))
        tables.append(table)
        findings += more
    if duplicates:
        tables.append(duplicates_table(duplicates))
    return Summary(tuple(tables), figures(view, units), tuple(findings))


def _remark(collection: Collection, entries: Sequence[Entry]) -> str:
    """One line below the title: how many forms, how they stand, their mean."""
    counts = {status: sum(entry.form.status == status for entry in entries) for status in STATUS}
    counts["failed"] += len(collection.failed)
    parts = "、".join(f"{STATUS[status]} {number}" for status, number in counts.items() if number)
    marks = [entry.mark for entry in entries if entry.mark is not None]
    mean = f";平均分 {shown(exact_sum(marks) / len(marks))}" if marks else ""
    replaced = len(collection.entries) - len(entries)
    others = f";另有 {replaced} 份重复报送未计入" if replaced else ""
    return f"共 {sum(counts.values())} 份" + (f":{parts}" if parts else "") + mean + others


def rendered(summary: Summary, target: Path, format_: Format = "xlsx") -> dict[Path, bytes]:
    """The files of the summary with their content; links in a workbook are relative to its folder."""
    from perfeval.summary.export import csv_files, json_text

    if format_ == "csv":
        return csv_files(summary.tables, target)
    if format_ == "json":
        return {target: json_text(summary.tables, summary.findings).encode()}
    from perfeval.summary.book import workbook
    from perfeval.workbook.diskfaults import disk_faults

    try:
        with disk_faults():
            return {target: workbook(summary.tables, summary.figures, target.parent)}
    except OSError as error:  # openpyxl keeps each sheet in a temporary file
        raise PathError(f"汇总的临时文件写不进去:{reason(error)}。请确认放临时文件的磁盘有空间。") from error


def write_free(versions: Iterable[dict[Path, bytes]]) -> dict[Path, bytes]:
    """Write the first of `versions`, which differ in their names, whose names are all free; returns it.

    A name that another run takes in the last instant is not free either.
    """
    for files in versions:
        if not _all_free(files):
            continue
        try:
            write(files)
        except PathError:
            if _all_free(files):
                raise
        else:
            return files
    raise AssertionError("numbers do not end")


def _all_free(files: Mapping[Path, bytes]) -> bool:
    return all(map(is_free, files, files.values()))


def write(files: Mapping[Path, bytes], *, overwrite: bool = False) -> None:
    """Write all files, each in one step; without `overwrite` all of them or, when one cannot be written, none."""
    new: list[Path] = []
    for path, data in files.items():
        if not overwrite and holds(path, data):  # of a run that was cut off
            continue
        try:
            write_atomic(path, data, overwrite=overwrite)
        except OSError as error:
            for written in () if overwrite else new:
                with contextlib.suppress(OSError):
                    written.unlink()
            fault = write_fault(error, path)
            raise PathError(f"{fault.message}\n{fault.fix}") from error
        new.append(path)
