"""The form template, compiled once, for both directions.

A pack's `form.xlsx` holds fixed words (labels) and `{{ path }}` placeholders, one plain path per cell, fixed text
around it allowed. The writer puts values where the placeholders stand; the reader finds the same places in a filled
workbook by the words around them. One row, the one with `{{ indicator.… }}`, stands for all indicator rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from perfeval.errors import PackError
from perfeval.files import read_fault
from perfeval.patterns import lazy_pattern
from perfeval.quantity.text import without_blanks
from perfeval.record import record
from perfeval.workbook.blueprint import Appearance, Blueprint, appearance_of, read_blueprint
from perfeval.workbook.grid import Range
from perfeval.workbook.package import BadWorkbook

if TYPE_CHECKING:
    from perfeval.pack import Pack

__all__ = ["COMPUTED", "TABLE_PREFIXES", "Column", "Layout", "Slot", "bare", "compile_layout", "normal", "yearless"]

_PLACEHOLDER = lazy_pattern(r"\{\{\s*([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)\s*\}\}")
_IGNORED = ':\u200b\ufeff"“”*★'  # as blanks are; a star marks what must be filled in
_REMARK = lazy_pattern(r"\s*[(\uff08].*$", re.S)
_BRACKETS = lazy_pattern(r"\([^()]*\)")
_YEAR = lazy_pattern(r"(?<!\d)20\d\d(?!\d)")
_YEAR_WORDS = lazy_pattern(r"(?<!\d)20\d\d(?!\d)年?度?")
COMPUTED = ("total.", "funds.points", "funds.score", "funds.execution_rate")  # places nobody has to fill in
TABLE_PREFIXES = ("level1.", "level2.", "indicator.")


@lru_cache(maxsize=4096)
def normal(text: str) -> str:
    """Words as they are compared: width of characters, blanks, colons, quotes and stars do not matter."""
    return without_blanks(text, _IGNORED).casefold()


@lru_cache(maxsize=4096)
def bare(text: str) -> str:
    """`normal` without remarks in brackets: 权重(%) is 权重; what is all bracket stays as it is."""
    full = normal(text)
    return _BRACKETS.sub("", full) or full


@lru_cache(maxsize=1024)
def yearless(word: str) -> tuple[str, ...]:
    """What compared words are in another year: 2023年度指标值 is 指标值 or 年度指标值. () when no year is in them."""
    found = dict.fromkeys((_YEAR_WORDS.sub("", word), _YEAR.sub("", word)))
    return tuple(other for other in found if other not in (word, ""))


@record(frozen=True, eq=False)
class Slot:
    """One cell of the template: a label, a place for a value, or both."""

    row: int
    column: int
    span: Range
    style: int  # cell format in the template's own style sheet
    text: str = ""  # fixed text of a label; text before the placeholder of a place
    path: str | None = None  # what belongs here; None: a label
    suffix: str = ""  # fixed text after the placeholder

    @property
    def key(self) -> str:
        """The label's words as they are compared."""
        return bare(self.text)

    @property
    def spoken(self) -> tuple[str, str]:
        """The words before and after a value; the same for labels that stand several times."""
        return self.text, self.suffix

    @cached_property
    def is_label(self) -> bool:
        """Whether this is a cell of fixed words; a mark for "nothing goes here" (—) is none."""
        return self.path is None and any(char.isalnum() for char in self.text)

    @cached_property
    def is_anchor(self) -> bool:
        """Whether there are words here that tell the place in a filled workbook."""
        return any(char.isalnum() for char in self.text + self.suffix)


@record(frozen=True, slots=True)
class Column:
    """A column of the indicator table."""

    key: str  # "indicator.target"
    slot: Slot  # its cell in the indicator row
    headers: tuple[str, ...]  # header words from the top down, normalised
    title: str  # the words a clerk sees at its head
    words: frozenset[str]  # normalised words any of which means this column


