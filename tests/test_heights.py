"""The printed page as the judge of heights and pages: every finished sample and every blank form, through LibreOffice.

LibreOffice without the official fonts takes a digit – the unit of column widths – for wider than Excel does. So the
columns of a copy are first made as wide as Excel shows them; heights, texts and formats are those of the finished file.
"""

from __future__ import annotations

import html
import io
import re
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from perfeval.assemble import form_workbook
from perfeval.calculator import evaluate
from perfeval.model import Cell
from perfeval.pack import load_pack
from perfeval.pipeline import Outcome, blank_form, layout_of
from perfeval.reader import read_form
from perfeval.workbook.textfit import MAX_HEIGHT
from tests.support.foreign import members, with_members
from tests.support.office import convert, convert_all, requires_office
from tests.support.paper import Paper

PACKS = ("jiangmen-2024", "mof-2020", "mof-2021-cost", "mof-split-2022")
LINE = 1.456  # em from line to line in LibreOffice's print
MARGIN = 14.4  # points of the measured page, on every side
PAPER, PAPER_SIZE = "66", (1683.8, 1190.6)  # A2, lying: room for every page at its natural size
PARAGRAPHS = (
    "2024年,本单位围绕年度目标推进各项工作,资金支出257.33万元,执行率83.13%;受市场环境等因素影响,个别项目进度放缓。",
    "一是完善制度,印发《2024年度专项资金管理办法》(粤财〔2024〕1号),明确“谁使用、谁负责”的要求;二是加强监督。",
    "招商推介活动支出用于在重点城市举办专题推介会4场次,考察拜访企业105家,获得10亿元以上有效线索7条;驻点招商支出用于人员办公和差旅。",
)
# Printed pages of every file: those of the form, and those of the list of problems.
PAGES = {
    "公交运营补贴.xlsx": (4, 1),
    "公共图书馆免费开放.xlsx": (4, 0),
    "农产品质量检测.xlsm": (4, 1),
    "农村公路养护.ods": (4, 1),
    "动物疫病防控.et": (4, 0),
    "妇幼健康服务.xlsx": (4, 1),
    "招商引资专项经费.xlsx": (4, 1),
    "文艺下乡演出.xlsx": (4, 1),
    "校舍安全排查.xlsx": (4, 1),
    "课后服务补助.xlsx": (4, 2),
    "非遗保护专项.xlsx": (4, 1),
    "高标准农田建设.xls": (4, 0),
    "blank jiangmen-2024": (5, 0),
    "blank mof-2020": (1, 0),
    "blank mof-2021-cost": (2, 0),
    "blank mof-split-2022": (3, 0),
    "told jiangmen-2024": (6, 0),
    "told mof-2020": (1, 0),
    "told mof-2021-cost": (1, 0),
    "told mof-split-2022": (2, 0),
}


def telling(paragraphs: int) -> str:
    """A text of several paragraphs."""
    return "\n".join(PARAGRAPHS[number % 3] for number in range(paragraphs))


@dataclass(frozen=True, slots=True)
class Printable:
    """A workbook with a form."""

    data: bytes
    pack: str


