"""Running text against the table: amounts, rates, counts of indicators, years, and names of others left over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from perfeval.findings import Finding
from perfeval.findings.txt import PHRASES
from perfeval.model import Kind, Quantity, RowResult
from perfeval.numbers import percent_text
from perfeval.pack import Pack
from perfeval.patterns import lazy_pattern
from perfeval.quantity import convertible
from perfeval.review.context import ReviewContext, Rule
from perfeval.review.funds import Money, amount_text
from perfeval.review.mentions import Mention, agrees, in_unit, likeness, pairs
from perfeval.review.words import Words, alternatives

__all__ = ["RULES"]

_YEAR = lazy_pattern(r"(?<![\d.])(20\d\d)\s*年(?:度)?")
_CLAUSE_ENDS = ":\uff1a,\uff0c。;\uff1b\n"
_BRACKET = lazy_pattern(r"[(\uff08]")
_OTHER_LETTER = lazy_pattern(r"[^\u4e00-\u9fff]")
_NEAR = 24  # letters after a year that can say whose year it is
_SHORT = 6  # letters after 「达标」 that still belong to the count
_SAME_NAME = 0.5  # share of two names in common that makes one a short form of the other
_NAME = lazy_pattern(r"\w{2,30}")
_MOST_FILLERS = 6  # words like 合计, 为 between a label and its number
_BEFORE_YEAR = tuple("较比自从据与到至")
_AFTER_YEAR = ("起", "以来", "相比", "同期", "至", "-", "—", "~", "\uff5e")


def amounts(context: ReviewContext) -> Iterator[Finding]:
    """Sums of money named in the text against the header."""
    unit = context.pack.money_unit
    funds = context.funds
    if funds.slips:
        return
    labelled = [
        (money, money.total, _backwards(context.pack, f"amount.{money.path.removeprefix('funds.')}"))
        for money in funds.sums
        if money.total is not None
    ]
    for mention in context.mentions:
        quantity = mention.quantity
        if quantity.kind is not Kind.NUMBER or quantity.relation not in (None, "=") or quantity.unit is None:
            continue
        if convertible(quantity.unit, unit) is None:
            continue
        for money, total, label in labelled:
            if not _says(context.pack, label, mention.back):
                continue
            stated = [total, *(amount for _, amount in money.parts)]
            if any(agrees(quantity, amount, unit) for amount in stated) or not _about_the_whole(context, mention):
                break
            yield context.in_field(
                "TXT101",
                mention.path,
                quote=mention.quote,
                field=context.name_of(money.path),
                amount=amount_text(total),
                unit=unit,
                hint=_slip(quantity, money, unit),
            )
            break


def rates(context: ReviewContext) -> Iterator[Finding]:
    """The rate of execution named in the text against the one the header yields."""
    funds = context.funds
    spent = funds.spent.total
    if spent is None or funds.slips:
        return
    mentions = [
        mention
        for mention in context.mentions
        if mention.quantity.kind is Kind.PERCENT
        and mention.quantity.relation in (None, "=")
        and mention.path != "goal.expected"
    ]
    if not mentions:
        return
    rates = {base.path: spent / base.total for base in (funds.allocated, funds.budget) if base.total}
    allocated = {path.rpartition(".")[2]: amount for path, amount in funds.allocated.parts if amount}
    parts = [(amount, allocated.get(path.rpartition(".")[2])) for path, amount in funds.spent.parts]
    known = {*rates.values(), *(amount / base for amount, base in parts if base)}
    label = _backwards(context.pack, "rate.execution")
    for mention in mentions:
        quantity = mention.quantity
        if not rates or not _says(context.pack, label, mention.back):
            continue
        if any(agrees(quantity, rate * 100, quantity.unit) for rate in known):
            continue
        if _about_the_whole(context, mention) and not context.words("intended").within(mention.lead):
            told = {percent_text(rate): context.name_of(path) for path, rate in reversed(rates.items())}
            said = [PHRASES["rate_of"].format(name=name, rate=rate) for rate, name in reversed(told.items())]
            yield context.in_field("TXT103", mention.path, quote=mention.quote, rates=",".join(said))


def counts(context: ReviewContext) -> Iterator[Finding]:
    """Numbers of indicators, of those met and of those missed."""
    indicators, level = context.words("count.indicators"), context.words("count.level")
    for mention in context.mentions:
        quantity = mention.quantity
        if quantity.kind is not Kind.NUMBER or quantity.unit not in (None, "项", "个", "条") or quantity.relation:
            continue
        if quantity.value is None or quantity.value % 1:
            continue
        if not indicators.within(mention.lead + mention.after):
            continue
        what = _counted(context, mention)
        if what is None or level.within(mention.before) or not context.of_this_year(mention):
            continue
        possible = [(scope, *_range(rows, what)) for scope, rows in _scopes(context, mention)]
        if any(low <= quantity.value <= high for _, low, high in possible):
            continue
        scope, low, high = possible[0]
        count = str(low) if low == high else f"{low}—{high}"  # a row that could not be scored may be either
        said = {"quote": mention.quote, "scope": scope, "what": PHRASES[f"count_{what}"], "count": count}
        yield context.in_field("TXT102", mention.path, **said)


def _about_the_whole(context: ReviewContext, mention: Mention) -> bool:
    """Whether a number is meant for the whole year and project: no part of it, no comparison, no other year."""
    if context.words("part", "elsewhen").within(mention.before) or context.words("part").within(mention.after):
        return False
    return context.of_this_year(mention)


def years(context: ReviewContext) -> Iterator[Finding]:
    """Another year where the text speaks of the year under review."""
    year = context.form.year
    if year is None:
        return
    # Where the year under review is named as well, another year's budget is there for comparison.
    marker, budget = context.words("project_marker"), context.words("project_marker", "amount.budget")
    project = context.form.text("project").strip()
    for path, text in context.prose:
        if "20" not in text:
            continue
        found = list(_YEAR.finditer(text))
        own = any(match.group(1) == str(year) for match in found)
        for match in found:
            if match.group(1) == str(year):
                continue
            rest = text[match.end() : match.end() + _NEAR].lstrip()
            before = text[max(0, match.start() - 2) : match.start()].rstrip()
            if before.endswith(_BEFORE_YEAR) or rest.startswith(_AFTER_YEAR):
                continue
            says_project = bool(project and rest.startswith(project)) or (marker if own else budget).begin(rest)
            later = int(match.group(1)) > year and not path.startswith("goal.")  # plans for the next year are in place
            if not later and (says_project or (not own and match.start() < 2)):
                quote = text[match.start() : match.end() + _NEAR].split("\n")[0]
                yield context.in_field("TXT104", path, quote=quote, year=str(year))
                break


def other_projects(context: ReviewContext) -> Iterator[Finding]:
    """The name of another project after 一级项目 and the like."""
    project = context.form.text("project").strip()
    if not project:
        return
    own = pairs(project)
    words = context.words("project_marker")
    for path, text in context.prose:
        for match in _project_marker(context.pack).finditer(text) if words.within(text) else ():
            found = _project_name(context, match.group(1))
            if found is None or found in project or project in found:
                continue
            name = pairs(found)
            if likeness(name, own) >= _SAME_NAME or likeness(own, pairs(match.group(1))) >= _SAME_NAME:
                continue
            quote = text[match.start() : match.start(1) + len(found)]
            yield context.in_field("TXT107", path, quote=quote, project=project, found=found)
            break


def other_units(context: ReviewContext) -> Iterator[Finding]:
    """「我中心」 in the form of a bureau, or another unit's name before the year."""
    unit = _BRACKET.split(context.form.text("unit_name"))[0].strip()
    if not unit:
        return
    known = unit + context.form.text("department")
    everything = "\n".join(text for _, text in context.prose)
    strange = [
        said
        for said, kinds in _self_references(context.pack)
        if said in everything and not any(kind in known for kind in kinds)
    ]
    suffixes = context.word_list("unit_suffix")
    for path, text in context.prose:
        other = next((said for said in strange if said in text), None)
        if other is None and "20" in text:
            other = next((name for name in _units_before_year(text, suffixes) if _is_other(name, unit, known)), None)
        if other is not None:
            yield context.in_field("TXT108", path, quote=other, unit_name=unit)


