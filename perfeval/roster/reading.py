"""Reads a roster (名册): a plain workbook or CSV that says who is to hand in which project.

The heading row is found by its words, whatever stands above it; each column means a field of the form, so that a form
to hand out can be filled in with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from perfeval.files import read_fault
from perfeval.findings import Finding
from perfeval.model import Cell, Kind
from perfeval.numbers import decimal_text
from perfeval.quantity import adopt, convertible, name_hint, parse
from perfeval.roster.names import same_name
from perfeval.workbook.grid import open_book
from perfeval.workbook.guard import BadWorkbook, read_file

__all__ = ["Roster", "RosterRow", "read_roster"]

# Path of the form's field → words at the head of a column that mean it. The first is the one used in messages.
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "unit_name": ("单位", "填报单位", "填报单位名称", "单位名称", "预算单位", "实施单位", "项目单位", "申报单位"),
    "department": ("主管部门", "主管单位", "归口部门", "部门", "主管部门名称"),
    "project": ("项目", "项目名称", "预算项目", "预算项目名称"),
    "year": ("年度", "预算年度", "评价年度", "自评年度", "年份"),
    "project_level": ("项目级次", "级次"),
    "contact.name": ("联系人", "经办人", "填报人", "联系人姓名"),
    "contact.email": ("邮箱", "联系邮箱", "电子邮箱", "电子邮件", "邮件地址", "email", "e-mail"),
    "contact.phone": ("电话", "联系电话", "手机", "手机号", "手机号码", "办公电话", "联系方式", "电话号码"),
    "funds.budget": ("预算", "预算数", "年初预算", "年初预算数", "预算金额", "预算安排", "预算计划安排", "资金安排"),
    "legal_basis": ("实施文件依据", "文件依据", "立项依据"),
    "goal.expected": ("预期总体目标", "总体目标", "年度总体目标", "绩效目标"),
}
_SILENT = frozenset(("序号", "编号", "备注", "no", "#", ""))  # columns that need no word when they are not used
_MONEY = frozenset(("funds.budget",))
_SEARCHED = 30  # rows among which the heading is looked for
_REMARK = re.compile(r"\(.*?\)|\[.*?\]|[\s:*]+")
# Said beside a unit of money: 预算(单位:元), 预算(人民币元).
_UNIT_WORDS = re.compile(r"\s|(?:金额|货币|计量)?单位:?|人民币")
_UNIT_ABOVE = re.compile(r"单位:(?:人民币)?([^(),;]+)")  # 单位:万元, above a table
_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")
_TOTAL = frozenset(("合计", "总计", "小计"))
_KNOWN = {word: path for path, words in _HEADERS.items() for word in words}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # what workbooks begin with; a CSV does not
_WIDEST = 200  # columns that are looked at
_ENCODINGS = ("utf-8-sig", "gb18030")


@dataclass(frozen=True, slots=True)
class RosterRow:
    """Who is to hand in what."""

    row: int  # in the roster, for messages
    fields: Mapping[str, str]  # by path of the form's field, blanks left out

    money_unit: str = ""  # of its amounts; "" when neither the heading nor the cell says

    @property
    def unit(self) -> str:
        """填报单位, "" when the roster does not say."""
        return self.fields.get("unit_name", "")

    @property
    def project(self) -> str:
        """项目名称; "" when the roster lists units only."""
        return self.fields.get("project", "")

    @property
    def names(self) -> tuple[str, str]:
        """Unit and project as they are compared (see `same_name`)."""
        return same_name(self.unit), same_name(self.project)

    @property
    def who(self) -> str:
        """What the row is about, for messages."""
        year = "" if self.year is None else f"{self.year}年度"
        return " / ".join(text for text in (self.unit, self.project, year) if text)

    @property
    def year(self) -> int | None:
        """评价年度; None when the roster does not say, or not for certain."""
        years = set(_YEAR.findall(self.fields.get("year", "")))
        return int(years.pop()) if len(years) == 1 else None


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster as read."""

    path: Path
    rows: tuple[RosterRow, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    @staticmethod
    def title(path: str) -> str:
        """What people call a field of the roster."""
        return _HEADERS[path][0]

    @property
    def usable(self) -> bool:
        """Whether there is a heading and a row."""
        return bool(self.rows)


def read_roster(path: Path, password: str | None = None) -> Roster:
    """Every row of the first sheet that has a heading with a unit or a project."""
    try:
        data = read_file(path)
        sheets = list(_workbook(data, password) if data[:4] in _WORKBOOKS else _csv(data))
    except OSError as error:
        return Roster(path, findings=(read_fault(error, path),))
    except BadWorkbook as bad:
        return Roster(path, findings=(bad.finding(),))
    for name, table in sheets:
        heading = _heading(table)
        if heading is not None:
            return _rows(path, name, table, *heading)
    return Roster(path, findings=(Finding("BAT110", params={"path": str(path)}),))


_Table = list[list[str]]


def _workbook(data: bytes, password: str | None) -> Iterator[tuple[str, _Table]]:
    """Every visible sheet as texts; a merged cell speaks for all of its cells."""
    for sheet in open_book(data, password=password).sheets:
        if sheet.state == "visible":
            rows, columns = range(1, sheet.last_row + 1), range(1, min(sheet.last_column, _WIDEST) + 1)
            yield sheet.name, [[_text(sheet.at(row, column)) for column in columns] for row in rows]


def _text(cell: Cell) -> str:
    """What the cell holds, unrounded: a budget shown as 343 may be 343.46."""
    return cell.text.strip() if cell.number is None or "%" in cell.text else decimal_text(cell.number)


def _csv(data: bytes) -> Iterator[tuple[str, _Table]]:
    import pandas as pd

    text = _decoded(data)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",\t;", key=first.count)
    width = max((line.count(separator) for line in text.splitlines()), default=0) + 1
    try:
        frame = pd.read_csv(
            StringIO(text),
            header=None,
            dtype=str,
            na_filter=False,
            sep=separator,
            names=list(range(min(width, _WIDEST))),
            index_col=False,
            skip_blank_lines=False,
            on_bad_lines="skip",
            engine="python",
        )
    except pd.errors.ParserError:
        return  # quotes that never close: no heading is found then, and that is said
    yield (
        "",
        [[value.strip() if isinstance(value, str) else "" for value in row] for row in frame.itertuples(index=False)],
    )


