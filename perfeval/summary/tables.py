"""The sheets of the summary as plain tables: columns with a meaning, rows of texts and exact numbers.

Workbook, CSV and JSON are three ways to write the same tables, so they cannot disagree. pandas ranks and groups; every
sum and mean is taken over exact numbers and rounded once.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from perfeval.numbers import exact_sum, exact_text, round_half_up
from perfeval.quantity import convertible
from perfeval.render import STATUS
from perfeval.roster import same_name
from perfeval.summary.collect import Duplicate, Entry

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Column", "Link", "Overview", "Row", "Table", "duplicates_table", "overview", "units_table"]

Kind = Literal["text", "long", "plain", "year", "number", "money", "percent", "link"]


@dataclass(frozen=True, slots=True)
class Link:
    """A file to open."""

    path: str

    @property
    def name(self) -> str:
        """What is shown of it."""
        return os.path.basename(self.path)  # noqa: PTH119 - of ten thousand


Row = Sequence["str | int | Decimal | Link | None"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its key in JSON, its heading, what it holds, its width in characters."""

    key: str
    title: str
    kind: Kind = "text"
    width: int = 12
    hidden: bool = False
    printed: bool = True  # columns that are not come last


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet. `rows` can be asked for again and again; large ones come from disk."""

    key: str
    name: str  # of the sheet
    columns: tuple[Column, ...]
    rows: Callable[[], Iterable[Row]]
    count: int
    title: str = ""  # printed above the heading; "" for lists that other programs read
    remark: str = ""  # printed below the title
    last_is_sum: bool = False
    texts: Callable[[], Iterable[Sequence[str]]] | None = None  # of a long list: the rows as texts, "" for None
    frozen: int = 1  # columns that stay in sight


@dataclass(frozen=True, slots=True)
class Overview:
    """总表, and what other sheets and charts take from it."""

    table: Table
    frame: pd.DataFrame = field(repr=False)  # one row for each form that counts: entry, who, mark, money
    money_unit: str


def overview(entries: Sequence[Entry], failed: Sequence[str], remark: str) -> Overview:
    """总表 over the forms that count, best first, and below them the files that could not be read."""
    import pandas as pd

    money_unit = _money_unit(entries)
    frame = pd.DataFrame(
        {
            "entry": pd.Series(list(entries), dtype=object),
            "unit": pd.Series([same_name(entry.form.unit) for entry in entries], dtype=object),
            "mark": pd.Series([None if entry.mark is None else float(entry.mark) for entry in entries], dtype=float),
        }
    )
    # Equal totals share a rank and the next one is left out: 1, 2, 2, 4.
    frame["rank"] = frame["mark"].rank(method="min", ascending=False)
    frame = frame.sort_values("mark", ascending=False, kind="stable", na_position="last", ignore_index=True)
    groups = _groups(entries)
    columns = _columns(entries, groups, money_unit)
    keys = [column.key for column in columns]

    def rows() -> Iterator[Row]:
        for entry, rank in zip(frame["entry"], frame["rank"], strict=True):
            values = _values(entry, money_unit)
            values["rank"] = None if rank != rank else int(rank)
            scores = {group.name: group.score for group in entry.form.groups}
            values |= {f"group:{name}": scores.get(name) for name in groups}
            yield [values.get(key) for key in keys]
        for path in failed:
            values = {"project": f"(文件){Path(path).name}", "status": STATUS["failed"], "file": Link(path)}
            yield [values.get(key) for key in keys]

    years = {entry.form.year for entry in entries if entry.form.year is not None}
    year = f"{years.pop()}年度" if len(years) == 1 else ""
    table = Table(
        "forms", "总表", columns, rows, len(entries) + len(failed), f"{year}项目绩效自评汇总表", remark, frozen=2
    )
    return Overview(table, frame, money_unit)


def _groups(entries: Sequence[Entry]) -> dict[str, str]:
    """The first-level indicators of all packs → heading; the points stand there when they are the same everywhere."""
    points: dict[str, set[Fraction]] = {}
    for entry in entries:
        for group in entry.form.groups:
            points.setdefault(group.name, set()).add(group.points)
    return {
        name: f"{name}({exact_text(next(iter(found)))})" if len(found) == 1 else name for name, found in points.items()
    }


def _columns(entries: Sequence[Entry], groups: dict[str, str], money_unit: str) -> tuple[Column, ...]:
    forms = [entry.form for entry in entries]
    wanted: list[tuple[Column, bool]] = [
        (Column("rank", "名次", "plain", 6), True),
        (Column("unit", "填报单位", "text", 24), True),
        (Column("department", "主管部门", "text", 18), any(form.department for form in forms)),
        (Column("project", "项目名称", "text", 22), True),
        (Column("year", "年度", "plain", 7), True),
        (Column("pack", "评分体系", "text", 20), len({form.pack for form in forms}) > 1),
        (Column("budget", f"预算数({money_unit})", "money", 12), True),
        (Column("allocated", f"下达数({money_unit})", "money", 12), True),
        (Column("spent", f"支出数({money_unit})", "money", 12), True),
        (Column("rate", "执行率", "percent", 9), True),
        *((Column(f"group:{name}", title, "number", 8), True) for name, title in groups.items()),
        (Column("total", "合计", "number", 9), True),
        (Column("exact", "合计(未四舍五入)", "text", 20, hidden=True), True),
        (Column("grade", "等级", "plain", 6), any(form.grade for form in forms)),
        (Column("missed", "未达标指标", "plain", 8), True),
        (Column("status", "状态", "plain", 8), True),
        (Column("errors", "错误", "plain", 6), True),
        (Column("warnings", "提醒", "plain", 6), True),
        (Column("file", "文件", "link", 30, printed=False), True),
    ]
    return tuple(column for column, needed in wanted if needed)


def _values(entry: Entry, money_unit: str) -> dict[str, Any]:
    form = entry.form
    return {
        "unit": form.unit,
        "department": form.department,
        "project": form.project,
        "year": form.year,
        "pack": form.pack_title,
        "budget": _converted(form.funds.budget, form.funds.unit, money_unit),
        "allocated": _converted(form.funds.allocated, form.funds.unit, money_unit),
        "spent": _converted(form.funds.spent, form.funds.unit, money_unit),
        "rate": _ratio(form.funds.rate),
        "total": form.shown,
        "exact": form.exact,
        "grade": form.grade,
        "missed": entry.missed,
        "status": STATUS[form.status],
        "errors": form.errors,
        "warnings": form.warnings,
        "file": Link(entry.file),
    }


def _money_unit(entries: Sequence[Entry]) -> str:
    """The unit of all amounts: that of the forms if it is one, else the usual one."""
    units = {entry.form.funds.unit for entry in entries}
    return units.pop() if len(units) == 1 else "万元"


def _converted(value: Decimal | None, unit: str, wanted: str) -> Decimal | None:
    if value is None or unit == wanted:
        return value
    factor = convertible(unit, wanted)
    return None if factor is None else Decimal(exact_text(Fraction(value) * factor))


def _ratio(value: Fraction | None) -> Decimal | None:
    return None if value is None else round_half_up(value, 4)


# ---- 按单位 ----------------------------------------------------------------------------------------------------------

_UNIT_COLUMNS = (
    Column("rank", "名次", "plain", 6),
    Column("unit", "填报单位", "text", 30),
    Column("projects", "项目数", "plain", 8),
    Column("scored", "有得分", "plain", 8),
    Column("average", "平均分", "number", 9),
    Column("highest", "最高分", "number", 9),
    Column("lowest", "最低分", "number", 9),
)
_UNIT_TAIL = (
    Column("rate", "执行率", "percent", 9),
    Column("missed", "未达标指标", "plain", 8),
    Column("to_correct", "需修改", "plain", 8),
)


def units_table(view: Overview) -> Table:
    """按单位: mean, best, worst, money; the last row is over everything."""
    import pandas as pd

    unit = view.money_unit
    columns = (
        *_UNIT_COLUMNS,
        Column("budget", f"预算数({unit})", "money", 13),
        Column("allocated", f"下达数({unit})", "money", 13),
        Column("spent", f"支出数({unit})", "money", 13),
        *_UNIT_TAIL,
    )
    records = [_unit_record(list(group["entry"]), unit) for _, group in view.frame.groupby("unit", sort=False)]
    table = pd.DataFrame(records, columns=["mean", *(column.key for column in columns)], dtype=object)
    table["order"] = table["mean"].map(float, na_action="ignore").astype(float)
    # By the mean as shown: two units with the same figure share a rank.
    table["rank"] = table["order"].rank(method="min", ascending=False)
    table = table.sort_values("order", ascending=False, kind="stable", na_position="last", ignore_index=True)
    last = _unit_record(list(view.frame["entry"]), unit) | {"unit": "合计", "rank": None}
    rows: list[Row] = []
    for values in table[[column.key for column in columns]].itertuples(index=False):
        rank, *rest = values
        rows.append(
            [
                None if rank != rank else int(rank),
                *(None if value is None or value != value else value for value in rest),
            ]
        )
    rows.append([last[column.key] for column in columns])
    return Table(
        "units",
        "按单位",
        columns,
        lambda: rows,
        len(rows),
        "各单位项目绩效自评情况",
        "平均分按各项目合计计算;没有得分的项目不计入平均分,没有填写的金额不计入金额和执行率。",
        last_is_sum=True,
        frozen=2,
    )


def _unit_record(entries: Sequence[Entry], unit: str) -> dict[str, Any]:
    marks = [entry.mark for entry in entries if entry.mark is not None]
    average = round_half_up(exact_sum(marks) / len(marks), 2) if marks else None
    record: dict[str, Any] = {
        "mean": average,
        "unit": entries[0].form.unit if entries else "",
        "projects": len(entries),
        "scored": len(marks),
        "average": average,
        "highest": round_half_up(max(marks), 2) if marks else None,
        "lowest": round_half_up(min(marks), 2) if marks else None,
        "missed": sum(entry.missed for entry in entries),
        "to_correct": sum(entry.form.status in ("error", "failed") for entry in entries),
        "rate": _joint_rate(entries, unit),
    }
    for key in ("budget", "allocated", "spent"):
        amounts = [_converted(getattr(entry.form.funds, key), entry.form.funds.unit, unit) for entry in entries]
        known = [value for value in amounts if value is not None]
        record[key] = sum(known, Decimal(0)) if known else None
    return record


def _joint_rate(entries: Sequence[Entry], unit: str) -> Decimal | None:
    """Spent ÷ received over the forms that say both."""
    spent: list[Fraction] = []
    base: list[Fraction] = []
    for entry in entries:
        funds = entry.form.funds
        paid = _converted(funds.spent, funds.unit, unit)
        received = _converted(funds.received, funds.unit, unit)
        if paid is not None and received:
            spent.append(Fraction(paid))
            base.append(Fraction(received))
    whole = exact_sum(base)
    return _ratio(exact_sum(spent) / whole) if whole else None


# ---- 重复报送 --------------------------------------------------------------------------------------------------------

_DUPLICATE_COLUMNS = (
    Column("unit", "填报单位", "text", 28),
    Column("project", "项目名称", "text", 30),
    Column("year", "年度", "plain", 7),
    Column("counts", "是否计入", "plain", 9),
    Column("total", "合计", "number", 9),
    Column("status", "状态", "plain", 8),
    Column("revision", "版次", "plain", 7),
    Column("changed", "修改时间", "plain", 18),
    Column("file", "文件", "link", 40),
)


def duplicates_table(duplicates: Sequence[Duplicate]) -> Table:
    """重复报送: which of several submissions counts."""
    rows: list[Row] = [
        [
            entry.form.unit,
            entry.form.project,
            entry.form.year,
            "计入" if entry is duplicate.kept else "不计入",
            entry.form.shown,
            STATUS[entry.form.status],
            entry.form.revision,
            _time(entry.modified),
            Link(entry.file),
        ]
        for duplicate in duplicates
        for entry in (duplicate.kept, *duplicate.others)
    ]
    remark = "同一张表只计入最新的一份:先看版次,再看修改时间。"
    return Table("duplicates", "重复报送", _DUPLICATE_COLUMNS, lambda: rows, len(rows), "重复报送的项目", remark)


def _time(nanoseconds: int) -> str:
    if not nanoseconds:
        return ""
    return dt.datetime.fromtimestamp(nanoseconds // 10**9).astimezone().strftime("%Y-%m-%d %H:%M")
