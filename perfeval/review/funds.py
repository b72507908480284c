"""预算, 下达 and 支出 as the form states them, and sums that seem to be given in another unit."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from perfeval.calculator import amount
from perfeval.model import Form
from perfeval.numbers import decimal_text, fraction, round_half_up
from perfeval.quantity import convertible
from perfeval.record import record

__all__ = ["Funds", "Money", "Slip", "amount_text", "funds_of"]

_LEEWAY = 3  # a factor between sums this near to that of the units is taken for a slip of units


@record(frozen=True, slots=True)
class Money:
    """One of 预算, 下达, 支出."""

    path: str  # "funds.spent"
    total: Fraction | None  # as stated, else the sum of the parts; None: nothing stated, or a part unreadable
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


@record(frozen=True, slots=True)
class Slip:
    """A sum that seems to be given in 元, and the one it was compared with."""

    money: Money
    total: Fraction
    other: Fraction
    factor: Fraction


@record(frozen=True, slots=True)
class Funds:
    """The money of the form, in the pack's unit."""

    budget: Money
    allocated: Money
    spent: Money
    slips: tuple[Slip, ...]  # what compares these sums is silent while one is in doubt
    base: Fraction | None  # what was allocated, or the budget where nothing was allocated
    execution: Fraction | None  # 执行率 as a ratio, spent ÷ base; None: not known

    @property
    def sums(self) -> tuple[Money, Money, Money]:
        """All three."""
        return self.budget, self.allocated, self.spent


def funds_of(form: Form, money_unit: str) -> Funds:
    """The money of a form whose amounts are in `money_unit`."""
    budget, allocated, spent = (_money(form, f"funds.{name}") for name in ("budget", "allocated", "spent"))
    factor = convertible(money_unit, "元")
    slips = () if factor in (None, 1) else tuple(_slips(budget, allocated, spent, Fraction(factor or 1)))
    base = allocated.total if allocated.total is not None else budget.total
    execution = spent.total / base if base is not None and base > 0 and spent.total is not None else None
    return Funds(budget, allocated, spent, slips, base, execution)


def amount_text(value: Fraction) -> str:
    """An amount of money as people write it, without needless zeros."""
    return decimal_text(round_half_up(value, 6))


def _money(form: Form, path: str) -> Money:
    total = amount(form, path)[0]
    whole = f"{path}.total"
    stated = path if form.cell(path) else whole if form.cell(whole) else None
    inner = f"{path}."
    parts = tuple(
        [
            (name, fraction(cell.number))
            for name, cell in form.fields.items()
            if cell.number is not None and name.startswith(inner) and name != stated
        ]
    )
    return Money(path, None, None, parts) if total is None else Money(path, fraction(total), stated, parts)


def _slips(budget: Money, allocated: Money, spent: Money, factor: Fraction) -> Iterator[Slip]:
    """Amounts about 10,000 times the others (元 for 万元).

    The plan is the yardstick; where only the plan is out of line, it is the slip itself.
    """
    plan, given, used = budget.total, allocated.total, spent.total
    if plan and given and _near(plan, given, factor) and not (used and _near(used, given, factor)):
        yield Slip(budget, plan, given, factor)
        return
    reference = plan or given
    for money in (allocated, spent):
        if money.total and reference and _near(money.total, reference, factor):
            yield Slip(money, money.total, reference, factor)


def _near(one: Fraction, other: Fraction, factor: Fraction) -> bool:
    """Whether two sums look like one in two units: money of one project seldom differs threefold otherwise."""
    here, under_here = one.as_integer_ratio()
    there, under_there = (other * factor).as_integer_ratio()
    here, there = here * under_there, there * under_here
    return there <= here * _LEEWAY and here <= there * _LEEWAY
