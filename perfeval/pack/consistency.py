"""What must hold between the numbers and words of a pack that reads well key by key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

from perfeval.numbers import exact_sum, exact_text
from perfeval.pack.model import Group, Method, Pack
from perfeval.pack.rules import MISPLACED
from perfeval.pack.table import Problems, did_you_mean, listed

__all__ = ["check_consistency", "check_dates", "check_misplaced", "check_sources_used"]


def check_consistency(pack: Pack, problems: Problems) -> None:
    """Report sums that do not add up, gaps, and names that mean two things."""
    points = exact_sum(group.points for group in pack.groups)
    if points != pack.total:
        _sum(problems, "PAK009", "groups", (group.points for group in pack.groups), points, pack.total)
    for group in pack.groups:
        _check_group(group, pack, problems)
    for criterion in pack.criteria:
        names = tuple(group.name for group in pack.groups)
        for name in criterion.groups:
            if name not in names:
                problems.add("PAK005", "criteria.groups", value=name, allowed=listed(names), hint="")
    _check_bands(pack, problems)
    _check_grades(pack, problems)
    for situation, method in pack.scoring.methods.items():
        _check_steps(method, f"scoring.{situation}", problems)
    over = pack.scoring.methods["over"].name
    if over in ("remind", "require_reason") and "over_achievement" in pack.review:
        problems.add(
            "PAK013", "scoring.over", reason=f"「{over}」与 review.over_achievement 会对同一行各提醒一次,请只留一个"
        )
    _unique("groups", ((word, group.name) for group in pack.groups for word in (group.name, *group.words)), problems)
    _unique("columns", ((word, key) for key, words in pack.columns.items() for word in words), problems)
    _unique("labels", ((word, label) for label, words in pack.labels.items() for word in (label, *words)), problems)
    _unique(
        "scoring.bands", ((w, band.name) for band in pack.scoring.bands for w in (band.name, *band.words)), problems
    )


def check_sources_used(stated: Iterable[str], problems: Problems) -> None:
    """Report sources that no rule names."""
    for key in stated:
        if key not in problems.used:
            problems.add("PAK008", f"sources.{key}", value=key)


def check_misplaced(stated: Iterable[str], pack: Pack, problems: Problems) -> None:
    """Report words against a kind that the pack does not have. `stated` are topics of the pack's own file."""
    kinds = [kind.name for group in pack.groups for kind in group.kinds]
    for topic in stated:
        name = topic.removeprefix(MISPLACED)
        if name != topic and name not in kinds:
            hint = did_you_mean(name, kinds)
            problems.add("PAK005", f"words.{topic}", value=name, allowed=listed(kinds), hint=hint)


def check_dates(pack: Pack, today: dt.date, problems: Problems) -> None:
    """Remind of sources that nobody compared with their document since the year began."""
    for key, source in pack.sources.items():
        if source.checked_on.year < today.year:
            problems.add("PAK020", f"sources.{key}.checked_on", value=source.checked_on.isoformat(), title=source.title)


def _check_group(group: Group, pack: Pack, problems: Problems) -> None:
    path = f"groups.{group.name}"
    weights = [indicator.weight for kind in group.kinds for indicator in kind.indicators]

    def odd(key: str, reason: str) -> None:
        problems.add("PAK013", f"{path}.{key}", reason=reason)

    if group.scoring == "execution":
        if group.execution is None:
            odd("execution", "按资金计分的组须有 execution,写明 base、nothing、source")
        if group.kinds:
            odd("kinds", "按资金计分的组没有指标行,不写 kinds")
        if group.weights != "fixed":
            odd("weights", "按资金计分的组 weights 写 fixed")
    else:
        if group.execution is not None:
            odd("execution", "只有 scoring = execution 的组才写 execution")
        if not group.kinds:
            odd("kinds", "至少要有一个二级指标")
        if group.weights == "fixed":
            total = exact_sum(weights)
            if total != group.points:
                _sum(problems, "PAK010", path, weights, total, group.points)
        elif weights:
            odd("kinds", "只有 weights = fixed 的组才印定三级指标")
    if group.weights_digits is not None and group.weights != "equal":
        odd("weights_digits", "只有 weights = equal 的组才写 weights_digits")
    if group.points_with is not None:
        _check_sharing(group, pack, odd)
    elif group.points <= 0:
        odd("points", "分值应大于 0")
    names = [(word, kind.name) for kind in group.kinds for word in (kind.name, *kind.words)]
    _unique(f"{path}.kinds", names, problems)
    for kind in group.kinds:
        if kind.method:
            _check_steps(kind.method, f"{path}.kinds.{kind.name}.method", problems)


def _check_sharing(group: Group, pack: Pack, odd: Callable[[str, str], None]) -> None:
    """A group may only share the points of one that has its own and gives weights to its rows in the same way."""
    owner = next((other for other in pack.groups if other.name == group.points_with), None)
    if owner is None or owner is group or owner.points_with is not None:
        odd("points_with", "应写另一个自己有分值(points)的一级指标的名称")
    elif group.weights == "fixed" or owner.weights != group.weights:
        odd("points_with", "合用分值的各组 weights 应相同,都是 stated 或都是 equal")


def _check_bands(pack: Pack, problems: Problems) -> None:
    """The bands cover 0 to 100 and each begins where the one below ends."""
    reached = Fraction(0)
    for band in sorted(pack.scoring.bands, key=lambda band: (band.low, band.high)):
        if band.low != reached or band.high <= band.low:
            fault = "重叠" if band.low < reached or band.high <= band.low else "缺口"
            problems.add(
                "PAK011",
                f"scoring.bands.{band.name}",
                fault=fault,
                value=exact_text(band.low),
                expected=exact_text(reached),
            )
        reached = max(reached, band.high)
    if reached != 100:
        problems.add("PAK011", "scoring.bands", fault="缺口", value=exact_text(reached), expected="100")


def _check_grades(pack: Pack, problems: Problems) -> None:
    lows = [low for _, low in pack.grades]
    if lows and (lows != sorted(set(lows), reverse=True) or lows[-1] != 0 or lows[0] > pack.total):
        values = listed(exact_text(low) for low in lows)
        problems.add("PAK012", "grades", value=values, total=exact_text(pack.total))


def _check_steps(method: Method, path: str, problems: Problems) -> None:
    steps = method.params.get("steps")
    if isinstance(steps, tuple):
        lows = [low for low, _ in steps]
        shares = [share for _, share in steps]
        falling = lows == sorted(set(lows), reverse=True) and shares == sorted(set(shares), reverse=True)
        if not steps or not falling:
            problems.add("PAK013", f"{path}.steps", reason="各档须从高到低,from 与 share 都逐档变小,至少一档")


def _sum(
    problems: Problems, code: str, path: str, parts: Iterable[Fraction], total: Fraction, expected: Fraction
) -> None:
    written = "+".join(exact_text(part) for part in parts) or "0"
    problems.add(code, path, parts=written, sum=exact_text(total), expected=exact_text(expected))


def _unique(path: str, owned: Iterable[tuple[str, str]], problems: Problems) -> None:
    for word, first, second in _shared(owned):
        problems.add("PAK015", path, value=word, first=first, second=second)


def _shared(owned: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    seen: dict[str, str] = {}
    for word, owner in owned:
        if word in seen:
            yield word, seen[word], owner
        seen.setdefault(word, owner)
