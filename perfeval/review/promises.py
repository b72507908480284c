"""What the overall goal promised, what the text says was reached, and what the table says of the same things."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from perfeval.findings import Finding
from perfeval.findings.txt import PHRASES
from perfeval.model import Kind, Quantity, RowResult
from perfeval.numbers import fraction
from perfeval.patterns import lazy_pattern
from perfeval.quantity import convertible, name_hint
from perfeval.record import record
from perfeval.review.context import ReviewContext, Rule
from perfeval.review.mentions import Mention, agrees, core, in_unit, likeness, pairs

__all__ = ["RULES"]

_SAME_ROW = 0.8  # share of an indicator's name that a phrase must hold to speak of that indicator
_SAME_THING = 0.6  # share of two phrases in common that makes them speak of the same thing
_YEAR = lazy_pattern(r"20\d\d\s*年度?")
_BOUNDS = (">=", ">", "<=", "<")
_ALIKE_IN_SIZE = Fraction(1, 2)  # a result below this share of the promise is probably only a part of it


@record(frozen=True, slots=True)
class _Topic:
    """An indicator and the characters of its name."""

    row: RowResult
    pairs: frozenset[str]


class _Topics:
    """The indicators of a form by the unit they are measured in."""

    def __init__(self, context: ReviewContext) -> None:
        measures = context.word_list("measure")
        self.by_unit: dict[str | None, list[_Topic]] = {}
        self._comparable: dict[str | None, list[_Topic]] = {}
        for row in context.rows:
            indicator = row.indicator
            if indicator.name:
                unit = indicator.target.unit or indicator.actual.unit or name_hint(indicator.name).unit
                topic = _Topic(row, pairs(core(indicator.name, measures)))
                self.by_unit.setdefault(unit, []).append(topic)

    def measured_in(self, unit: str | None) -> list[_Topic]:
        """Those whose numbers can be held against one in `unit`."""
        known = self._comparable.get(unit)
        if known is None:
            known = self._comparable[unit] = [
                topic for own, topics in self.by_unit.items() if convertible(unit, own) is not None for topic in topics
            ]
        return known

    def about(self, said: frozenset[str]) -> bool:
        """Whether some indicator, measured in whatever unit, speaks of the same thing."""
        return any(
            max(likeness(topic.pairs, said), likeness(said, topic.pairs)) >= _SAME_THING
            for topics in self.by_unit.values()
            for topic in topics
        )


def promises(context: ReviewContext) -> Iterator[Finding]:
    """Each number of the goal: covered by an indicator, with the same number, and not shown missed by the text."""
    if not context.mentions:
        return
    topics = _Topics(context)
    stated = [mention for mention in context.mentions if mention.path == "goal.expected" and mention.closing]
    results = [mention for mention in context.mentions if mention.path != "goal.expected"]
    told: set[int] = set()
    for promise in stated:
        if promise.quantity.value is None or _is_money_of_form(context, promise):
            continue
        topic = _topic_of(topics, promise)
        missed = _shown_missed(context, promise, promise.quantity.value, topic, results)
        if missed is not None:
            told.add(id(missed))
            yield _missed(context, promise, topic, missed)
        elif topic is None:
            if _is_firm(promise.quantity) and not topics.about(pairs(promise.before)):
                yield context.in_field("TXT105", promise.path, quote=promise.quote)
        elif not _same_number(promise.quantity, topic.row.indicator.target) and _whole(context, promise, topic.pairs):
            indicator = topic.row.indicator
            yield context.in_field(
                "TXT111",
                promise.path,
                quote=promise.quote,
                name=indicator.name,
                target=indicator.target.text.strip(),
                table_cell=indicator.cell("target").ref,
            )
    yield from _against_rows(context, topics, [mention for mention in results if id(mention) not in told])


def _against_rows(context: ReviewContext, topics: _Topics, results: list[Mention]) -> Iterator[Finding]:
    """Results named in the text that differ from the row they speak of."""
    for mention in results:
        topic = _row_of(topics, mention)
        if topic is None:
            continue
        indicator = topic.row.indicator
        actual, target = indicator.actual, indicator.target
        if actual.value is None or _says(mention.quantity, actual) or _same_number(mention.quantity, target):
            continue
        if not _is_result(context, mention) or not _whole(context, mention, topic.pairs):
            continue
        yield context.in_field(
            "TXT109",
            mention.path,
            quote=mention.quote,
            name=indicator.name,
            actual=actual.text.strip(),
            table_cell=indicator.cell("actual").ref,
        )


def _missed(context: ReviewContext, promise: Mention, topic: _Topic | None, result: Mention) -> Finding:
    if topic is None:
        table = PHRASES["no_row"]
    else:
        indicator = topic.row.indicator
        said = {"name": indicator.name, "cell": indicator.cell("actual").ref, "actual": indicator.actual.text.strip()}
        table = PHRASES["row_says"].format(**said)
    return context.in_field(
        "TXT106",
        result.path,
        promise=promise.quote,
        promise_cell=context.form.cell(promise.path).ref,
        quote=result.quote,
        table=table,
    )


def _is_result(context: ReviewContext, mention: Mention) -> bool:
    """Whether a number in the text states what was reached in the year: no plan, no comparison, no part of a sum."""
    return not context.words("elsewhen", "intended", "portion").within(mention.before)


def _is_firm(quantity: Quantity) -> bool:
    """Whether a number of the goal is a promise beyond doubt: it has a relation, or is a percentage."""
    return quantity.relation in (*_BOUNDS, "between") or quantity.kind is Kind.PERCENT


def _is_money_of_form(context: ReviewContext, mention: Mention) -> bool:
    unit = context.pack.money_unit
    if convertible(mention.quantity.unit, unit) is None or mention.quantity.unit is None:
        return False
    sums = (money.total for money in context.funds.sums)
    return any(total is not None and agrees(mention.quantity, total, unit) for total in sums)


def _topic_of(topics: _Topics, promise: Mention) -> _Topic | None:
    """The indicator that covers a promise: the same number first, else the same name."""
    said = pairs(promise.before)
    best: tuple[float, _Topic] | None = None
    for topic in topics.measured_in(promise.quantity.unit):
        same = _same_number(promise.quantity, topic.row.indicator.target)
        alike = likeness(topic.pairs, said)
        if not same and alike < _SAME_ROW:
            continue
        rank = alike + (1 if same else 0)
        if best is None or rank > best[0]:
            best = rank, topic
    return best[1] if best else None


def _row_of(topics: _Topics, mention: Mention) -> _Topic | None:
    """The indicator whose name the clause of a number holds."""
    clause = mention.before if mention.closing else mention.before + mention.after
    best: tuple[float, _Topic] | None = None
    said = pairs(clause)
    for topic in topics.measured_in(mention.quantity.unit):
        alike = likeness(topic.pairs, said) if len(topic.pairs) > 1 else 0
        if alike >= _SAME_ROW and (best is None or alike > best[0]):
            best = alike, topic
    return best[1] if best else None


def _shown_missed(
    context: ReviewContext, promise: Mention, value: Decimal, topic: _Topic | None, results: list[Mention]
) -> Mention | None:
    """The result in the text that falls short of a promise, unless another one meets it or the row admits it."""
    if topic is not None and topic.row.met is False:
        return None
    relation = promise.quantity.relation
    ceiling = relation in ("<=", "<")
    if relation is not None and relation not in _BOUNDS:
        return None
    short: Mention | None = None
    for result in results:
        if not result.closing or result.quantity.relation in _BOUNDS or not _same_thing(promise, result):
            continue
        reached = in_unit(result.quantity, promise.quantity.unit)
        if reached is None or not _is_result(context, result):
            continue
        if (reached <= value) if ceiling else (reached >= value):
            return None
        in_size = ceiling or reached >= fraction(value) * _ALIKE_IN_SIZE
        if short is None and in_size and _whole(context, result, pairs(promise.before)):
            short = result
    if short is None or (topic is not None and _says(short.quantity, topic.row.indicator.actual)):
        return None
    return short


def _whole(context: ReviewContext, mention: Mention, topic: frozenset[str]) -> bool:
    """Whether a number is said of all of `topic`: besides its name the clause holds only words like 全年, 共, 举办.

    「赴深圳举办招商推介活动2场次」 is one part of what was done, and no contradiction.
    """
    clause = mention.before if mention.closing else mention.before + mention.after
    named = [False] * len(clause)
    for at in range(len(clause) - 1):
        if clause[at : at + 2] in topic:
            named[at] = named[at + 1] = True
    rest = "".join(" " if known else letter for letter, known in zip(clause, named, strict=True))
    return context.words("whole").all_but_one(_YEAR.sub("", rest)) and context.of_this_year(mention)


def _same_thing(promise: Mention, result: Mention) -> bool:
    """Whether two clauses speak of the same thing: they end alike and share most of their words."""
    one, other = promise.before.rstrip(), result.before.rstrip()
    if one[-2:] != other[-2:]:
        return False
    a, b = pairs(one), pairs(other)
    if len(a) < 3 or len(b) < 3:
        return False
    return max(likeness(a, b), likeness(b, a)) >= _SAME_THING


def _same_number(one: Quantity, other: Quantity) -> bool:
    if one.value is None or other.value is None:
        return False
    if one.unit == other.unit:
        return one.value == other.value
    factor = convertible(one.unit, other.unit)
    return factor is not None and fraction(one.value) * factor == other.value


def _says(mention: Quantity, entry: Quantity) -> bool:
    """Whether a number in the text is that of a cell; a bound in the cell is met, not equalled."""
    if entry.value is None:
        return False
    if entry.definite or entry.relation is None or entry.approximate:
        return agrees(mention, fraction(entry.value), entry.unit)
    value = in_unit(mention, entry.unit)
    if value is None:
        return False
    return value <= entry.value if entry.relation in ("<=", "<") else value >= entry.value


RULES = (Rule(promises, ("TXT105", "TXT106", "TXT109", "TXT111")),)
