"""Scores and weights: what the clerk typed against what the rules yield, and reasons against results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from perfeval.findings import Finding
from perfeval.findings.scr import CAUSES, VERDICTS, WRITTEN
from perfeval.model import Basis, Indicator, RowResult
from perfeval.numbers import decimal_text, exact_sum, fraction, half_up, percent_text, round_half_up, rounds_to, shown
from perfeval.review.context import ReviewContext, Rule

__all__ = ["RULES"]

_FLOAT_DIGITS = 10**9  # numbers that differ by less than one such part are the same
_CENT = Fraction(1, 100)


def stated_scores(context: ReviewContext) -> Iterator[Finding]:
    """A typed score that is not the computed one, with the difference and what probably happened."""
    digits = context.pack.rounding.digits
    funds = context.evaluation.funds_score
    for row in context.rows if funds is None else (funds, *context.rows):
        stated = row.indicator.stated_score
        if stated is None or row.score is None or not _differs(row, digits) or row.indicator.row in context.misdirected:
            continue
        yield context.at(
            "SCR101",
            row.indicator,
            "score",
            stated=decimal_text(stated),
            computed=shown(row.score, digits),
            formula=_formula(row, digits),
            difference=shown(abs(fraction(stated) - row.score), 4),
            cause=_cause(context, row, stated),
        )


def stated_total(context: ReviewContext) -> Iterator[Finding]:
    """A typed total that is not the sum; a total that only repeats wrong rows is told at those rows."""
    total = context.evaluation.total
    stated = _number(context, "total.score")
    if total is None or stated is None:
        return
    digits = context.pack.rounding.digits
    if stated == total.shown or _agrees(stated, total.exact, digits):
        return
    results = [*context.rows, *([context.evaluation.funds_score] if context.evaluation.funds_score else [])]
    typed = [row.indicator.stated_score for row in results]
    typed_sum = exact_sum([fraction(score) for score in typed if score is not None])
    if None not in typed and typed_sum == fraction(stated) and any(_differs(row, digits) for row in results):
        return
    scores = [row.score for row in results if row.score is not None]
    if fraction(stated) * 10**digits == sum([_rounded(*score.as_integer_ratio(), digits)[0] for score in scores]):
        cause = CAUSES["rows_rounded_first"]
    elif _agrees(stated, exact_sum(scores), digits):
        cause = CAUSES["rows_not_rounded"]
    else:
        cause = ""
    yield context.in_field(
        "SCR102",
        "total.score",
        stated=decimal_text(stated),
        computed=decimal_text(total.shown),
        formula=CAUSES[f"sum_{context.pack.rounding.total}"].format(exact=shown(total.exact, 6)),
        difference=shown(abs(fraction(stated) - fraction(total.shown)), 4),
        cause=cause,
    )


def shortfall_reasons(context: ReviewContext) -> Iterator[Finding]:
    """A missed target wants a reason; a met one wants none; and the reason must not contradict the numbers."""
    for row in context.rows:
        indicator = row.indicator
        if row.score is None or row.weight is None or "shortfall_reason" not in indicator.cells:
            continue
        if indicator.row in context.misdirected:
            continue  # its target is wrong; whether it was missed is not known
        if indicator.cell("shortfall_reason").problem is not None:
            continue
        reason = indicator.text("shortfall_reason").strip()
        if context.says_nothing(reason):
            written = WRITTEN[bool(reason)].format(reason=reason)
            if row.met is False and row.basis is not Basis.STATED:
                yield context.at("SCR103", indicator, "shortfall_reason", written=written, **_row_says(indicator))
            elif not _full(row) and row.score < row.weight and row.basis is not Basis.UNVERIFIED:
                points = {"score": shown(row.score), "weight": shown(row.weight)}
                yield context.at("SCR109", indicator, "shortfall_reason", written=written, **points)
        elif row.met is True and context.words("shortfall").within(reason):
            yield context.at("SCR105", indicator, "shortfall_reason", verdict=VERDICTS[True], **_row_says(indicator))
        elif row.met is False:
            if _only_success(context, reason):
                yield context.at(
                    "SCR105", indicator, "shortfall_reason", verdict=VERDICTS[False], **_row_says(indicator)
                )
        elif _needless(context, row, reason):
            yield context.at("SCR104", indicator, "shortfall_reason", reason=reason)


def over_achievement(context: ReviewContext) -> Iterator[Finding]:
    """A target surpassed by far without a word about it was probably set too low."""
    limit = context.limit("over_achievement")
    if limit is None:
        return
    ratio = limit / 100
    for row in context.rows:
        indicator = row.indicator
        if row.completion is None or row.completion < ratio or not _larger_is_better(context, indicator):
            continue
        if "shortfall_reason" in indicator.cells and context.blank(indicator.cell("shortfall_reason")):
            yield context.at(
                "SCR106",
                indicator,
                "shortfall_reason",
                **_row_says(indicator),
                completion=percent_text(row.completion),
                limit=percent_text(ratio),
            )


def full_marks(context: ReviewContext) -> Iterator[Finding]:
    """Full marks in every row are not wrong, but reviewers look twice."""
    least = context.limit("full_marks_rows")
    rows = context.rows
    if least is None or len(rows) < least:
        return
    if all(map(_full, rows)):
        yield context.on_sheet("SCR107", count=str(len(rows)))


def not_applicable(context: ReviewContext) -> Iterator[Finding]:
    """Full marks that the clerk states for something said not to apply."""
    words = context.pack.not_applicable.words
    if not words:
        return
    for row in context.rows:
        if row.basis is not Basis.STATED or row.score is None or not _full(row):
            continue
        found = _said_not_applicable(context, row.indicator, words)
        if found is not None:
            where, quote = found
            yield context.at("SCR108", row.indicator, "score", where=where, quote=quote, score=shown(row.score))


def empty_groups(context: ReviewContext) -> Iterator[Finding]:
    """A group whose points nobody can earn."""
    filled = {indicator.group for indicator in context.form.indicators}
    if not filled:
        return  # the reader has said that the table is empty
    wanted = [group for group in context.pack.groups if group.scoring != "execution" and group.weights != "fixed"]
    missing = [
        group
        for group in wanted
        if group.points_with is None and not any(other.name in filled for other in context.pack.sharing(group))
    ]
    reachable = context.pack.total - exact_sum([group.points for group in missing])
    for group in missing:
        yield context.on_sheet("WGT101", group=group.name, points=shown(group.points), reachable=shown(reachable))


def row_weights(context: ReviewContext) -> Iterator[Finding]:
    """A typed weight that is not the one the rules yield; a whole group gone wrong is told once."""
    told: set[str] = set()
    for row in context.rows:
        indicator, stated = row.indicator, row.indicator.stated_weight
        if stated is None or row.weight is None or indicator.group in told:
            continue
        # Two printed decimals of equal weights must add up, so that 40/6 may stand as 6.67 and as 6.66.
        if abs(fraction(stated) - row.weight) > _CENT:
            told.add(indicator.group)
            digits = context.pack.rounding.digits
            said = {"written": decimal_text(stated), "expected": shown(row.weight, digits), "group": indicator.group}
            yield context.at("WGT102", indicator, "weight", formula=row.weight_formula, **said)


def weight_total(context: ReviewContext) -> Iterator[Finding]:
    """A typed sum of weights that is not the form's total."""
    stated = _number(context, "total.weight")
    if stated is not None and not _is_float_of(context.pack.total, stated):
        written, expected = decimal_text(stated), shown(context.pack.total)
        yield context.in_field("WGT103", "total.weight", written=written, expected=expected)


