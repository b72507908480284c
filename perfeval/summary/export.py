"""The summary for other systems: CSV files that Excel opens rightly, or one JSON document.

Both hold the tables of the workbook under the same headings (CSV) or stable English keys (JSON).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

from perfeval.findings import Finding
from perfeval.jsonout import dumps, finding_object
from perfeval.numbers import decimal_text
from perfeval.summary.tables import Link, Row, Table
from perfeval.summary.text import csv_text

__all__ = ["VERSION", "csv_files", "json_text"]

VERSION = 1


def csv_files(tables: Sequence[Table], target: Path) -> dict[Path, bytes]:
    """The first table as `target`, each other one beside it as `target_表名.csv`; UTF-8 with a mark, for Excel."""
    return {
        target if place == 0 else target.with_name(f"{target.stem}_{table.name}{target.suffix}"): _csv(table)
        for place, table in enumerate(tables)
    }


def _csv(table: Table) -> bytes:
    stream = StringIO()
    writer = csv.writer(stream)
    writer.writerow([csv_text(column.title) for column in table.columns])
    writer.writerows([_plain(value, guard=True) for value in row] for row in table.rows())
    return stream.getvalue().encode("utf-8-sig")


def json_text(tables: Sequence[Table], findings: Sequence[Finding]) -> str:
    """One document: each table as a list of objects; numbers are strings, because JSON's are binary."""
    parts = [f'"version": {VERSION}']
    parts += [f"{dumps(table.key)}: [\n" + ",\n".join(map(dumps, _objects(table))) + "\n]" for table in tables]
    parts.append(f'"findings": {dumps([finding_object(finding) for finding in findings])}')
    return "{" + ",\n".join(parts) + "}\n"


def _objects(table: Table) -> Iterator[dict[str, Any]]:
    keys = [column.key for column in table.columns]
    for row in table.rows():
        yield dict(zip(keys, _plain_row(row), strict=True))


def _plain_row(row: Row) -> list[str | int | None]:
    return [_plain(value, guard=False) for value in row]


def _plain(value: str | int | Decimal | Link | None, *, guard: bool) -> str | int | None:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Link):
        value = value.path
    return csv_text(value) if guard and isinstance(value, str) else value
