"""The evidence column: whether it names anything, whether that can prove the result, and its numbering (佐证1…n)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from perfeval.findings import Finding
from perfeval.findings.evd import PHRASES
from perfeval.model import CellProblem, Indicator
from perfeval.pack import Pack
from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.review.context import ReviewContext, Rule
from perfeval.review.words import alternatives

__all__ = ["RULES"]

_YEAR = lazy_pattern(r"(?<![\d.])(20\d\d)(?=\s*(?:年|[-/.]\d{1,2}(?!\d)))")
_ALSO = lazy_pattern(r"\s*[、,\uff0c和及/]\s*(\d{1,3})(?![\d年月日份张个家次页人项号])")
_TITLE_FOLLOWS = (":", "\uff1a")
_BEFORE_TITLE = (*_TITLE_FOLLOWS, ".", "、")
_SIGNS = lazy_pattern(r"\W+")
_AROUND = ' 、,.。()<>"“”《》\uff0c\uff08\uff09'
_LONGEST_SPAN = 50  # 佐证1-60 is no span of numbers any more
_LISTED = 5  # missing numbers named in a message
_MOST = 200  # a "number" above this is a year or a document number


def named(context: ReviewContext) -> Iterator[Finding]:
    """A row without evidence; one note for the whole table when no row has any."""
    rows = [indicator for indicator in context.form.indicators if indicator.cell("evidence").ref]
    bare = [indicator for indicator in rows if context.blank(indicator.cell("evidence"))]
    if not bare:
        return
    if len(bare) == len(rows) > 1:
        yield context.on_sheet("EVD102", count=str(len(rows)), column=context.column("evidence"))
        return
    for indicator in bare:
        yield context.at("EVD101", indicator, "evidence")


def satisfaction(context: ReviewContext) -> Iterator[Finding]:
    """A satisfaction rate can only come from asking many; letters and press items prove no percentage."""
    topic, survey = context.words("satisfaction"), context.words("survey")
    for indicator in context.form.indicators:
        if not (topic.within(indicator.name) or topic.within(indicator.level2)):
            continue
        evidence = " ".join(indicator.text("evidence").split())
        if context.says_nothing(evidence) or survey.within(evidence) or context.words("survey_other").within(evidence):
            continue
        weak = "、".join(dict.fromkeys(context.words("weak_evidence").all_in(evidence)))
        yield context.at(
            "EVD103",
            indicator,
            "evidence",
            actual=" ".join(indicator.text("actual").split()),
            evidence=evidence,
            survey="、".join(context.word_list("survey")),
            weak=PHRASES["only"].format(weak=weak) if weak else "",
        )


@record(frozen=True, slots=True)
class _Mark:
    """One 佐证n, with the title that follows it; several when a range is meant (佐证1-3)."""

    number: int
    title: str
    where: int  # index of the cell it stands in


def numbering(context: ReviewContext) -> Iterator[Finding]:
    """Gaps and doubles in 佐证1…n: over the whole form, or cell by cell when each cell starts anew."""
    places: list[tuple[str, Indicator | None]] = [("legal_basis", None)]
    places += [("evidence", indicator) for indicator in context.form.indicators]
    texts = [context.form.text(key) if indicator is None else indicator.text(key) for key, indicator in places]
    pattern, span = _mark_pattern(context.pack), _span_pattern(context.pack)
    marks = [mark for where, text in enumerate(texts) if text for mark in _marks(text, where, pattern, span)]
    if not marks:
        return
    cells = [context.form.cell(key) if indicator is None else indicator.cell(key) for key, indicator in places]
    all_read = all(cell.problem is None or cell.problem is CellProblem.PICTURE for cell in cells)
    firsts = {mark.where: mark.title for mark in reversed(marks) if mark.number == 1}
    if len(set(firsts.values()) - {""}) > 1:
        runs = [[mark for mark in marks if mark.where == where] for where in sorted({mark.where for mark in marks})]
    else:
        runs = [marks]

    def find(code: str, where: int, **params: str) -> Finding:
        key, indicator = places[where]
        if indicator is None:
            return context.in_field(code, key, **params)
        return context.at(code, indicator, key, **params)

    for run in runs:
        numbers = {mark.number for mark in run}
        last = max(numbers)
        missing = [number for number in range(1, last) if number not in numbers]
        if missing and len(missing) < last / 2 and all_read:
            at = next(mark.where for mark in run if mark.number > missing[0])
            shown = "、".join(_name(number) for number in missing[:_LISTED]) + (
                PHRASES["more"] if missing[_LISTED:] else ""
            )
            yield find("EVD104", at, last=_name(last), missing=shown)
        titles: dict[int, _Mark] = {}
        for mark in run:
            known = titles.setdefault(mark.number, mark)
            if mark.title and known.title and not _same_title(mark.title, known.title):
                key, indicator = places[known.where]
                other = context.name_of(key) if indicator is None else indicator.cell(key).ref
                said = {"mark": _name(mark.number), "first": known.title, "second": mark.title, "other": other}
                yield find("EVD105", mark.where, **said)


def dated(context: ReviewContext) -> Iterator[Finding]:
    """Evidence of a measured result that is dated before the year under review, or long after it."""
    year = context.form.year
    if year is None:
        return
    measured = {group.name for group in context.pack.groups if group.scoring == "measured"}
    for indicator in context.form.indicators:
        text = indicator.text("evidence")
        if "20" not in text or indicator.group not in measured:
            continue
        years = {int(match.group(1)) for match in _YEAR.finditer(text)}
        # What is drawn up after the year's end (the report, the survey) carries the next year.
        if years and not years & {year, year + 1}:
            written = "、".join(PHRASES["year"].format(year=other) for other in sorted(years))
            yield context.at("EVD106", indicator, "evidence", written=written, year=str(year))


def _marks(text: str, where: int, pattern: re.Pattern[str], spans: re.Pattern[str]) -> list[_Mark]:
    marks: list[_Mark] = []
    matches = list(pattern.finditer(text))
    for following, match in enumerate(matches, 1):
        number, end = int(match.group(1)), match.end()
        if not 0 < number <= _MOST:
            continue
        numbers = [number]
        if text[end : end + 1] not in _TITLE_FOLLOWS:
            span = spans.match(text, end)
            if span and number < int(span.group(1)) <= number + _LONGEST_SPAN:
                numbers, end = list(range(number, int(span.group(1)) + 1)), span.end()
            while also := _ALSO.match(text, end):
                numbers.append(int(also.group(1)))
                end = also.end()
        if len(numbers) > 1:
            marks += [_Mark(one, "", where) for one in numbers]
            continue
        stop = matches[following].start() if following < len(matches) else len(text)
        marks.append(_Mark(number, _title(text[end:stop]), where))
    return marks


def _title(text: str) -> str:
    text = text.lstrip()
    if text.startswith(_BEFORE_TITLE):
        text = text[1:].lstrip()
    text = text.replace("\uff1b", ";").replace("。", ";").replace("\n", ";")
    return text.partition(";")[0].strip(_AROUND)


def _name(number: int) -> str:
    return PHRASES["number"].format(number=number)


def _same_title(one: str, other: str) -> bool:
    """Titles as short or long as people repeat them: one within the other is the same."""
    a, b = (_SIGNS.sub("", title) for title in (one, other))
    return a in b or b in a


@lru_cache(maxsize=32)
def _mark_pattern(pack: Pack) -> re.Pattern[str]:
    """佐证3, 佐证材料(3); never matches when the pack names no word for it."""
    words = alternatives(pack.review_words.get("evidence_mark", ()))
    return lazy_pattern(rf"(?:{words})\s*[(\uff08]?(\d{{1,3}})[)\uff09]?(?!\d)" if words else r"(?!)(\d)")


@lru_cache(maxsize=32)
def _span_pattern(pack: Pack) -> re.Pattern[str]:
    """What follows in 佐证1-3 and 佐证1至佐证3."""
    words = alternatives(pack.review_words.get("evidence_mark", ()))
    return lazy_pattern(rf"\s*[-–—~\uff5e至到]+\s*(?:{words})?\s*(\d{{1,3}})(?!\d)")


RULES = (
    Rule(named, ("EVD101", "EVD102")),
    Rule(satisfaction, ("EVD103",)),
    Rule(numbering, ("EVD104", "EVD105")),
    Rule(dated, ("EVD106",)),
)