@record(frozen=True, eq=False)
class Layout:
    """The compiled form of one pack."""

    pack: Pack
    sheet: str
    blueprint: Blueprint
    slots: tuple[Slot, ...]  # every non-blank cell, in reading order
    header_top: int  # first header row of the indicator table
    indicator_row: int
    total_row: int
    columns: Mapping[str, Column]
    labels: Mapping[str, frozenset[str]] = field(repr=False)  # label → its spellings, normalised
    above: Mapping[Slot, Slot] = field(repr=False)  # place → the label above it, where only that tells it from others

    @cached_property
    def appearance(self) -> Appearance:
        """How the form looks; PackError when that cannot be read."""
        with _faults_of(self.pack):
            return appearance_of(self.blueprint)

    @cached_property
    def last_column(self) -> int:
        """Rightmost column of the form."""
        return max(slot.span.right for slot in self.slots)

    @cached_property
    def last_row(self) -> int:
        """Last row of the template."""
        return max(self.blueprint.rows)

    @cached_property
    def by_row(self) -> Mapping[int, tuple[Slot, ...]]:
        """Slots of each row."""
        rows: dict[int, list[Slot]] = {}
        for slot in self.slots:
            rows.setdefault(slot.row, []).append(slot)
        return {row: tuple(slots) for row, slots in rows.items()}

    @cached_property
    def anchors(self) -> Mapping[int, tuple[tuple[Slot, int], ...]]:
        """Cells of each row whose words tell the place in a filled workbook, with how many letters say so."""
        return {
            row: tuple((slot, len(slot.text) + len(slot.suffix)) for slot in slots if slot.is_anchor)
            for row, slots in self.by_row.items()
        }

    @cached_property
    def signs(self) -> Mapping[int, frozenset[str]]:
        """Row → the marks printed there that are neither words nor places (—); rows without any are left out."""
        found: dict[int, set[str]] = {}
        for slot in self.slots:
            if slot.path is None and not slot.is_label:
                found.setdefault(slot.row, set()).add(slot.key)
        return {row: frozenset(signs) for row, signs in found.items()}

    @cached_property
    def guides(self) -> Mapping[Slot, tuple[Slot, ...]]:
        """Place → the labels that lead to it: the one before it and, where that stands in several rows (市本级), those
        before that, up to one that stands nowhere else. A place with words of its own needs none."""
        count: dict[str, int] = {}
        for slot in self.slots:
            if slot.is_label:
                count[slot.key] = count.get(slot.key, 0) + 1
        found = {}
        for row, slots in self.by_row.items():
            for number, slot in enumerate(slots):
                if slot.path is None or slot.is_anchor or row in (self.indicator_row, self.total_row):
                    continue
                leading: list[Slot] = []
                for label in reversed(slots[:number]):
                    if label.is_label and (not leading or count[leading[-1].key] > 1):
                        leading.append(label)
                found[slot] = tuple(leading)
        return found

    @cached_property
    def places(self) -> Mapping[str, Slot]:
        """Header and narrative places by path (a path that stands several times: its first place)."""
        found: dict[str, Slot] = {}
        for slot in self.slots:
            if slot.path and not slot.path.startswith((*TABLE_PREFIXES, "total.")):
                found.setdefault(slot.path, slot)
        return found

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """Keys of the narrative sections in the order of the form."""
        return tuple(path.removeprefix("narrative.") for path in self.places if path.startswith("narrative."))

    @cached_property
    def items(self) -> Mapping[str, tuple[int, ...]]:
        """Word → the labels and columns it may stand for, by number; their share tells whether a sheet is this form."""
        found: dict[str, list[int]] = {}
        labels = [self.labels[s.text] for s in self.slots if s.is_label and not self._in_header(s)]
        columns = [column.words | {column.headers[-1]} for column in self.columns.values() if column.headers]
        for number, words in enumerate((*labels, *columns)):
            for word in words:
                found.setdefault(word, []).append(number)
        return {word: tuple(numbers) for word, numbers in found.items()}

    @cached_property
    def item_count(self) -> int:
        """How many labels and columns the form has."""
        return len({number for numbers in self.items.values() for number in numbers})

    def _in_header(self, slot: Slot) -> bool:
        return self.header_top <= slot.row < self.indicator_row

    @cached_property
    def side_words(self) -> frozenset[str]:
        """Words in the header rows that stand over no column, such as a caption down the left edge."""
        return frozenset(s.key for s in self.slots if s.is_label and self._in_header(s)) - self.header_words

    @cached_property
    def own_words(self) -> frozenset[str]:
        """What is printed on the form, also in its table: tells it from forms that are nearly the same."""
        words = {slot.key for slot in self.slots if slot.is_label}
        for group in self.pack.groups:
            words |= {bare(group.name), *(bare(kind.name) for kind in group.kinds)}
            if group.printed is not None:
                words.add(normal(group.printed))
        return frozenset(words)

    @cached_property
    def header_words(self) -> frozenset[str]:
        """Words that may stand in the header of the indicator table."""
        return frozenset(self.heading_columns)

    @cached_property
    def heading_columns(self) -> Mapping[str, tuple[str, ...]]:
        """Word of the header → keys of the columns it means by itself; () for one that only leads to others."""
        found: dict[str, tuple[str, ...]] = {}
        for key, column in self.columns.items():
            for word in column.headers:
                found.setdefault(word, ())
            for word in column.words:
                found[word] = (*found.get(word, ()), key)
        return found


