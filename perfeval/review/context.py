"""What every rule of the review looks at: the form, its evaluation, the pack, and what is derived from them once.

A rule is a plain function of a `ReviewContext`. Words and thresholds come from the pack; this module compiles
them once per pack, so that a rule only asks for a topic (`context.words("survey")`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

from perfeval.findings import Finding
from perfeval.model import Cell, Evaluation, Form, Indicator, RowResult
from perfeval.numbers import decimal_text, round_half_up
from perfeval.pack import Pack
from perfeval.review.mentions import Mention, mentions

__all__ = ["FIELD_NAMES", "Funds", "Money", "ReviewContext", "Rule", "amount_text"]

# What a clerk calls a header field or a section; the tool's own vocabulary, the same for every pack.
FIELD_NAMES: Mapping[str, str] = {
    "unit_name": "填报单位名称",
    "department": "主管部门",
    "project": "项目名称",
    "year": "评价年度",
    "contact.name": "联系人",
    "contact.phone": "联系电话",
    "contact.email": "联系邮箱",
    "legal_basis": "实施文件依据",
    "project_level": "项目级次",
    "funds.budget": "预算计划安排",
    "funds.allocated": "实际分配下达",
    "funds.spent": "实际支出金额",
    "goal.expected": "预期总体目标",
    "goal.achieved": "是否如期实现预期总体目标",
    "narrative.spending": "资金支出情况",
    "narrative.goals": "资金完成绩效目标情况",
    "narrative.uses": "资金分用途使用成效",
    "narrative.other": "其他情况说明",
    "narrative.problems": "资金使用绩效存在的问题",
    "narrative.improvements": "改进意见",
    "narrative.expiring_funds": "到期资金",
}
_PARTS: Mapping[str, str] = {"own_level": "市本级", "transferred": "转移支付至下级"}
_NEVER = re.compile(r"(?!)")
_SENTENCE = re.compile(r"[^。;;!?!?\n]+")


@dataclass(frozen=True, slots=True)
class Money:
    """One of 预算, 下达, 支出 as the form states it."""

    path: str  # "funds.spent"
    total: Fraction | None  # as stated, else the sum of the parts; None: nothing stated
    stated: str | None  # path of the stated total, None when only parts are stated
    parts: tuple[tuple[str, Fraction], ...]  # paths and amounts of the parts that hold a number

    @property
    def place(self) -> str:
        """Path of the field a finding about this sum points at."""
        if self.stated is not None or not self.parts:
            return self.stated or self.path
        return self.parts[0][0]

    @property
    def stated_amounts(self) -> tuple[tuple[str, Fraction], ...]:
        """Paths and amounts of every field of this sum that holds a number."""
        if self.stated is None or self.total is None:
            return self.parts
        return ((self.stated, self.total), *self.parts)


@dataclass(frozen=True, slots=True)
class Funds:
    """The money of the form, in the pack's unit."""

    budget: Money
    allocated: Money
    spent: Money

    @property
    def execution(self) -> Fraction | None:
        """执行率 as a ratio: spent ÷ allocated, or ÷ budget where nothing was allocated; None: not known."""
        base = self.allocated.total if self.allocated.total is not None else self.budget.total
        if base is None or base <= 0 or self.spent.total is None:
            return None
        return self.spent.total / base


