"""The long lists of the summary: every indicator, what fell short, what is to be corrected, who is missing.

The lists of indicators and problems have no title row, because other programs read them too: row 1 is the heading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from perfeval.findings import Finding
from perfeval.roster import Match, Roster, RosterRow, match
from perfeval.summary.collect import Collection, Entry
from perfeval.summary.digest import IndicatorLine
from perfeval.summary.tables import Column, Kind, Link, Row, Table

__all__ = ["indicators_table", "missing_table", "problems_table", "shortfalls_table"]

_WHO = (
    Column("unit", "填报单位", "text", 18),
    Column("project", "项目名称", "text", 18),
    Column("year", "年度", "year", 7),
)
_INDICATOR = (
    Column("level1", "一级指标", "text", 8),
    Column("level2", "二级指标", "text", 12),
    Column("name", "三级指标", "text", 24),
    Column("weight", "权重", "number", 7),
    Column("target", "预期值", "text", 12),
    Column("actual", "实现值", "text", 14),
    Column("completion", "完成比例", "percent", 10),
    Column("score", "得分", "number", 7),
    Column("lost", "扣分", "number", 7),
)
_TIDY = (
    Column("basis", "得分依据", "plain", 8),
    Column("met", "是否达标", "plain", 9),
    Column("reason", "未达标原因", "long", 32),
    Column("evidence", "佐证材料", "long", 30, printed=False),
)
_FILE = Column("file", "文件", "text", 34, printed=False)


def indicators_table(collection: Collection, counted: frozenset[Entry]) -> Table:
    """指标明细: one row for each indicator of each form that counts."""

    def texts() -> Iterator[Sequence[str]]:
        for entry, lines in collection.indicators():
            if entry in counted:
                who, file = _who(entry), entry.file
                for *line, _ in lines:
                    yield (*who, *line, file)

    count = sum(entry.indicators for entry in counted)
    return _long_list("indicators", "指标明细", (*_WHO, *_INDICATOR, *_TIDY, _FILE), texts, count)


def shortfalls_table(collection: Collection, counted: frozenset[Entry]) -> Table:
    """未达标指标: every indicator that missed its target or lost points, with the reason."""
    reason = Column("reason", "未达标原因", "long", 46)

    def texts() -> Iterator[Sequence[str]]:
        for entry, lines in collection.indicators():
            if entry.missed and entry in counted:
                who, file = _who(entry), entry.file
                for line in map(IndicatorLine._make, lines):
                    if line.fell_short:
                        yield (*who, *line[: len(_INDICATOR)], line.reason, file)

    count = sum(entry.missed for entry in counted)
    return _long_list("shortfalls", "未达标指标", (*_WHO, *_INDICATOR, reason, _FILE), texts, count)


def problems_table(collection: Collection) -> Table:
    """问题清单: what to send back, file by file."""
    columns = (
        *_WHO[:2],
        Column("severity", "级别", "plain", 7),
        Column("code", "代码", "plain", 9),
        Column("place", "位置", "text", 14),
        Column("label", "栏目", "text", 20),
        Column("message", "问题", "long", 44),
        Column("fix", "改法", "long", 40),
        _FILE,
    )

    def texts() -> Iterator[Sequence[str]]:
        for entries, path, problems in collection.details():
            by_sheet = {entry.form.sheet: entry for entry in entries}
            for severity, code, sheet, cell, label, message, fix in problems:
                entry = by_sheet.get(sheet) or (entries[0] if len(entries) == 1 else None)
                unit, project = ("", "") if entry is None else (entry.form.unit, entry.form.project)
                place = f"{sheet}!{cell}" if cell else sheet
                yield unit, project, severity, code, place, label, message, fix, path

    return _long_list("problems", "问题清单", columns, texts, collection.problems)


def _long_list(
    key: str, name: str, columns: tuple[Column, ...], texts: Callable[[], Iterable[Sequence[str]]], count: int
) -> Table:
    """A table of texts; who asks for its rows gets the numbers among them as such."""
    makers = [_MAKERS.get(column.kind, str) for column in columns]

    def rows() -> Iterator[Row]:
        for row in texts():
            yield [make(text) for make, text in zip(makers, row, strict=True)]

    return Table(key, name, columns, rows, count, frozen=2, texts=texts)


def _who(entry: Entry) -> tuple[str, str, str]:
    form = entry.form
    return form.unit, form.project, "" if form.year is None else str(form.year)


@lru_cache(maxsize=1024)
def _number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _year(text: str) -> int | None:
    return int(text) if text else None


# What a column of a long list holds besides texts.
_MAKERS: Mapping[Kind, Callable[[str], str | int | Decimal | None]] = {
    "year": _year,
    "number": _number,
    "percent": _number,
}


# ---- 缺报名单 --------------------------------------------------------------------------------------------------------

_MISSING = "未报送"
_TO_CORRECT = "需修改"
_DONE = "已完成"
_STRANGER = "名册外"
_MISSING_COLUMNS = (
    Column("state", "情况", "plain", 9),
    Column("unit", "单位", "text", 24),
    Column("project", "项目", "text", 24),
    Column("year", "年度", "year", 7),  # only where the roster names years
    Column("contact", "联系人", "text", 10),
    Column("phone", "电话", "text", 14),
    Column("email", "邮箱", "text", 24),
    Column("total", "合计", "number", 9),
    Column("warnings", "提醒", "plain", 7),
    Column("written", "报送时写的名称(与名册不同时)", "long", 30),
    Column("file", "文件", "link", 30, printed=False),
)


@dataclass(frozen=True, slots=True)
class _Standing:
    row: RosterRow
    entries: tuple[Entry, ...]
    state: str


def missing_table(roster: Roster, entries: Sequence[Entry], unreadable: int) -> tuple[Table, list[Finding]]:
    """缺报名单: who has not sent, who must correct, who is done, and who is not on the roster."""
    matches = match(roster.rows, [(entry.form.unit, entry.form.project, entry.form.year) for entry in entries])
    dated = any(row.year is not None for row in roster.rows)
    by_row: dict[int, list[Entry]] = {row.row: [] for row in roster.rows}
    for entry, found in zip(entries, matches, strict=True):
        if found.row is not None:
            by_row[found.row.row].append(entry)
    standings = [_Standing(row, tuple(by_row[row.row]), _state(by_row[row.row])) for row in roster.rows]
    alike = {id(entry) for entry, found in zip(entries, matches, strict=True) if found.near}
    rows: list[Row] = []
    for state in (_MISSING, _TO_CORRECT, _DONE):
        for standing in standings:
            if standing.state == state:
                rows += _standing_rows(standing, alike)
    strangers = [entry for entry, found in zip(entries, matches, strict=True) if found.row is None]
    rows += [_row(_STRANGER, None, entry, "") for entry in strangers]
    counts = {state: sum(s.state == state for s in standings) for state in (_MISSING, _TO_CORRECT, _DONE)}
    remark = f"名册 {len(standings)} 项:" + ",".join(f"{state} {number}" for state, number in counts.items())
    remark += f";名册外 {len(strangers)} 份" if strangers else ""
    remark += f"。另有 {unreadable} 个文件读不出来,列在总表末尾,可能属于未报送的单位" if unreadable else ""
    columns: tuple[Column, ...] = _MISSING_COLUMNS
    if not dated:
        place = next(number for number, column in enumerate(columns) if column.key == "year")
        columns = (*columns[:place], *columns[place + 1 :])
        rows = [(*row[:place], *row[place + 1 :]) for row in rows]
    table = Table("roster", "缺报名单", columns, lambda: rows, len(rows), "报送情况", f"{remark}。", frozen=3)
    return table, _announced(entries, matches, dated=dated)


def _state(entries: Sequence[Entry]) -> str:
    if not entries:
        return _MISSING
    return _TO_CORRECT if any(entry.form.status in ("error", "failed") for entry in entries) else _DONE


def _standing_rows(standing: _Standing, alike: set[int]) -> Iterator[Row]:
    row = standing.row
    if not standing.entries:
        yield _row(standing.state, row, None, "")
    for entry in standing.entries:
        written = entry.who if id(entry) in alike else ""
        yield _row(_state((entry,)), row, entry, written)


def _row(state: str, listed: RosterRow | None, entry: Entry | None, written: str) -> Row:
    form = None if entry is None else entry.form
    fields = {} if listed is None else listed.fields
    return [
        state,
        listed.unit if listed is not None else form.unit if form is not None else "",
        (listed.project if listed is not None else "") or (form.project if form is not None else ""),
        (listed.year if listed is not None else None) or (form.year if form is not None else None),
        fields.get("contact.name", ""),
        fields.get("contact.phone", ""),
        fields.get("contact.email", ""),
        None if form is None else form.shown,
        None if form is None else form.warnings,
        written,
        None if entry is None else Link(entry.file),
    ]


def _announced(entries: Sequence[Entry], matches: Sequence[Match], *, dated: bool) -> list[Finding]:
    findings = []
    for entry, found in zip(entries, matches, strict=True):
        year = f" / {entry.form.year}年度" if dated and entry.form.year is not None else ""
        said = {"path": entry.path, "who": f"{entry.who}{year}"}
        if found.near and found.row is not None:
            findings.append(Finding("BAT102", params={**said, "listed": found.row.who, "row": str(found.row.row)}))
        elif found.candidates:
            listed = "」「".join(row.who for row in found.candidates)
            findings.append(Finding("BAT103", params={**said, "listed": listed}))
        elif found.row is None:
            findings.append(Finding("BAT104", params=said))
    return findings
