"""The domain in one file: what a filled form holds, and what scoring it yields.

Everything is frozen. `None` always means 未填 (nothing was written) or "not known", never 0.
Texts are what a person sees in the cell; numbers are exact (`Decimal` as typed, `Fraction` once computed).
Addresses (`Cell.ref`) are those of the workbook the form was read from, so that every message can name its cell.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from perfeval.record import record

__all__ = [
    "UNNAMED",
    "Basis",
    "Cell",
    "CellProblem",
    "Evaluation",
    "Form",
    "GroupResult",
    "Indicator",
    "Kind",
    "Quantity",
    "RowResult",
    "Step",
    "Stray",
    "Total",
]


class CellProblem(StrEnum):
    """Why the value of a cell cannot be used although the cell is not blank."""

    UNCACHED = "uncached"  # a formula that no program has calculated yet
    ERROR = "error"  # #REF!, #DIV/0! …
    PICTURE = "picture"  # a picture in the cell: DISPIMG of WPS, or placed there by Excel


@record(frozen=True, slots=True)
class Cell:
    """One cell as somebody left it."""

    ref: str = ""  # A1 address of the (top-left) cell; "" when no cell holds it
    text: str = ""  # what a person sees; "" = 未填
    number: Decimal | None = None  # the numeric content; None for text, blanks, dates
    formula: str | None = None  # without the leading "="
    problem: CellProblem | None = None
    picture: int | None = None  # number of the picture that Excel placed in the cell; 0: not known

    def __bool__(self) -> bool:
        return bool(self.text.strip()) or self.problem is not None

    @property
    def typed(self) -> str:
        """The text, or the formula where no program has calculated it yet."""
        return f"={self.formula}" if self.formula and not self.text else self.text


BLANK = Cell()
UNNAMED = "未写名称的指标"  # what messages call an indicator without a name


class Kind(StrEnum):
    """What sort of statement a target or result cell makes."""

    NUMBER = "number"
    PERCENT = "percent"
    DATE = "date"
    GRADE = "grade"  # a band or judgement word, perhaps with a completion ratio
    TEXT = "text"  # something else: not readable as a quantity
    NONE = "none"  # blank, or a mark for "none": / — * 无要求


@record(frozen=True, slots=True)
class Quantity:
    """A target or result: relation, number, unit. 「不少于3场次」 is >= 3 场次."""

    text: str  # as written
    kind: Kind
    relation: str | None = None  # ">=" "<=" ">" "<" "=" "between"; None: a bare value
    value: Decimal | None = None  # PERCENT: in percent (98.5); GRADE: the completion ratio in percent, if given
    upper: Decimal | None = None  # upper end of a "between"
    unit: str | None = None  # "家", "万元", "%", "‰", "元/人·天"; None: none written
    approximate: bool = False  # 约120个
    date: dt.date | None = None  # DATE: the last day of the day, month, quarter or year named
    grade: str | None = None  # GRADE: the band or judgement word as written
    since: dt.date | None = None  # DATE with relation "between": the first day of the period
    note: str | None = None  # words beside the number that leave it as it is: 105家(含线上), 满意度98%

    @property
    def definite(self) -> bool:
        """Whether this is one exact number: not a bound, a range, an approximation or a word."""
        return self.value is not None and self.relation in (None, "=") and not self.approximate


@record(frozen=True, slots=True)
class Indicator:
    """A third-level indicator (三级指标) with everything its row says."""

    row: int  # row in the workbook it was read from
    group: str  # name of the pack's group (一级指标) it belongs to
    level1: str  # 一级指标 as written
    level2: str  # 二级指标, the pack's own name of the kind when it is recognised
    name: str  # 三级指标
    cells: Mapping[str, Cell]  # by column key: "name" "target" "actual" "score" "weight" "shortfall_reason" …
    target: Quantity  # 预期值
    actual: Quantity  # 实现值
    stated_score: Decimal | None = None  # the score typed by the clerk; None when none
    stated_weight: Decimal | None = None  # the weight typed by the clerk; None when none

    @property
    def called(self) -> str:
        """What messages call it, also where nobody named it."""
        return self.name or UNNAMED

    def cell(self, key: str) -> Cell:
        """The cell of column `key`; a blank without address when the form has no such column."""
        return self.cells.get(key, BLANK)

    def text(self, key: str) -> str:
        """The text of column `key`, "" when blank or absent."""
        return self.cell(key).text


@record(frozen=True, slots=True)
class Stray:
    """Something a person wrote where the form has no place for it: kept, beside the form."""

    row: int  # row in the workbook it was read from
    offset: int  # columns to the right of the form's last column; 0: within the form
    cell: Cell


@record(frozen=True, slots=True)
class Form:
    """A filled form as read: header fields, indicators, narrative."""

    pack: str  # id of the pack it was read with
    sheet: str  # name of the sheet
    fields: Mapping[str, Cell]  # by path: "unit_name", "funds.spent.own_level", "goal.expected" …
    indicators: tuple[Indicator, ...]
    narrative: Mapping[str, Cell]  # by section key: what the clerk wrote there, blank when nothing
    year: int | None = None  # 评价年度
    strays: tuple[Stray, ...] = ()
    rows: Mapping[int, int] = field(default_factory=dict)  # template row → row it was found in, indicators left out
    labels: Mapping[str, str] = field(default_factory=dict)  # header field or section → the words that stand before it

    def cell(self, path: str) -> Cell:
        """The cell of a header field; a blank without address when the form lacks it."""
        return self.fields.get(path, BLANK)

    def text(self, path: str) -> str:
        """The text of a header field, "" when blank."""
        return self.cell(path).text

    def amount(self, path: str) -> Decimal | None:
        """The amount of a money field in the form's own unit (万元); None = 未填 or unreadable."""
        return self.cell(path).number