def _decoded(data: bytes) -> str:
    """WPS and Excel save CSV as UTF-8 with a mark, as GB 18030, or as UTF-16."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    for encoding in _ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")


def _word(text: str) -> str:
    """A heading as it is compared: 「预算数\\n(万元)*」 is 预算数."""
    return _REMARK.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _heading(table: Sequence[Sequence[str]]) -> tuple[int, dict[int, str], list[str]] | None:
    """The heading row, the field of each column, and the columns that mean nothing here."""
    for number, row in enumerate(table[:_SEARCHED]):
        found: dict[int, str] = {}
        unknown: list[str] = []
        for column, text in enumerate(row):
            path = _KNOWN.get(_word(text))
            if path is not None and path not in found.values():
                found[column] = path
            elif _word(text) not in _SILENT:
                unknown.append(text)
        if len(found) >= 2 and not {"unit_name", "project"}.isdisjoint(found.values()):
            return number, found, unknown
        # A list of nothing but units is a roster too.
        if list(found.values()) == ["unit_name"] and not unknown and number + 1 < len(table):
            return number, found, unknown
    return None


def _rows(
    path: Path, sheet: str, table: _Table, heading: int, columns: Mapping[int, str], unknown: list[str]
) -> Roster:
    reading = _Reading(sheet, columns, _money_unit(table, heading, columns))
    if unknown:
        reading.say("BAT114", columns="」「".join(" ".join(text.split()) for text in unknown))
    for number, cells in enumerate(table[heading + 1 :], heading + 2):
        reading.take(number, cells)
    if not reading.rows:
        reading.say("BAT115", path=str(path))
    return Roster(path, tuple(reading.rows), tuple(reading.findings))


class _Reading:
    """Goes down the rows below the heading."""

    def __init__(self, sheet: str, columns: Mapping[int, str], money_unit: str) -> None:
        self.rows: list[RosterRow] = []
        self.findings: list[Finding] = []
        self._sheet = sheet
        self._columns = columns
        self._money_unit = money_unit
        self._unit = ""  # of the row above
        self._seen: dict[tuple[str, str, int | None], int] = {}

    def say(self, code: str, **params: str) -> None:
        self.findings.append(Finding(code, sheet=self._sheet, params=params))

    def take(self, number: int, cells: Sequence[str]) -> None:
        fields = {key: cells[column].strip() for column, key in self._columns.items() if cells[column].strip()}
        words = [_word(text) for text in cells]
        # Sums, and headings repeated on the next page, are no submissions.
        if (
            not fields
            or _TOTAL.intersection(words)
            or any(_KNOWN.get(words[c]) == key for c, key in self._columns.items())
        ):
            return
        if "unit_name" in self._columns.values():
            # A unit merged down over its projects stands in the first row only.
            if "unit_name" not in fields and "project" in fields and self._unit:
                fields["unit_name"] = self._unit
            if "unit_name" not in fields:
                self.say("BAT111", row=str(number), written="、".join(fields.values()))
                return
            self._unit = fields["unit_name"]
        if "year" in fields:
            fields["year"] = fields["year"].removesuffix("度").removesuffix("年")
        unit = self._money_unit
        for key in _MONEY.intersection(fields):
            amount = adopt(parse(fields[key]), unit or None)
            if (
                amount is not None
                and amount.kind is Kind.NUMBER
                and amount.definite
                and amount.value is not None
                and (amount.unit is None or convertible(amount.unit, "元") is not None)
            ):
                fields[key] = decimal_text(amount.value)
                unit = amount.unit or ""
            else:
                self.say("BAT113", row=str(number), who=fields.get("unit_name", ""), written=fields.pop(key))
        row = RosterRow(number, fields, unit)
        identity = (*row.names, row.year)
        if identity in self._seen:
            self.say("BAT112", row=str(number), first=str(self._seen[identity]), who=row.who)
            return
        self._seen[identity] = number
        self.rows.append(row)


def _money_unit(table: _Table, heading: int, columns: Mapping[int, str]) -> str:
    """The unit of the amounts: in their heading, 预算(元), else above the table, 单位:元."""
    for column, key in columns.items():
        if key in _MONEY:
            text = unicodedata.normalize("NFKC", table[heading][column])
            if unit := name_hint(_UNIT_WORDS.sub("", text)).unit:
                return unit
    for text in (text for row in table[:heading] for text in row):
        match = _UNIT_ABOVE.search("".join(unicodedata.normalize("NFKC", text).split()))
        if match is not None and convertible(match[1], "元") is not None:
            return match[1]
    return ""