def compile_layout(pack: Pack) -> Layout:
    """Read a pack's form.xlsx. Raises PackError when it cannot be read, has no indicator row or a wrong placeholder."""
    with _faults_of(pack):
        blueprint = read_blueprint(pack.form_path.read_bytes())
    slots = tuple(_slot(pack, blueprint, row, column, text) for (row, column), text in sorted(blueprint.texts.items()))
    indicator_rows = {slot.row for slot in slots if slot.path and slot.path.startswith(TABLE_PREFIXES)}
    total_rows = {slot.row for slot in slots if slot.path and slot.path.startswith("total.")}
    if len(indicator_rows) != 1 or len(total_rows) != 1:
        raise PackError(
            f"{pack.form_path}:应有且只有一行指标行({{{{ indicator.name }}}} 等)和一行合计行({{{{ total.score }}}})。"
        )
    indicator_row, total_row = indicator_rows.pop(), total_rows.pop()
    if total_row <= indicator_row:
        raise PackError(f"{pack.form_path}:合计行应在指标行的下面。")
    header_top = _header_top(slots, indicator_row)
    columns = {
        slot.path: _column(slot, slots, header_top, pack) for slot in slots if slot.row == indicator_row and slot.path
    }
    aliases = {bare(label): words for label, words in reversed(tuple(pack.labels.items()))}
    labels = {
        slot.text: frozenset(_spellings((slot.text, *aliases.get(slot.key, ()))))
        for slot in slots
        if slot.is_label or slot.is_anchor
    }
    above = _labels_above(slots, range(header_top, total_row + 1))
    return Layout(pack, blueprint.sheet, blueprint, slots, header_top, indicator_row, total_row, columns, labels, above)


@contextmanager
def _faults_of(pack: Pack) -> Iterator[None]:
    """What is wrong with a form is a fault of the pack, not of the clerk whose file is being read."""
    try:
        yield
    except BadWorkbook as bad:
        raise PackError(f"{pack.form_path}:{bad.finding().message}") from bad
    except OSError as error:
        raise PackError(f"{pack.form_path}:{read_fault(error, pack.form_path).message}") from error
    except (AssertionError, LookupError, ValueError) as error:  # another format, or not as any program writes it
        advice = "这不是可以使用的 .xlsx 文件。请用 Excel 或 WPS 打开后另存为 .xlsx。"
        raise PackError(f"{pack.form_path}:{advice}") from error


def _slot(pack: Pack, blueprint: Blueprint, row: int, column: int, text: str) -> Slot:
    span = blueprint.span(row, column)
    style = blueprint.styles.get((row, column), 0)
    match = _PLACEHOLDER.search(text)
    if match is None:
        if "{{" in text or "}}" in text:
            raise PackError(
                f"{pack.form_path}:{span.ref} 的占位符「{text}」无法识别,应写成 {{{{ unit_name }}}} 这样的形式。"
            )
        return Slot(row, column, span, style, text)
    return Slot(row, column, span, style, text[: match.start()], match.group(1), text[match.end() :])


def _spellings(words: Iterable[str]) -> set[str]:
    keys = {bare(word) for word in words}
    return keys | {other for key in keys for other in yearless(key)}


def _header_top(slots: tuple[Slot, ...], indicator_row: int) -> int:
    """First of the label-only rows right above the indicator row; a row that is one single cell is a caption."""
    top = indicator_row
    while top > 1:
        above = [slot for slot in slots if slot.span.top <= top - 1 <= slot.span.bottom]
        if len(above) < 2 or any(slot.path for slot in above):
            break
        top -= 1
    return top


def _labels_above(slots: tuple[Slot, ...], table: range) -> dict[Slot, Slot]:
    """Places that share their row with others, or with no label at all, and the label above each."""
    rows: dict[int, list[Slot]] = {}
    for slot in slots:
        rows.setdefault(slot.row, []).append(slot)
    found = {}
    for row, inside in rows.items():
        if row in table or any((slot.path or "").startswith("narrative.") for slot in inside):
            continue
        for number, slot in enumerate(inside):
            if slot.path is None or slot.is_anchor:
                continue
            neighbours = [*_until_label(reversed(inside[:number])), *_until_label(inside[number + 1 :])]
            if not neighbours and any(other.is_label for other in inside):
                continue
            over = [
                other
                for other in slots
                if other.is_label and other.row < row and other.row not in table and other.column == slot.column
            ]
            if over:
                found[slot] = max(over, key=lambda other: other.row)
    return found


def _until_label(slots: Iterable[Slot]) -> list[Slot]:
    """The places before the first label."""
    places = []
    for slot in slots:
        if slot.is_label or (slot.path and slot.is_anchor):
            break
        if slot.path:
            places.append(slot)
    return places


def _column(slot: Slot, slots: tuple[Slot, ...], header_top: int, pack: Pack) -> Column:
    above = [
        other
        for other in slots
        if header_top <= other.row < slot.row and other.span.left <= slot.column <= other.span.right
    ]
    headers = tuple((*yearless(other.key), other.key)[0] for other in above)
    assert slot.path is not None
    words = frozenset(_spellings(pack.columns.get(slot.path, ())))
    lowest = above[-1] if above else slot
    single = lowest.span.left == lowest.span.right and len(above) == 1
    own = frozenset(_spellings([lowest.text])) if single else frozenset()
    title = _REMARK.sub("", lowest.text) or lowest.text
    leaves = [other.text for other in slots if other.row == lowest.row and header_top <= other.row < slot.row]
    if len(above) > 1 and leaves.count(lowest.text) > 1:
        title = _REMARK.sub("", above[-2].text) + title
    return Column(slot.path, slot, headers, title.replace("\n", ""), words | own)
