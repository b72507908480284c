"""What a pack (评分体系) says, as frozen types: groups, weights, scoring, rounding, words.

Nothing in Python knows any city; every number carries the key of its source. `perfeval.pack.rules` makes these
types from `rules.toml`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction
from pathlib import Path
from typing import Generic, Literal, TypeVar

from perfeval.record import record

T = TypeVar("T")

__all__ = [
    "HOUSE",
    "Band",
    "Criterion",
    "Execution",
    "FixedIndicator",
    "Group",
    "KindRule",
    "Method",
    "NotApplicable",
    "Pack",
    "Rounding",
    "Scoring",
    "Setting",
    "Source",
]


HOUSE = "house"  # key of our own reading of a silent form
_OUR_READING = "本工具的读法"  # its title in a pack that says nothing of it


@record(frozen=True, slots=True)
class Source:
    """A document that rules are taken from."""

    key: str
    title: str
    checked_on: dt.date  # when a person last compared the rules with the document


@record(frozen=True, slots=True)
class Setting(Generic[T]):
    """One value of the rules and the key of its source."""

    value: T
    source: str


@record(frozen=True, slots=True)
class Method:
    """A scoring method by name, with its parameters."""

    name: str
    source: str
    params: Mapping[str, object]


@record(frozen=True, slots=True)
class FixedIndicator:
    """A third-level indicator printed in the form with its weight and criterion."""

    name: str
    weight: Fraction
    criterion: str
    source: str


@record(frozen=True, slots=True)
class KindRule:
    """A second-level indicator (二级指标); `words` are other spellings of its name."""

    name: str
    words: tuple[str, ...] = ()
    indicators: tuple[FixedIndicator, ...] = ()
    method: Method | None = None  # scores every number of this kind; None: by the situation (`Scoring.methods`)


@record(frozen=True, slots=True)
class Execution:
    """How a group is scored from the funds rows (预算执行率): points × spent ÷ `base`."""

    base: Literal["funds.budget", "funds.allocated"]  # what spending is compared with
    nothing: Literal["full", "zero", "ask"]  # score when nothing was allotted and nothing spent
    source: str


@record(frozen=True, slots=True)
class Group:
    """A first-level indicator (一级指标) with its points."""

    name: str
    points: Fraction
    weights: Literal["fixed", "equal", "stated"]
    scoring: Literal["measured", "stated", "execution"]  # execution: scored from the funds rows, no indicator rows
    kinds: tuple[KindRule, ...]
    source: str
    words: tuple[str, ...] = ()  # other spellings of its name
    printed: str | None = None  # what the form prints for it, where that is more than its name: 产出指标(50分)
    points_with: str | None = None  # group whose points this one shares; its own `points` are 0 then
    weights_text: str | None = None  # printed in the weight cells of the blank form
    weights_digits: int | None = None  # equal weights rounded to so many decimals, the remainder to the first rows
    execution: Execution | None = None  # of a group scored from the funds rows


@record(frozen=True, slots=True)
class Criterion:
    """A printed 评分标准 that serves whole groups."""

    groups: tuple[str, ...]
    text: str
    source: str


@record(frozen=True, slots=True)
class Band:
    """A qualitative band: completion ratios in percent, `low` included, `high` included only in the top band."""

    name: str
    words: tuple[str, ...]
    low: Fraction
    high: Fraction
    source: str


@record(frozen=True, slots=True)
class Scoring:
    """How a completion becomes a score."""

    methods: Mapping[str, Method]  # by situation: at_least at_most equal between date zero_target grade over
    default_relation: Setting[str]  # relation of a target written without one
    floor: Setting[Fraction]  # completion in percent below which the score is 0
    bands: tuple[Band, ...]
    lower_is_better: Setting[tuple[str, ...]]  # words in names that reverse the default relation


@record(frozen=True, slots=True)
class Rounding:
    """What the total adds up, and the decimals shown."""

    total: Literal["unrounded", "rounded_rows"]
    digits: int
    source: str


@record(frozen=True, slots=True)
class NotApplicable:
    """What a row means whose result says that the indicator does not apply (不适用)."""

    policy: Literal["forbid", "rescale"]  # rescale: the row drops out, the others make up the total
    words: tuple[str, ...]  # words that say so
    source: str


@record(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Pack:
    """Everything a city and year says about its form. Compared by identity, so that it can key a cache."""

    id: str
    title: str
    version: str
    year: int | None  # None: a form for any year
    total: Fraction
    money_unit: str
    folder: Path
    sources: Mapping[str, Source]
    groups: tuple[Group, ...]
    criteria: tuple[Criterion, ...]
    scoring: Scoring
    rounding: Rounding
    grades: tuple[tuple[str, Fraction], ...]  # 优良中差 with the lowest total of each, best first; () when none
    not_applicable: NotApplicable
    review: Mapping[str, Setting[Fraction]]  # thresholds by name
    required: tuple[str, ...]  # header fields that must not be blank
    columns: Mapping[str, tuple[str, ...]]  # column key → header words that mean it
    labels: Mapping[str, tuple[str, ...]]  # label of the form → other spellings of it
    narrative: Mapping[str, str]  # section key → Jinja source of its text block
    review_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # [words] by topic
    grades_source: str = ""  # source of `grades`, "" when there are none
    form_folder: Path | None = None  # where form.xlsx lies when it is that of the pack this one extends

    @property
    def form_path(self) -> Path:
        """The layout workbook."""
        return (self.form_folder or self.folder) / "form.xlsx"

    def __repr__(self) -> str:
        return f"Pack({self.id!r}, {str(self.folder)!r})"

    @property
    def execution_group(self) -> Group | None:
        """The group that is scored from the funds rows, None when the pack has none."""
        return next((group for group in self.groups if group.scoring == "execution"), None)

    def sharing(self, group: Group) -> tuple[Group, ...]:
        """`group` and those that share its points."""
        return (group, *(other for other in self.groups if other.points_with == group.name))

    def group(self, name: str) -> Group:
        """The group of that name; KeyError when the pack has none."""
        for group in self.groups:
            if group.name == name:
                return group
        raise KeyError(name)

    def source_title(self, key: str) -> str:
        """Title of a source, for explanations."""
        known = self.sources.get(key)
        return _OUR_READING if known is None and key == HOUSE else self.sources[key].title