def _full(row: RowResult) -> bool:
    """Whether a row has full marks; most rows have, and their score is the very number that is their weight."""
    return row.score is not None and (row.score is row.weight or row.score == row.weight)


def _differs(row: RowResult, digits: int) -> bool:
    stated = row.indicator.stated_score
    if row.basis is not Basis.COMPUTED or stated is None or row.score is None:
        return False
    return not _agrees(stated, row.score, digits)


def _agrees(stated: Decimal, exact: Fraction, digits: int) -> bool:
    """Whether `stated` is `exact`, shown with at least `digits` decimals, or as a spreadsheet calculates it."""
    return rounds_to(stated, max(digits, _decimals(stated)), exact) or _is_float_of(exact, stated)


def _is_float_of(exact: Fraction, stated: Decimal) -> bool:
    """Whether a number differs only by what binary floating point loses in a sum of some rows."""
    numerator, denominator = exact.as_integer_ratio()
    written, scale = stated.as_integer_ratio()
    return abs(written * denominator - numerator * scale) * _FLOAT_DIGITS < scale * denominator


@lru_cache(maxsize=1024)
def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _number(context: ReviewContext, path: str) -> Decimal | None:
    cell = context.form.cell(path)
    if cell.number is not None:
        return cell.number * 100 if "%" in cell.text else cell.number  # a weight of 100% is 100 points
    try:
        value = Decimal(cell.text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _formula(row: RowResult, digits: int) -> str:
    last = row.steps[-1].formula if row.steps else ""
    return last.partition(" → ")[0] or shown(row.score if row.score is not None else Fraction(0), digits)


def _row_says(indicator: Indicator) -> dict[str, str]:
    """Target, result and reason as written, on one line each."""
    texts = {"target": indicator.target.text, "actual": indicator.actual.text}
    texts["reason"] = indicator.text("shortfall_reason")
    return {name: " ".join(text.split()) for name, text in texts.items()}


def _cause(context: ReviewContext, row: RowResult, stated: Decimal) -> str:
    """What probably went wrong, in words; "" when nothing known yields the stated score.

    Everything is tried in whole numbers, as pairs of numerator and denominator: most of it is not what happened.
    """
    digits = context.pack.rounding.digits
    places = _decimals(stated)
    if row.score is None or row.weight is None:
        return ""
    power: int = 10 ** max(places, digits)
    written, scale = stated.as_integer_ratio()
    wanted = written * power // scale

    def yields(numerator: int, denominator: int) -> bool:
        return half_up(numerator * power, denominator) == wanted

    score, under_score = row.score.as_integer_ratio()
    weight, under_weight = row.weight.as_integer_ratio()
    ratio, under_ratio = row.completion.as_integer_ratio() if row.completion is not None else (1, 1)
    if ratio < under_ratio and yields(weight, under_weight):
        return CAUSES["full_marks"].format(completion=percent_text(Fraction(ratio, under_ratio)))
    if places < digits and round_half_up(row.score, places) == stated:
        return CAUSES["fewer_decimals" if places else "integer"].format(digits=places)
    if score * 10**places // under_score * scale == written * 10**places:
        return CAUSES["cut_off"]
    if score and (yields(score * 100, under_score) or yields(score, under_score * 100)):
        return CAUSES["percent"]
    if row.completion is None:
        return ""
    if ratio > under_ratio and yields(weight * ratio, under_weight * under_ratio):
        return CAUSES["not_capped"].format(completion=percent_text(row.completion))
    inverse = (1, 1) if 0 < ratio < under_ratio else (under_ratio, ratio) if ratio > 0 else (-under_ratio, -ratio)
    capped, under_capped = (ratio, under_ratio) if ratio < under_ratio else (1, 1)
    weights = ((weight, under_weight), _rounded(weight, under_weight, digits), _rounded(weight, under_weight, 1))
    ratios = ((capped, under_capped), _rounded(capped, under_capped, 2), _rounded(capped, under_capped, 4))
    for w, under_w in weights:
        for r, under_r in ratios:
            if yields(w * r, under_w * under_r):
                return CAUSES["rounded_first"]
    if yields(capped * 100, under_capped):
        return CAUSES["ratio_as_score"]
    if ratio and yields(inverse[0] * weight, inverse[1] * under_weight):
        return CAUSES["reversed"]
    return _other_count(context, row, (capped, under_capped), yields) if capped else ""


def _rounded(numerator: int, denominator: int, digits: int) -> tuple[int, int]:
    power: int = 10**digits
    return half_up(numerator * power, denominator), power


def _other_count(
    context: ReviewContext, row: RowResult, capped: tuple[int, int], yields: Callable[[int, int], bool]
) -> str:
    group = context.pack.group(row.indicator.group)
    if group.weights != "equal":
        return ""
    count = sum(indicator.group == group.name for indicator in context.form.indicators)
    points, under_points = group.points.as_integer_ratio()
    numerator, denominator = points * capped[0], under_points * capped[1]
    for other in range(1, 2 * count + 5):
        if other != count and yields(numerator, denominator * other):
            return CAUSES["other_count"].format(other=other, count=count)
    return ""


def _only_success(context: ReviewContext, reason: str) -> bool:
    return context.words("fulfilled").within(reason) and not context.words("cause", "shortfall").within(reason)


def _needless(context: ReviewContext, row: RowResult, reason: str) -> bool:
    """Whether the reason of a met row explains nothing: no surplus, no confirmation, no inapplicability."""
    if row.met is not True or not _full(row) or (row.completion is not None and row.completion > 1):
        return False
    inapplicable = any(word in reason for word in context.pack.not_applicable.words)
    return not (inapplicable or context.words("fulfilled", "confirmed").within(reason))


def _larger_is_better(context: ReviewContext, indicator: Indicator) -> bool:
    relation = indicator.target.relation
    if relation in (">=", ">", "="):
        return True
    return relation is None and not any(word in indicator.name for word in context.pack.scoring.lower_is_better.value)


def _said_not_applicable(
    context: ReviewContext, indicator: Indicator, words: tuple[str, ...]
) -> tuple[str, str] | None:
    """Where the row, or a sentence about it in the narrative, says that it does not apply."""
    for key, cell in indicator.cells.items():
        for word in words:
            if word in cell.text and key not in ("name", "criterion"):
                return context.column(key), " ".join(cell.text.split())
    if not indicator.name or not any(indicator.name in text for _, text in context.prose):
        return None
    for path, sentence in context.sentences:
        if indicator.name in sentence and any(word in sentence for word in words):
            return context.name_of(path), sentence.strip()
    return None


RULES = (
    Rule(stated_scores, ("SCR101",)),
    Rule(stated_total, ("SCR102",)),
    Rule(shortfall_reasons, ("SCR103", "SCR104", "SCR105", "SCR109")),
    Rule(over_achievement, ("SCR106",)),
    Rule(full_marks, ("SCR107",)),
    Rule(not_applicable, ("SCR108",)),
    Rule(empty_groups, ("WGT101",)),
    Rule(row_weights, ("WGT102",)),
    Rule(weight_total, ("WGT103",)),
)