def _units_before_year(text: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Names that stand right before a year: 「某某局2024年……」."""
    for match in _YEAR.finditer(text):
        ahead = text[max(0, match.start() - _NEAR) : match.start()]
        if ahead.endswith(suffixes):
            name = _OTHER_LETTER.split(ahead)[-1]
            if len(name) > 3:
                yield name


def _is_other(name: str, unit: str, known: str) -> bool:
    return name not in known and unit not in name and likeness(pairs(name), pairs(known)) < _SAME_NAME


def conclusion(context: ReviewContext) -> Iterator[Finding]:
    """The overall goal said to be fully reached while indicators were missed."""
    cell = context.form.cell("goal.achieved")
    head = "".join(takewhile(lambda letter: letter not in _CLAUSE_ENDS, cell.text.strip()))
    if not context.words("goal.all").within(head) or context.words("goal.almost").within(head):
        return
    missed = [
        row.indicator.called
        for row in context.rows
        if row.met is False and row.indicator.row not in context.misdirected
    ]
    if missed:
        label = context.name_of("goal.achieved")
        said = {"written": head, "missed": str(len(missed)), "example": missed[0]}
        yield context.in_field("TXT110", "goal.achieved", label=label, **said)


def _slip(quantity: Quantity, money: Money, unit: str) -> str:
    value = in_unit(quantity, unit)
    if money.total and value and (value / money.total == 10_000 or money.total / value == 10_000):
        return PHRASES["ten_thousand"].format(unit=unit)
    return ""


def _counted(context: ReviewContext, mention: Mention) -> str | None:
    """What a count counts: indicators, met ones, missed ones; None when it counts something else."""
    back, after = mention.back, mention.after.strip()
    indicator = max(context.words("count.indicators").ends(after), default=0)
    if mention.closing or indicator or after.startswith("的"):
        told = _counted_before(context.pack, back)
        if told is not None:
            return told
    missed, met = context.words("count.missed"), context.words("count.met")
    rest = after[indicator:]
    if missed.begin(rest):
        return "missed"
    if met.begin(rest) and len(rest) <= _SHORT:
        return "met"
    words = _count_words(context.pack)
    return "all" if indicator and not rest and words is not None and words.intro.begin(back) else None


def _scopes(context: ReviewContext, mention: Mention) -> Iterator[tuple[str, tuple[RowResult, ...]]]:
    """What the count may range over: the groups or kinds named in the sentence, else everything or what is measured."""
    rows = context.rows
    text = mention.lead + mention.after
    groups = [group for group in context.pack.groups if _named(group.name, mention.before + mention.after)]
    groups = groups or [group for group in context.pack.groups if _named(group.name, text)]
    kinds = [kind.name for group in context.pack.groups for kind in group.kinds if _named(kind.name, mention.before)]
    if kinds:
        yield "".join(f"「{kind}」" for kind in kinds), tuple(row for row in rows if row.indicator.level2 in kinds)
    if groups:
        names = [group.name for group in groups]
        yield "和".join(names), tuple(row for row in rows if row.indicator.group in names)
    if not kinds and not groups:
        measured = {group.name for group in context.pack.groups if group.scoring == "measured"}
        yield "", tuple(row for row in rows if row.indicator.group in measured)
        yield "", rows


def _named(name: str, text: str) -> bool:
    """Whether a text names a group or kind of indicators: 「产出和效益指标」 names both."""
    stem = name.removesuffix("指标")
    at = text.find(stem)
    return at >= 0 and "指标" in text[at : at + len(stem) + 8]


def _range(rows: tuple[RowResult, ...], what: str) -> tuple[int, int]:
    """Least and greatest count that the table allows; rows not known to be met or missed may be either."""
    if what == "all":
        return len(rows), len(rows)
    sure = sum(row.met is (what == "met") for row in rows)
    return sure, sure + sum(row.met is None for row in rows)


def _project_name(context: ReviewContext, text: str) -> str | None:
    """The name at the start of what follows 一级项目; None when no name follows."""
    stops = context.words("project_other")
    if stops.begin(text):
        return None
    stop = stops.find(text, 2)
    name = text[:stop] if stop >= 0 else text
    return name if len(name) >= 2 else None


@lru_cache(maxsize=256)
def _backwards(pack: Pack, topic: str) -> Words:
    """The pack's words on a topic, as they stand in `Mention.back`."""
    return Words(word[::-1] for word in pack.review_words.get(topic, ()))


def _says(pack: Pack, label: Words, back: str) -> bool:
    """Whether a label stands before a number, nothing but fillers between."""
    return label.within(back) and any(label.begin(back, at) for at in _ahead(pack, back))


def _ahead(pack: Pack, back: str) -> Iterator[int]:
    """Where in `Mention.back` words before a number may begin: at once, or after some fillers (金额, 合计, 为)."""
    fillers = _backwards(pack, "filler")
    places = [0] if fillers else []
    for _ in range(_MOST_FILLERS):
        yield from places
        following = []
        for at in places:
            following += fillers.ends(back, at)
            if back[at : at + 1].isspace():
                following.append(at + 1)
        places = following if len(following) < 2 else [*set(following)]
    yield from places


class _CountWords(NamedTuple):
    """Words before a count, as they stand in `Mention.back`."""

    nouns: Words  # 指标
    intro: Words  # 共设
    attributes: Words  # of 指标: groups, kinds, 三级, 绩效
    verbs: tuple[tuple[str, Words], ...]  # 未达标, 达标


@lru_cache(maxsize=32)
def _count_words(pack: Pack) -> _CountWords | None:
    """None when the pack lacks some of them: then what stands before tells nothing."""
    topics = ("count.indicators", "count.intro", "count.missed", "count.met")
    nouns, intro, missed, met = (_backwards(pack, topic) for topic in topics)
    if not (nouns and intro and missed and met and _backwards(pack, "filler")):
        return None
    stems = [group.name for group in pack.groups] + [kind.name for group in pack.groups for kind in group.kinds]
    ahead = [stem.removesuffix("指标") for stem in stems] + [*pack.review_words.get("count.attribute", ())]
    return _CountWords(nouns, intro, Words(word[::-1] for word in ahead), (("missed", missed), ("met", met)))


def _counted_before(pack: Pack, back: str) -> str | None:
    """What is counted by what stands before: 达标(指标)…9项, 未达标…2项, 产出指标共…6项, 共设…8项指标."""
    words = _count_words(pack)
    if words is None:
        return None
    ahead = set(_ahead(pack, back))
    after_nouns = [end for at in ahead for end in words.nouns.ends(back, at)]
    starts = [*ahead, *after_nouns, *(end + 1 for end in after_nouns if back.startswith("的", end))]
    for what, verbs in words.verbs:
        if any(verbs.begin(back, at) for at in starts):
            return what
    introduced = [start for at in ahead for start in words.intro.ends(back, at)]
    after_nouns += [end for start in introduced for end in words.nouns.ends(back, start)]
    if any(end == len(back) or back[end].isspace() or words.attributes.begin(back, end) for end in after_nouns):
        return "all"
    return None


@lru_cache(maxsize=32)
def _project_marker(pack: Pack) -> re.Pattern[str]:
    words, fillers = _any_of(pack, "project_marker"), _any_of(pack, "project_filler")
    return lazy_pattern(rf"(?:{words})(?:{fillers}){{0,4}}({_NAME.pattern})" if words and fillers else r"(?!)(.)")


@lru_cache(maxsize=32)
def _self_references(pack: Pack) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """「我局=局」: what a text calls its own unit, and the words one of which that unit's name must hold."""
    words = (word.partition("=") for word in pack.review_words.get("self_reference", ()))
    return tuple((said, tuple(kinds.split("|"))) for said, _, kinds in words)


def _any_of(pack: Pack, topic: str) -> str:
    return alternatives(pack.review_words.get(topic, ()))


RULES = (
    Rule(amounts, ("TXT101",)),
    Rule(counts, ("TXT102",)),
    Rule(rates, ("TXT103",)),
    Rule(years, ("TXT104",)),
    Rule(other_projects, ("TXT107",)),
    Rule(other_units, ("TXT108",)),
    Rule(conclusion, ("TXT110",)),
)
