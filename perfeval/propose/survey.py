"""Looks through a blank form for what its cells are for, and plans the placeholders to be put there.

Everything rests on words that known packs use. A label nobody knows gets a place with a made-up name, so that what
is typed there is kept; what stays unclear is noted for the author.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from perfeval import quantity
from perfeval.layout import bare
from perfeval.model import Cell
from perfeval.propose.vocabulary import Vocabulary
from perfeval.quantity.text import fold
from perfeval.workbook.grid import Sheet, column_letter

__all__ = ["Survey", "survey"]

_LONGEST_LABEL = 24  # characters; longer texts are explanations
_TITLE_ROWS = 4
_PRINTED = "funds.points"  # a place whose number stands in the blank form
_YEAR = re.compile(r"(?:20\d\d|[XxX×*_\u3000\s]*)(?=年度)")
_NUMBERED = re.compile(r"\s*(?:[一二三四五六七八九十]+、|[(\uff08][一二三四五六七八九十\d]+[)\uff09]|\d+[.、\uff0e])")
_BRACKET_HINT = re.compile(r"[(\uff08][^()\uff08\uff09]*[)\uff09]")


@dataclass
class Survey:
    """What was found in a form."""

    sheet: Sheet
    header: range = range(0)  # header rows of the indicator table
    columns: dict[str, int] = field(default_factory=dict)  # column key → column
    titles: dict[str, str] = field(default_factory=dict)  # column key → its header words here, without remarks
    data: range = range(0)  # rows of the indicator table
    texts: dict[tuple[int, int], str] = field(default_factory=dict)  # what is to be written
    paths: list[str] = field(default_factory=list)  # places for header fields and sections
    sections: dict[str, str] = field(default_factory=dict)  # narrative section → its heading
    crossed: set[int] = field(default_factory=set)  # rows of labels that stand above places
    headings: set[tuple[int, int]] = field(default_factory=set)  # where these stand
    left: list[str] = field(default_factory=list)  # what the author has to do, in sentences

    def place(self, position: tuple[int, int], path: str, before: str = "", after: str = "") -> None:
        """Plan a placeholder."""
        self.texts[position] = f"{before}{{{{ {path} }}}}{after}"
        self.paths.append(path)

    def is_free(self, position: tuple[int, int]) -> bool:
        """Whether nothing but a hint stands there and nothing is planned."""
        cell = self.sheet.cells.get(position)
        return position not in self.texts and (cell is None or not cell or quantity.is_placeholder(cell.text))


def survey(sheet: Sheet, words: Vocabulary) -> Survey:
    """Find the indicator table and all places around it; without a table only `left` says so."""
    found = Survey(sheet)
    if not _find_header(found, words) or not _find_end(found, words):
        return found
    _stamp_table(found, words)
    top = range(1, found.header.start)
    below = range(found.data.stop + 1, sheet.last_row + 1)
    _find_inside(found, words, top)
    _crossings(found, words, top)
    _find_sections(found, words, below)
    for rows in (top, below):
        _find_labelled(found, words, rows)
    return found


# ---- the indicator table --------------------------------------------------------------------------------------------


def _find_header(found: Survey, words: Vocabulary) -> bool:
    sheet = found.sheet
    hits: dict[int, set[str]] = {}
    for (row, _), cell in sheet.cells.items():
        key = words.columns.get(bare(cell.text))
        if key is not None:
            hits.setdefault(row, set()).add(key)
    core = max(hits, key=lambda row: (len(hits[row]), -row), default=None)
    if core is None or len(hits[core]) < 3:
        found.left.append(
            "没有找到指标表的表头(一级指标、三级指标、指标值、完成值、得分等)。请先在表样里写上这些表头文字。"
        )
        return False
    known = {row for (row, _), cell in sheet.cells.items() if bare(cell.text) in words.header_words}
    heads = [
        position for position, cell in sheet.cells.items() if position[0] == core and bare(cell.text) in words.columns
    ]
    top, bottom = core, max(sheet.span(*position).bottom for position in heads)
    while top - 1 in known and core - top < 3:
        top -= 1
    while bottom + 1 in known and bottom - top < 4:
        bottom += 1
    found.header = range(top, bottom + 1)
    _find_columns(found, words)
    for key, word in (("indicator.name", "三级指标"), ("indicator.target", "指标值"), ("indicator.actual", "完成值")):
        if key not in found.columns:
            found.left.append(
                f"没有认出“{word}”一列。请在 form.xlsx 的指标行写入 {{{{ {key} }}}},并把它的表头文字写进 [columns]。"
            )
    if "indicator.score" not in found.columns:
        found.left.append("没有认出“得分”一列。请在 form.xlsx 的指标行写入 {{ indicator.score }}。")
    return "indicator.name" in found.columns


def _find_columns(found: Survey, words: Vocabulary) -> None:
    sheet = found.sheet
    last = max(sheet.span(*p).right for p in sheet.cells if p[0] in found.header)
    seen: set[tuple[tuple[int, int], ...]] = set()
    weights: list[tuple[int, tuple[str, ...]]] = []
    heads: dict[str, tuple[str, ...]] = {}  # column key → header texts from the top down
    for column in range(1, last + 1):
        anchors = tuple(dict.fromkeys(sheet.anchor(row, column) for row in found.header))
        anchors = tuple(anchor for anchor in anchors if anchor in sheet.cells)
        if not anchors or anchors in seen:
            continue
        seen.add(anchors)
        texts = tuple(sheet.cells[anchor].text for anchor in anchors)
        path = tuple(bare(text) for text in texts)
        key = words.column_paths.get(path) or words.columns.get(path[-1])
        if key is None:
            if sheet.span(*anchors[0]).bottom in found.header:  # else a caption down the side of the table
                where = f"{column_letter(column)} 列“{texts[-1].strip()}”"
                found.left.append(f"没有认出 {where}。需要读取的,请在指标行写入占位符,并把表头文字写进 [columns]。")
        elif key.endswith(".weight"):
            weights.append((column, texts))
        else:
            found.columns.setdefault(key, column)
            heads.setdefault(key, texts)
    names = sorted((column, key) for key, column in found.columns.items() if key.endswith(".name"))
    for column, texts in weights:
        before = [key for at, key in names if at < column]
        key = (before[-1] if before and len(weights) > 1 else "indicator.name").replace(".name", ".weight")
        found.columns.setdefault(key, column)
        heads.setdefault(key, texts)
    lowest = [texts[-1] for texts in heads.values()]
    for key, texts in heads.items():
        words_above = texts[-2:] if lowest.count(texts[-1]) > 1 else texts[-1:]
        title = "".join("".join(words_above).split())
        found.titles[key] = _BRACKET_HINT.sub("", title) or title


def _find_end(found: Survey, words: Vocabulary) -> bool:
    """The total row: the table ends above it."""
    below = sorted(
        position
        for position, cell in found.sheet.cells.items()
        if position[0] >= found.header.stop
        and position[1] <= found.columns["indicator.name"]
        and bare(cell.text) in words.totals
    )
    if not below or below[0][0] == found.header.stop:
        found.left.append("没有找到“总分”或“合计”一行。请在指标表最后加一行合计,再重新运行。")
        return False
    found.data = range(found.header.stop, below[0][0])
    return True


def _stamp_table(found: Survey, words: Vocabulary) -> None:
    sheet, first, total = found.sheet, found.data.start, found.data.stop
    for column in range(1, max(sheet.last_column, *found.columns.values()) + 1):
        if sheet.anchor(first, column) == (first, column):
            found.texts[first, column] = ""
    for key, column in found.columns.items():
        found.texts[first, column] = f"{{{{ {key} }}}}"
    for key in ("level1.weight", "level2.weight", "indicator.weight", "indicator.score"):
        if key in found.columns:
            position = sheet.anchor(total, found.columns[key])
            cell = sheet.cells.get(position)
            if cell is None or bare(cell.text) not in words.totals:
                found.texts[position] = "{{ total.score }}" if key.endswith("score") else "{{ total.weight }}"


# ---- around the table -----------------------------------------------------------------------------------------------


def _find_inside(found: Survey, words: Vocabulary, rows: range) -> None:
    """Places with words around them in their own cell: 「填报单位名称:」, 「(XXXX年度)」."""
    for position, cell in sorted(found.sheet.cells.items()):
        if position[0] not in rows or position in found.texts:
            continue
        for before, after, path in words.inside:
            parts = _around(cell.text, before, after) if path not in found.paths else None
            if parts is not None:
                found.place(position, path, *parts)
                break
    if "year" not in found.paths:
        _find_year(found, rows)


def _around(text: str, before: str, after: str) -> tuple[str, str] | None:
    """What stands before and after the blank in a cell with these words; None when something else stands there."""
    folded = fold(text)
    start = len(folded) - len(folded.lstrip()) + len(before)
    end = len(folded.rstrip()) - len(after)
    if start > end or not folded[:start].endswith(fold(before)) or not folded[end:].startswith(fold(after)):
        return None
    blank = text[start:end].strip(" \u3000_<>\u300a\u300b")
    return (text[:start], text[end:]) if not blank or quantity.is_placeholder(text[start:end]) else None


def _find_year(found: Survey, rows: range) -> None:
    """A year left open or printed in the title."""
    for position, cell in sorted(found.sheet.cells.items()):
        if position[0] in rows and position[0] <= _TITLE_ROWS and position not in found.texts:
            match = _YEAR.search(cell.text)
            if match is not None and match.end() > match.start():
                found.place(position, "year", cell.text[: match.start()], cell.text[match.end() :])
                return


def _crossings(found: Survey, words: Vocabulary, rows: range) -> None:
    """Places under known labels, in the rows of known labels: 年度资金总额 × 全年预算数."""
    sheet, heads = found.sheet, words.heads
    for (row, column), cell in sorted(sheet.cells.items()):
        above = bare(cell.text)
        if row not in rows or above not in heads:
            continue
        for under in range(sheet.span(row, column).bottom + 1, rows.stop):
            labels = [bare(other.text) for _, other in _labels(found, under) if other]
            if above in labels:
                break
            position = sheet.anchor(under, column)
            nearest = next((bare(o.text) for p, o in reversed(list(_labels(found, under))) if p[1] < column), "")
            path = words.crossings.get((nearest, above))
            printed = path == _PRINTED and position in sheet.cells and sheet.cells[position].number is not None
            if path is not None and (printed or found.is_free(position)):
                found.place(position, path)
                found.crossed.add(row)
            elif not nearest:
                break


def _find_labelled(found: Survey, words: Vocabulary, rows: range) -> None:
    """Places to the right of a label, or behind the colon in its own cell."""
    sheet, edge = found.sheet, found.sheet.last_column
    edge = max([edge, *(sheet.span(*p).right for p in sheet.cells if p[0] in found.header)])
    for row in rows:
        labels = list(_labels(found, row))
        if row in found.crossed:
            continue
        for number, (position, cell) in enumerate(labels):
            if position in found.texts or position in found.headings or _NUMBERED.match(cell.text):
                continue
            chain = [bare(other.text) for _, other in reversed(labels[: number + 1])]
            path = next(
                (words.leads[key] for n in range(len(chain), 0, -1) if (key := tuple(chain[:n])) in words.leads), None
            )
            right = sheet.anchor(row, sheet.span(*position).right + 1)
            beside = right[1] <= edge and right[0] == row and found.is_free(right)
            if path in found.paths:
                path = None
            if beside:
                found.place(right, path or _made_up(found, cell.text))
            elif cell.text.rstrip().endswith((":", "\uff1a")) and position not in found.texts:
                found.place(position, path or _made_up(found, cell.text), cell.text.rstrip())


def _made_up(found: Survey, label: str) -> str:
    path = f"field_{sum(known.startswith('field_') for known in found.paths) + 1}"
    found.left.append(
        f"“{' '.join(label.split())}”旁边用了自取的名称 {{{{ {path} }}}};可以改成更好懂的名称,不影响读写。"
    )
    return path


def _find_sections(found: Survey, words: Vocabulary, rows: range) -> None:
    """Narrative sections: a heading, and a blank cell below it."""
    sheet = found.sheet
    for row in rows:
        for position, cell in _labels(found, row):
            known = words.headings.get(bare(cell.text))
            if known is None and not _NUMBERED.match(cell.text):
                continue
            under = sheet.anchor(sheet.span(*position).bottom + 1, position[1])
            if under[0] <= row or not found.is_free(under) or sheet.span(*under).right <= under[1]:
                continue
            section = known[0] if known is not None else f"section_{len(found.sections) + 1}"
            if section in found.sections:
                section = f"section_{len(found.sections) + 1}"
            found.sections[section] = " ".join(cell.text.split())
            found.headings.add(position)
            found.place(under, f"narrative.{section}")
            break


def _labels(found: Survey, row: int) -> Iterator[tuple[tuple[int, int], Cell]]:
    """Short texts of a row from left to right that may be labels."""
    for position, cell in sorted((p, c) for p, c in found.sheet.cells.items() if p[0] == row):
        text = _BRACKET_HINT.sub("", cell.text).strip()
        short = cell.number is None and any(char.isalpha() for char in text) and len(text) <= _LONGEST_LABEL
        if short and not quantity.is_placeholder(cell.text):
            yield position, cell
