"""What every rule of the review looks at: the form, its evaluation, the pack, and what is derived from them once.

A rule is a plain function of a `ReviewContext`. Words and thresholds come from the pack; this module prepares
them once per pack, so that a rule only asks for a topic (`context.words("survey")`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import islice

from perfeval.captions import usual_name
from perfeval.findings import Finding
from perfeval.model import Cell, Evaluation, Form, Indicator, RowResult
from perfeval.pack import Pack
from perfeval.patterns import lazy_pattern
from perfeval.quantity.text import fold
from perfeval.record import record
from perfeval.review.funds import Funds, funds_of
from perfeval.review.mentions import Mention, mentions
from perfeval.review.words import Words

__all__ = ["ReviewContext", "Rule"]

_MOST_NUMBERS = 300  # of a form's texts; what holds more is a data table pasted in, and no narrative
_YEAR = lazy_pattern(r"(?<!\d)(20\d\d)\s*年")
_SENTENCE_ENDS = "。;\uff1b!\uff01?\uff1f"  # and the end of a line


@record(frozen=True)
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
        return funds_of(self.form, self.pack.money_unit)

    def words(self, *topics: str) -> Words:
        """The pack's words on any of `topics`."""
        return _words(self.pack, topics)

    def word_list(self, topic: str) -> tuple[str, ...]:
        """The pack's words on `topic`."""
        return self.pack.review_words.get(topic, ())

    def limit(self, name: str) -> Fraction | None:
        """A threshold of the pack; None: the pack does not set it, so the rule is silent."""
        setting = self.pack.review.get(name)
        return None if setting is None else setting.value

    def says_nothing(self, text: str) -> bool:
        """Whether a text cell is blank or only holds a mark for "none" (「/」)."""
        nothing = _nothing(self.pack)
        return len(text) < 8 and (text in nothing or fold(text).strip() in nothing)

    def blank(self, cell: Cell) -> bool:
        """Whether nobody wrote anything in a text cell; what cannot be read is not blank."""
        return cell.problem is None and self.says_nothing(cell.text)

    @cached_property
    def prose(self) -> tuple[tuple[str, str], ...]:
        """Paths and texts of the goal and the narrative as the clerk wrote them, in the order of the form."""
        form = self.form
        goals = [(path, form.text(path)) for path in ("goal.expected", "goal.achieved")]
        sections = [(f"narrative.{key}", cell.text) for key, cell in form.narrative.items()]
        return tuple(passage for passage in goals + sections if passage[1])

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """Every number the running text names, in reading order."""
        found = (mention for path, text in self.prose for mention in mentions(path, text))
        return tuple(islice(found, _MOST_NUMBERS))

    @cached_property
    def sentences(self) -> tuple[tuple[str, str], ...]:
        """The sentences of the running text, each with its path."""
        return tuple((path, sentence) for path, text in self.prose for sentence in _sentences(text))

    @cached_property
    def misdirected(self) -> frozenset[int]:
        """Rows of what should be small (成本, 事故) with a target of at least so much: 「成本 ≥90万元」."""
        cost, larger = self.words("cost_kind"), self.words("larger_is_better")
        names = "\n".join(indicator.name for indicator in self.form.indicators)
        smaller = [word for word in self.pack.scoring.lower_is_better.value if word in names]
        return frozenset(
            indicator.row
            for indicator in self.form.indicators
            if indicator.target.relation in (">=", ">")
            and indicator.target.value
            and (cost.within(indicator.level2) or any(word in indicator.name for word in smaller))
            and not larger.within(indicator.name)
        )

    def of_this_year(self, mention: Mention) -> bool:
        """Whether the year last named in the sentence before a number, if any, is the one under review."""
        years = _YEAR.findall(mention.lead)
        return not years or self.form.year is None or int(years[-1]) == self.form.year

    # ---- making findings ----

    def at(self, code: str, indicator: Indicator, key: str, **params: str) -> Finding:
        """A finding at column `key` of an indicator's row."""
        label = f"{indicator.called} / {self.column(key)}"
        return Finding(code, indicator.cell(key).ref, label, {"name": indicator.called, **params}, self.form.sheet)

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
        return self.form.labels.get(path) or usual_name(path)


Check = Callable[[ReviewContext], Iterator[Finding]]


@record(frozen=True, slots=True)
class Rule:
    """A check and the codes it may report."""

    check: Check
    codes: tuple[str, ...]


@lru_cache(maxsize=512)
def _words(pack: Pack, topics: tuple[str, ...]) -> Words:
    return Words(word for topic in topics for word in pack.review_words.get(topic, ()))


def _sentences(text: str) -> list[str]:
    for sign in _SENTENCE_ENDS:
        text = text.replace(sign, "\n")
    return [sentence for sentence in text.split("\n") if sentence]


@lru_cache(maxsize=32)
def _nothing(pack: Pack) -> frozenset[str]:
    return frozenset({"", *(fold(word) for word in pack.review_words.get("nothing", ()))})