@pytest.fixture(scope="module")
def books(finished: Mapping[str, Outcome]) -> dict[str, Printable]:
    """Every finished sample; of every pack the blank form, and one with long texts in its header and narrative."""
    found = {
        name: Printable(o.output.read_bytes(), o.forms[0].pack.id) for name, o in sorted(finished.items()) if o.output
    }
    for name in PACKS:
        pack = load_pack(name)
        blank = blank_form(pack)
        found[f"blank {name}"] = Printable(blank, name)
        layout = layout_of(pack)
        form, _ = read_form(Paper.of(blank).sheet(), layout)
        goals = {path: Cell(cell.ref, telling(3)) for path, cell in form.fields.items() if path.startswith("goal.")}
        form = replace(form, fields={**form.fields, **goals})
        narrative = {key: telling(2 + 3 * number) for number, key in enumerate(layout.sections)}
        told = form_workbook(layout, form, evaluate(form, pack)[0], narrative)
        found[f"told {name}"] = Printable(told, name)
    return found


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Points that LibreOffice gives to one unit of column width in a workbook whose Normal font is 宋体 11."""
    folder = tmp_path_factory.mktemp("unit")
    (folder / "form.xlsx").write_bytes(blank_form(load_pack("jiangmen-2024")))
    width = openpyxl.load_workbook(folder / "form.xlsx").worksheets[0].column_dimensions["K"].width
    content = zipfile.ZipFile(convert(folder / "form.xlsx", "ods", folder / "ods")).read("content.xml").decode()
    widest = max(map(float, re.findall(r'column-width="([\d.]+)in"', content)))
    return widest * 72 / width


def with_widths(data: bytes, unit: float, digit: int) -> bytes:
    """The workbook with columns as wide in LibreOffice as in Excel, where a digit has `digit` pixels."""

    def scaled(match: re.Match[bytes]) -> bytes:
        pixels = int((256 * float(match[2]) + 128 / digit) / 256 * digit)
        return b"%s%.4f" % (match[1], pixels * 0.75 / unit)

    def sheet(xml: bytes) -> bytes:
        return re.sub(rb'(<col\b[^>]*\bwidth=")([\d.]+)', scaled, xml)

    return with_members(data, {name: sheet for name in members(data) if name.startswith("xl/worksheets/sheet")})


def on_large_paper(data: bytes) -> bytes:
    """The workbook printed page by page, but on paper that needs no scaling, and without anything repeated."""
    setup = (
        '<pageMargins left="0.2" right="0.2" top="0.2" bottom="0.2" header="0" footer="0"/>'
        f'<pageSetup paperSize="{PAPER}" orientation="landscape"/>'
    )
    gone = rb"<(headerFooter)\b.*?</\1>|<printOptions[^>]*/>|<pageSetUpPr[^>]*/>|<pageMargins[^>]*/>"

    def sheet(xml: bytes) -> bytes:
        xml = re.sub(gone, b"", xml, flags=re.S)
        return re.sub(rb"<pageSetup[^>]*/>", setup.encode(), xml)

    changes = {name: sheet for name in members(data) if name.startswith("xl/worksheets/sheet")}
    names = re.compile(rb"<definedNames>.*?</definedNames>", re.S)
    return with_members(data, {**changes, "xl/workbook.xml": lambda xml: names.sub(b"", xml)})


def printed(books: Mapping[str, bytes], folder: Path) -> dict[str, list[list[Word]]]:
    """The words on every page of every book."""
    folder.mkdir()
    paths = {name: folder / f"{number:02}.xlsx" for number, name in enumerate(books)}
    for name, path in paths.items():
        path.write_bytes(books[name])
    pdfs = convert_all(paths.values(), "pdf", folder / "pdf")
    return {name: words_of(pdf) for name, pdf in zip(paths, pdfs, strict=True)}


@dataclass(frozen=True, slots=True)
class Word:
    left: float
    top: float
    right: float
    bottom: float
    text: str


WORD = re.compile(r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*?)</word>')


def words_of(pdf: Path) -> list[list[Word]]:
    boxes = pdf.with_suffix(".html")
    subprocess.run(["pdftotext", "-bbox", str(pdf), str(boxes)], check=True, timeout=120)
    pages = boxes.read_text(encoding="utf-8").split("<page ")[1:]
    return [[Word(*map(float, w[:4]), html.unescape(w[4])) for w in WORD.findall(page)] for page in pages]


# ---- heights --------------------------------------------------------------------------------------------------------


@dataclass
class Box:
    """A wrapped cell of a sheet: its place on the sheet, in points, and what the print shows there."""

    name: str
    text: str
    size: float
    rows: tuple[int, int]
    top: float
    bottom: float
    words: list[Word]

    @property
    def lines(self) -> int:
        """Lines it takes in print, blank ones included."""
        bottoms = sorted(word.bottom for word in self.words)
        blank = sum(not paragraph.strip("\u200b ") for paragraph in self.text.split("\n"))
        return blank + bool(bottoms) + sum(low - high > 4 for high, low in pairwise(bottoms))

    def fits(self) -> bool:
        """Whether the print shows the whole text, and all of it inside the cell."""
        shown = "".join(word.text for word in sorted(self.words, key=lambda w: (round(w.bottom / 4), w.left)))
        inside = all(word.top > self.top - 1.5 and word.bottom < self.bottom + 1.5 for word in self.words)
        return plain(shown) == plain(self.text) and inside

    def room(self, spare: int) -> float:
        """Points it needs with that many lines to spare."""
        return (self.lines + spare) * LINE * self.size * 1.03 + 3


def plain(text: str) -> str:
    return "".join(sorted("".join(text.replace("\u200b", "").split())))


def boxes_of(sheet: Worksheet, pages: list[list[Word]], digit: int) -> list[Box]:
    """The wrapped texts of a sheet, printed from the first of `pages` on, with the words that stand in them."""
    heights = [sheet.row_dimensions[row].height or 15.0 for row in range(1, sheet.max_row + 1)]
    starts = [sum(heights[:row]) for row in range(len(heights) + 1)]
    lefts = [0.0]
    for column in range(1, sheet.max_column + 1):
        width = sheet.column_dimensions[openpyxl.utils.get_column_letter(column)].width
        lefts.append(lefts[-1] + int((256 * width + 128 / digit) / 256 * digit) * 0.75)
    assert lefts[-1] < PAPER_SIZE[0] - 2 * MARGIN
    begins = [0]  # rows above the pages of the sheet
    for row, height in enumerate(heights):
        full = starts[row] + height - starts[begins[-1]] > PAPER_SIZE[1] - 2 * MARGIN
        if full or row in {item.id for item in sheet.row_breaks.brk}:
            begins.append(row)
    at: dict[tuple[int, int], list[Word]] = defaultdict(list)
    for number, begin in enumerate(begins):
        for word in pages[number]:
            down = starts[begin] - MARGIN
            x, y = (word.left + word.right) / 2 - MARGIN, (word.top + word.bottom) / 2 + down
            row = sum(start <= y for start in starts[:-1])
            column = sum(left <= x for left in lefts[:-1])
            at[row, column].append(Word(word.left, word.top + down, word.right, word.bottom + down, word.text))
    merged = {(merge.min_row, merge.min_col): merge for merge in sheet.merged_cells.ranges}
    found = []
    for cells in sheet.iter_rows():
        for cell in cells:
            if not (cell.data_type in ("s", "inlineStr") and cell.value and cell.alignment.wrap_text):
                continue
            merge = merged.get((cell.row, cell.column))
            bottom = merge.max_row if merge else cell.row
            right = merge.max_col if merge else cell.column
            inside = range(cell.row, bottom + 1), range(cell.column, right + 1)
            words = [word for row in inside[0] for column in inside[1] for word in at[row, column]]
            edges = starts[cell.row - 1], starts[bottom]
            found.append(Box(cell.coordinate, cell.value, cell.font.sz, (cell.row, bottom), *edges, words))
    return found


def spare_rows(sheet: Worksheet, boxes: list[Box], least: set[float]) -> Iterator[str]:
    """Rows that are higher than any of their texts needs with one line to spare; `least` heights need no reason."""
    for row in range(1, sheet.max_row + 1):
        height = sheet.row_dimensions[row].height or 15.0
        reasons = [box for box in boxes if box.rows[0] <= row <= box.rows[1] and box.bottom - box.top <= box.room(1)]
        if height not in least and not reasons:
            yield f"row {row}: {height}"


@requires_office
def test_every_wrapped_text_fits_its_cell_with_at_most_one_line_to_spare(
    books: dict[str, Printable], unit: float, tmp_path: Path
) -> None:
    pages = printed(
        {n: on_large_paper(with_widths(book.data, unit, 7)) for n, book in books.items()}, tmp_path / "large"
    )
    checked, cut, spare = 0, [], []
    for name, book in books.items():
        for sheet in our_sheets(book.data):
            begin = 0 if sheet.title != "问题清单" else list_pages(pages[name])[0]
            boxes = boxes_of(sheet, pages[name][begin:], 7)
            checked += len(boxes)
            least = {30.0, 21.0, 20.0} if sheet.title == "问题清单" else least_heights(book.pack)
            cut += [(name, sheet.title, box.name, box.text) for box in boxes if not box.fits()]
            spare += [(name, sheet.title, row) for row in spare_rows(sheet, boxes, least)]
    assert cut == []
    assert spare == []
    assert checked > 1000


def test_no_row_is_higher_than_a_row_can_be(books: dict[str, Printable]) -> None:
    for name, book in books.items():
        for sheet in our_sheets(book.data):
            heights = [sheet.row_dimensions[row].height for row in range(1, sheet.max_row + 1)]
            assert None not in heights and max(heights) <= MAX_HEIGHT, (name, sheet.title)


# ---- pages ----------------------------------------------------------------------------------------------------------


@requires_office
def test_every_form_takes_the_pages_it_was_planned_for_and_repeats_its_head(
    books: dict[str, Printable], unit: float, tmp_path: Path
) -> None:
    pages = printed({name: with_widths(book.data, unit, 8) for name, book in books.items()}, tmp_path / "a4")
    counted = {}
    for name, book in books.items():
        form, *others = our_sheets(book.data)
        texts = ["".join(word.text for word in page) for page in pages[name]]
        listed = list_pages(pages[name])
        assert listed == list(range(len(texts) - len(listed), len(texts)))  # it is the last sheet
        assert bool(others) == bool(listed), name
        # The pages of the form: each repeats its head.
        own = 1 + sum({"二级指标", "三级指标"} <= {word.text for word in page} for page in pages[name][1:])
        assert own == len(form.row_breaks.brk) + 1, name
        counted[name] = (own, len(listed))
        head = [str(cell.value) for cell in form[int(form.print_title_rows[1:].split(":")[0])] if cell.value]
        first = next(number for number, text in enumerate(texts) if "三级指标" in text)
        for text in texts[first:own]:
            missing = [word for word in head if not set("".join(word.split())) <= set(text)]
            assert missing == [], (name, missing)
    assert counted == PAGES


def our_sheets(data: bytes) -> list[Worksheet]:
    """The form, which is the first sheet, and the list of problems where there is one."""
    form, *others = openpyxl.load_workbook(io.BytesIO(data)).worksheets
    return [form, *(sheet for sheet in others if sheet.title == "问题清单")]


def list_pages(pages: list[list[Word]]) -> list[int]:
    """The pages with the head of the list of problems."""
    said = [{word.text for word in page} for page in pages]
    return [number for number, words in enumerate(said) if {"编码", "栏目", "改法"} <= words]


def least_heights(pack: str) -> set[float]:
    """Heights that rows of the official form have before anything is written into them."""
    return set(layout_of(load_pack(pack)).blueprint.rows.values())