class Basis(StrEnum):
    """What a row's score rests on."""

    COMPUTED = "computed"
    STATED = "stated"  # the form's rule is that the clerk states it
    UNVERIFIED = "unverified"  # could not be computed; the clerk's own score stands until a person looked


@record(frozen=True, slots=True)
class Step:
    """One step of a computation, recorded while computing."""

    rule: str  # what was done: 权重, 完成比例, 封顶, 得分 …
    formula: str  # with the numbers in it: "151 ÷ 170"
    value: Fraction
    source: str  # title of the document the rule comes from


@record(frozen=True, slots=True)
class RowResult:
    """An indicator's weight and score, and how they came about."""

    indicator: Indicator
    weight: Fraction | None
    weight_formula: str  # Excel expression of the weight: "40/6" or "12"
    completion: Fraction | None = None  # 完成比例, uncapped; None: not a ratio
    score: Fraction | None = None  # None: can neither be computed nor taken as stated
    basis: Basis | None = None
    met: bool | None = None  # 达标; None: not known
    score_formula: str | None = None  # Excel expression with {weight} for the weight's cell; None: a plain number
    steps: tuple[Step, ...] = ()

    @property
    def explanation(self) -> str:
        """All steps as one line of text."""
        return ";".join(f"{step.rule}:{step.formula}(依据:{step.source})" for step in self.steps)


@record(frozen=True, slots=True)
class GroupResult:
    """Sum over one group (一级指标)."""

    name: str
    weight: Fraction  # 分值 of the group
    score: Fraction | None  # None as soon as one row has none


@record(frozen=True, slots=True)
class Total:
    """The total score."""

    exact: Fraction  # unrounded
    shown: Decimal  # rounded once, as the pack says
    grade: str | None  # 优良中差, None when the pack knows no grades


@record(frozen=True, slots=True)
class Evaluation:
    """Everything the calculator says about a form."""

    rows: tuple[RowResult, ...]  # in the order of `Form.indicators`
    groups: tuple[GroupResult, ...]
    total: Total | None  # None as soon as one row has no score
    funds_score: RowResult | None = None  # 预算执行率 row of packs that score it
    notes: tuple[str, ...] = field(default=())  # e.g. why the shown scores add up to another figure
