"""Weights of the indicators: printed, shared out equally over the filled rows, or stated by the unit.

Always exact, so that the weights of a group add up to its points; where a pack wants weights of so many decimals, the
remainder goes to the first rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from perfeval.calculator.methods import calculated
from perfeval.calculator.report import Report
from perfeval.model import Indicator, Step
from perfeval.numbers import decimal_text, exact_sum, exact_text, fraction
from perfeval.pack import FixedIndicator, Group, Pack
from perfeval.quantity.text import without_blanks
from perfeval.record import record

__all__ = ["Weighing", "Weight", "weigh"]


@record(frozen=True, slots=True)
class Weight:
    """A weight, as a number and as it is written."""

    value: Fraction | None  # None: cannot be known; a finding says why
    formula: str  # for Excel: "40/6", "12"; "" when unknown
    text: str  # derivation for people: "40 ÷ 6"
    step: Step  # the same as a recorded step

    @classmethod
    def of(cls, value: Fraction, formula: str, text: str, source: str) -> Weight:
        """A known weight, derived as `text` says by a rule of the document titled `source`."""
        return cls(value, formula, text, Step("权重", calculated(text, value), value, source))

    @classmethod
    def unknown(cls, source: str) -> Weight:
        """No weight."""
        return cls(None, "", "", Step("权重", "没有权重", Fraction(0), source))


@record(frozen=True, slots=True)
class Weighing:
    """The weights of all rows, and whether each group can be added up."""

    weights: tuple[Weight, ...]  # in the order of the form
    points: Mapping[str, Fraction]  # of each group; differs from the pack's only where rows dropped out
    incomplete: frozenset[str]  # groups with a printed row missing, or without any row


def weigh(indicators: Sequence[Indicator], skipped: frozenset[int], pack: Pack, report: Report) -> Weighing:
    """The weight of every indicator.

    `skipped` are positions of rows that drop out as not applicable (only where the pack rescales).
    """
    weights: dict[int, Weight] = {}
    incomplete = set()
    places: dict[str, list[int]] = {group.name: [] for group in pack.groups}
    for place, indicator in enumerate(indicators):
        places[indicator.group].append(place)
    points = {group.name: group.points for group in pack.groups}
    for group in pack.groups:
        if group.scoring == "execution" or group.points_with is not None:
            continue
        sharing = pack.sharing(group)
        rows = sorted(place for member in sharing for place in places[member.name])
        if not rows:
            incomplete.add(group.name)
        if group.weights == "equal":
            _share_out(group, [place for place in rows if place not in skipped], weights, pack)
        elif group.weights == "stated":
            _take_stated(group, rows, indicators, weights, pack, report)
        elif _match_printed(group, rows, indicators, weights, pack, report):
            incomplete.add(group.name)
    if skipped:
        _drop(weights, skipped, indicators, points, pack)
    for group in pack.groups:
        for member in pack.sharing(group) if len(pack.sharing(group)) > 1 else ():
            values = (weights[place].value for place in places[member.name])
            points[member.name] = exact_sum(value for value in values if value is not None)
    return Weighing(tuple(weights[place] for place in range(len(indicators))), points, frozenset(incomplete))


def _share_out(group: Group, rows: list[int], weights: dict[int, Weight], pack: Pack) -> None:
    """Points ÷ filled rows; rounded ones with the remainder on the first rows, so that they still add up."""
    if not rows:
        return
    points = exact_text(group.points)
    text = f"{points} ÷ {len(rows)}"
    if group.weights_digits is None:
        formula = f"{points}/{len(rows)}"
        share = Weight.of(group.points / len(rows), formula, text, pack.source_title(group.source))
        weights.update(dict.fromkeys(rows, share))
        return
    unit = Fraction(1, 10**group.weights_digits)
    units, rest = divmod(group.points / unit, len(rows))
    for nth, place in enumerate(rows):
        value = (units + 1 if nth < rest else units) * unit
        if nth == 0:
            value += (rest - int(rest)) * unit  # points finer than the decimals asked for
        weights[place] = Weight.of(value, exact_text(value), exact_text(value), pack.source_title(group.source))


def _take_stated(
    group: Group,
    rows: list[int],
    indicators: Sequence[Indicator],
    weights: dict[int, Weight],
    pack: Pack,
    report: Report,
) -> None:
    total = Fraction(0)
    known = True
    for place in rows:
        stated = indicators[place].stated_weight
        if stated is not None and stated > 0:
            text = decimal_text(stated)
            weights[place] = Weight.of(fraction(stated), text, text, pack.source_title(group.source))
            total += fraction(stated)
            continue
        known = False
        weights[place] = Weight.unknown(pack.source_title(group.source))
        written = indicators[place].text("weight").strip()
        report.add("WGT001" if stated is None else "WGT002", indicators[place], "weight", written=written or "空白")
    if rows and known and total != group.points:
        names = "、".join(member.name for member in pack.sharing(group))
        numbers = {"group": names, "sum": exact_text(total), "points": exact_text(group.points)}
        more = "多" if total > group.points else "少"
        report.add(
            "WGT005", indicators[rows[-1]], "weight", **numbers, off=more + exact_text(abs(total - group.points))
        )


def _match_printed(
    group: Group,
    rows: list[int],
    indicators: Sequence[Indicator],
    weights: dict[int, Weight],
    pack: Pack,
    report: Report,
) -> bool:
    """Give every row the printed indicator of its kind and name, else the first of its kind still free.

    Returns whether a printed one is left without a row.
    """
    free = [(kind.name, fixed) for kind in group.kinds for fixed in kind.indicators]
    unmatched = []
    for place in rows:
        name = without_blanks(indicators[place].name)
        found = next((pair for pair in free if without_blanks(pair[1].name) == name), None)
        if found is None:
            unmatched.append(place)
        else:
            free.remove(found)
            weights[place] = _printed(found[1], pack)
    for place in unmatched:
        found = next((pair for pair in free if pair[0] == indicators[place].level2), None)
        if found is None:
            weights[place] = Weight.unknown(pack.source_title(group.source))
            allowed = "、".join(fixed.name for kind in group.kinds for fixed in kind.indicators)
            report.add("WGT004", indicators[place], "name", group=group.name, allowed=allowed)
        else:
            free.remove(found)
            weights[place] = _printed(found[1], pack)
    if indicators:  # that a form is empty altogether was said when it was read
        for _, fixed in free:
            report.sheet("WGT003", fixed.name, group=group.name, name=fixed.name, weight=exact_text(fixed.weight))
    return bool(free)


def _printed(fixed: FixedIndicator, pack: Pack) -> Weight:
    text = exact_text(fixed.weight)
    return Weight.of(fixed.weight, text, text, pack.source_title(fixed.source))


def _drop(
    weights: dict[int, Weight],
    skipped: frozenset[int],
    indicators: Sequence[Indicator],
    points: dict[str, Fraction],
    pack: Pack,
) -> None:
    """Take out rows that do not apply: an equal group shares out anew, elsewhere all weights grow to fill the total."""
    source = pack.source_title(pack.not_applicable.source)
    lost = Fraction(0)
    for group in pack.groups:
        if group.points_with is not None:
            continue
        sharing = {member.name for member in pack.sharing(group)}
        rows = [place for place, each in enumerate(indicators) if each.group in sharing]
        gone = [place for place in rows if place in skipped]
        if group.weights == "equal":
            missing = group.points if gone and len(gone) == len(rows) else Fraction(0)
        else:
            missing = exact_sum(weights[place].value or Fraction(0) for place in gone)
        points[group.name] -= missing
        lost += missing
    weights.update({place: Weight.of(Fraction(0), "0", "0", source) for place in skipped})
    due = exact_sum(group.points for group in pack.groups if group.scoring != "execution")
    if not lost or lost >= due:
        return
    whole, left = exact_text(due), exact_text(due - lost)
    for group in pack.groups:
        if group.scoring != "execution":
            points[group.name] *= due / (due - lost)
    for place, weight in weights.items():
        if weight.value:
            formula, text = f"{weight.formula}*{whole}/{left}", f"{weight.text} × {whole} ÷ {left}"
            weights[place] = Weight.of(weight.value * due / (due - lost), formula, text, source)