@dataclass(frozen=True)
class ReviewContext:
    """One form under review."""

    form: Form
    evaluation: Evaluation
    pack: Pack

    @property
    def rows(self) -> tuple[RowResult, ...]:
        """Every indicator with its result, in the order of the form."""
        return self.evaluation.rows

    @cached_property
    def funds(self) -> Funds:
        """The money of the form."""
        return Funds(*(self._money(f"funds.{name}") for name in ("budget", "allocated", "spent")))

    def words(self, topic: str) -> re.Pattern[str]:
        """The pack's words on `topic` as one pattern; it never matches when the pack has none."""
        return _pattern(self.pack, topic)

    def word_list(self, topic: str) -> tuple[str, ...]:
        """The pack's words on `topic`."""
        return self.pack.review_words.get(topic, ())

    def limit(self, name: str) -> Fraction | None:
        """A threshold of the pack; None: the pack does not set it, so the rule is silent."""
        setting = self.pack.review.get(name)
        return None if setting is None else setting.value

    def says_nothing(self, text: str) -> bool:
        """Whether a text cell is blank or only holds a mark for "none" (「/」)."""
        stripped = text.strip()
        return not stripped or stripped in _word_set(self.pack, "nothing")

    @cached_property
    def prose(self) -> tuple[tuple[str, Cell], ...]:
        """Paths and cells of the running text the clerk wrote: goal and narrative, in the order of the form."""
        form = self.form
        goals = [(path, form.cell(path)) for path in ("goal.expected", "goal.achieved")]
        sections = [(f"narrative.{key}", cell) for key, cell in form.narrative.items()]
        return tuple((path, cell) for path, cell in goals + sections if not self.says_nothing(cell.text))

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """Every number the running text names, in reading order."""
        return tuple(mention for path, cell in self.prose for mention in mentions(path, cell.text))

    @cached_property
    def _sentences(self) -> dict[str, tuple[str, ...]]:
        return {path: tuple(_SENTENCE.findall(cell.text)) for path, cell in self.prose}

    def sentences(self, path: str) -> tuple[str, ...]:
        """The sentences of one running text."""
        return self._sentences[path]

    # ---- making findings ----

    def at(self, code: str, indicator: Indicator, key: str, **params: str) -> Finding:
        """A finding at column `key` of an indicator's row."""
        label = f"{indicator.name} / {self.column(key)}"
        return Finding(code, indicator.cell(key).ref, label, {"name": indicator.name, **params}, self.form.sheet)

    def in_field(self, code: str, path: str, **params: str) -> Finding:
        """A finding at a header field or narrative section."""
        section = path.removeprefix("narrative.")
        cell = self.form.cell(path) if section == path else self.form.narrative[section]
        return Finding(code, cell.ref, self.name_of(path), params, self.form.sheet)

    def on_sheet(self, code: str, **params: str) -> Finding:
        """A finding about the whole form."""
        return Finding(code, "", "", params, self.form.sheet)

    def column(self, key: str) -> str:
        """The words at the head of a column."""
        heads = self.pack.columns.get(f"indicator.{key}")
        return heads[0] if heads else key

    def name_of(self, path: str) -> str:
        """What a clerk calls a header field or section."""
        known = self.form.labels.get(path) or FIELD_NAMES.get(path)
        if known is not None:
            return known
        parent, _, part = path.rpartition(".")
        return f"{FIELD_NAMES.get(parent, parent)}({_PARTS.get(part, part)})"

    def _money(self, path: str) -> Money:
        form = self.form
        parts = []
        stated = None
        for name in form.fields:
            if not name.startswith(path):
                continue
            number = form.amount(name)
            if number is None:
                continue
            if name in (path, f"{path}.total"):
                stated = name
            elif name.startswith(f"{path}."):
                parts.append((name, Fraction(number)))
        total = form.amount(stated) if stated else None
        amount = Fraction(total) if total is not None else sum((value for _, value in parts), Fraction(0))
        return Money(path, amount if stated or parts else None, stated, tuple(parts))


Check = Callable[[ReviewContext], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and the codes it may report."""

    check: Check
    codes: tuple[str, ...]


def amount_text(value: Fraction) -> str:
    """An amount of money as people write it, without needless zeros."""
    return decimal_text(round_half_up(value, 6))


@lru_cache(maxsize=512)
def _pattern(pack: Pack, topic: str) -> re.Pattern[str]:
    words = pack.review_words.get(topic, ())
    if not words:
        return _NEVER
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))


@lru_cache(maxsize=64)
def _word_set(pack: Pack, topic: str) -> frozenset[str]:
    return frozenset(pack.review_words.get(topic, ()))
