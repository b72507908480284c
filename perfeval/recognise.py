"""Which sheets of a workbook hold a form, and of which pack: told by the words printed on the form, never guessed.

First by how many of a form's labels and columns stand in the sheet. Forms that are nearly the same, such as a pack and
one that extends it, are then told apart by the words that only one of them prints, those in its table included; where
these say nothing, by the kinds and weights that somebody filled in, or by the year written on the form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from perfeval.findings import Finding
from perfeval.labels import Words, likeness, nearest, words_of
from perfeval.layout import Layout, normal
from perfeval.numbers import exact_sum
from perfeval.patterns import lazy_pattern
from perfeval.reader import read_form
from perfeval.record import record
from perfeval.workbook.grid import Book, Sheet

__all__ = ["Recognised", "recognise"]

_SURE = 0.5  # share of a form's words above which a sheet is that form
_ALMOST = 0.2  # share above which a hint names the sheet
_CLOSE = 0.08  # two packs nearer than this are told apart by their own words
_LEAD = 0.5  # by how much the share of own words must differ where both have some
_LONGEST = 40  # characters of a printed name
_MISPLACED = ("TPL025", "TPL028")  # a group or kind the pack does not have
_YEAR = lazy_pattern(r"(?<!\d)(20\d\d)\s*年?度")


@record(frozen=True, slots=True)
class Recognised:
    """A sheet that holds a form."""

    sheet: Sheet
    layout: Layout
    words: Words


@record(frozen=True, slots=True)
class _Choice:
    layout: Layout | None  # None: cannot be told
    rival: Layout | None  # came close enough to be named


def recognise(
    book: Book, layouts: Sequence[Layout], known: Mapping[str, str] | None = None
) -> tuple[list[Recognised], list[Finding]]:
    """The sheets that hold a form, each with its layout; otherwise a finding says what came nearest.

    `known` says of sheets which pack they were written with, by name: it decides where the words leave a choice. A form
    whose pack is not among those of `layouts` is left alone: another one would score it by other rules.
    """
    ids = {layout.pack.id for layout in layouts}
    chosen: list[Recognised] = []
    findings: list[Finding] = []
    best: tuple[float, Sheet, Layout] | None = None
    for sheet in book.sheets:
        if sheet.state != "visible":
            continue
        words = words_of(sheet)
        shares = sorted(((likeness(words, layout), layout) for layout in layouts), key=lambda pair: -pair[0])
        share, layout = shares[0]
        if best is None or share > best[0]:
            best = (share, sheet, layout)
        if share < _SURE:
            continue
        recorded = (known or {}).get(sheet.name, "")
        if recorded and recorded not in ids:
            params = {"pack": recorded, "near": layout.pack.id}
            findings.append(Finding("TPL038", sheet=sheet.name, params=params))
            continue
        close = [other for value, other in shares if share - value < _CLOSE and value >= _SURE]
        choice = _Choice(layout, None) if len(close) == 1 else _told_apart(sheet, words, close, known or {})
        if choice.layout is None:
            names = [rival.pack.id for rival in close]
            params = {"candidates": "、".join(names), "first": names[0]}
            findings.append(Finding("TPL021", sheet=sheet.name, params=params))
            continue
        if choice.rival is not None:
            pack, other = choice.layout.pack, choice.rival.pack
            params = {"pack": pack.title, "other": other.title, "id": other.id}
            findings.append(Finding("TPL031", sheet=sheet.name, params=params))
        chosen.append(Recognised(sheet, choice.layout, words))
    if not chosen and not findings:
        hint = _hidden_form(book, layouts) or (_nearly(*best) if best else "") or _almost_named(book, layouts)
        findings.append(Finding("TPL020", params={"hint": hint}))
    return chosen, findings


def _hidden_form(book: Book, layouts: Sequence[Layout]) -> str:
    """A form on a hidden sheet is not what was handed in, but most likely what was meant."""
    for sheet in book.sheets:
        if sheet.state == "hidden":
            words = words_of(sheet)
            if any(likeness(words, layout) >= _SURE for layout in layouts):
                return f"工作表“{sheet.name}”像是自评表,但它是隐藏的;如果就是它,请取消隐藏并保存后再处理。"
    return ""


def _nearly(share: float, sheet: Sheet, layout: Layout) -> str:
    if share < _ALMOST:
        return ""
    return f"工作表“{sheet.name}”与「{layout.pack.title}」有{round(share * 100)}%的表头文字相同,还不足以确认。"


def _almost_named(book: Book, layouts: Sequence[Layout]) -> str:
    """A sheet that is called like the form, without what makes it one."""
    names = {(sheet.name, layout.sheet) for sheet in book.sheets for layout in layouts if sheet.state == "visible"}
    for name, wanted in sorted(names):
        if nearest((wanted,), {(1, 1): name}, 0.6):
            return f"工作表“{name}”的名称像“{wanted}”,但里面没有自评表的表头文字。"
    return ""


def _told_apart(sheet: Sheet, words: Words, close: Sequence[Layout], known: Mapping[str, str]) -> _Choice:
    """The one of several layouts that is nearer to the sheet than each of the others."""
    for layout in close:
        if known.get(sheet.name) == layout.pack.id:
            return _Choice(layout, None)
    present = words.keys() | _bracketed(sheet)
    for layout in close:
        others = [rival for rival in close if rival.own_words != layout.own_words]
        verdicts = {rival: _nearer(layout, rival, present) for rival in others}
        if any(verdict is None for verdict in verdicts.values()):
            continue
        doubtful = next((rival for rival, verdict in verdicts.items() if not verdict), None)
        twins = [twin for twin in close if twin.own_words == layout.own_words]
        return _Choice(layout if len(twins) == 1 else _of_its_year(words, twins), doubtful)
    fitting = [layout for layout in close if _fits(sheet, layout, words)]
    rival = next((layout for layout in close if layout not in fitting), None)
    return _Choice(fitting[0] if len(fitting) == 1 else None, rival)


def _fits(sheet: Sheet, layout: Layout, words: Words) -> bool:
    """Whether what is filled in keeps to the pack: known kinds, and weights that come to the points of their groups."""
    pack = layout.pack
    form, findings = read_form(sheet, layout, words)
    if not form.indicators or any(finding.code in _MISPLACED for finding in findings):
        return False
    for group in pack.groups:
        if group.weights != "stated" or group.points_with is not None:
            continue
        members = {member.name for member in pack.sharing(group)}
        weights = [i.stated_weight for i in form.indicators if i.group in members]
        if exact_sum(Fraction(weight) for weight in weights if weight is not None) != group.points:
            return False
    return any(group.weights == "stated" for group in pack.groups)


def _nearer(layout: Layout, rival: Layout, present: set[str]) -> bool | None:
    """Whether the sheet is rather `layout` than `rival`: True surely, False probably, None not."""
    ours, theirs = layout.own_words - rival.own_words, rival.own_words - layout.own_words
    found, against = len(ours & present), len(theirs & present)
    if found and not against:
        return True
    if found and found / len(ours) - against / len(theirs) >= _LEAD:
        return False
    if not against and not ours and theirs:
        return False  # everything it prints is there, while all that only the other one prints is missing
    return None


def _bracketed(sheet: Sheet) -> set[str]:
    """Short texts with a remark in brackets, whole: 产出指标(50分)."""
    texts = (cell.text for cell in sheet.cells.values())
    return {normal(text) for text in texts if ("(" in text or "\uff08" in text) and len(text) <= _LONGEST}


def _of_its_year(words: Words, close: Sequence[Layout]) -> Layout | None:
    """The only layout whose pack is for the year the form names, among packs that print the same words."""
    years = {int(year) for word in words for year in _YEAR.findall(word)}
    fitting = [layout for layout in close if layout.pack.year in years]
    return fitting[0] if len(fitting) == 1 else None
