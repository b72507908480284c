"""Heights of wrapped text: the rules one by one, the laws of `split`, and LibreOffice's print as the oracle."""

from __future__ import annotations

import random
import re
import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from perfeval.workbook.textfit import MAX_HEIGHT, Font, height, join, lines, split
from tests.support.office import convert, requires_office

SONG = Font("宋体", 10.5)
SEVEN = 15.72  # column units: 110 pixels, 5 of them padding = 78.75 pt, room for seven 汉字 of 10.5 pt and a half


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", 1, id="blank"),
        pytest.param("汉" * 7, 1, id="exactly full"),
        pytest.param("汉" * 8, 2, id="one too many"),
        pytest.param("汉\n汉", 2, id="newline"),
        pytest.param("汉\n\n汉\n", 4, id="blank lines count, the last one too"),
        pytest.param("汉" * 7 + "。", 2, id="full stop takes the last 汉字 along"),
        pytest.param("汉" * 7 + "。" + "汉" * 5, 2, id="汉。汉汉汉汉汉 fits"),
        pytest.param("汉" * 7 + "。" + "汉" * 6, 3, id="汉。汉汉汉汉汉汉 does not"),
        pytest.param("汉" * 6 + "(" + "汉" * 6, 2, id="opening bracket goes to the next line"),
        pytest.param("汉" * 6 + "（" + "汉" * 7, 3, id="which is then too short"),
        pytest.param("汉" * 6 + "2024" + "汉" * 4, 2, id="number moved whole"),
        pytest.param("汉" * 6 + "2024" + "汉" * 6, 3, id="number moved whole leaves less room"),
        pytest.param("0" * 40, 4, id="longer than a line: broken anywhere"),
        pytest.param("汉" * 7 + "    汉", 2, id="blanks hang over the edge"),
        pytest.param("\u200b" + "汉" * 7, 1, id="mark of a continued paragraph has no width"),
        pytest.param("‰" * 5, 1, id="5 ‰ fit"),
        pytest.param("‰" * 6, 2, id="6 ‰ do not"),
    ],
)
def test_lines_of_seven_characters(text: str, expected: int) -> None:
    assert lines(text, SEVEN, SONG) == expected


def test_a_wider_digit_of_the_normal_font_makes_the_column_wider() -> None:
    assert lines("汉" * 8, SEVEN, SONG, digit=8) == 1


def test_bold_letters_are_wider_than_regular_ones_and_characters_are_not() -> None:
    assert lines("m" * 7, SEVEN, SONG) == 1
    assert lines("m" * 7, SEVEN, Font("宋体", 10.5, bold=True)) == 2
    assert lines("汉" * 7, SEVEN, Font("宋体", 10.5, bold=True)) == 1


@pytest.mark.parametrize(
    ("size", "one", "three"), [(9, 15.75, 42), (10.5, 18, 48), (12, 20.25, 56.25), (22, 34.5, 98.25)]
)
def test_height_is_in_whole_pixels(size: float, one: float, three: float) -> None:
    assert height("", 20, Font("宋体", size)) == one
    assert height("\n\n", 20, Font("宋体", size)) == three


TEXTS = st.lists(
    st.sampled_from(
        ["受市场环境等因素影响，", "放缓。", "“是！”", "2024年", "257.33", "\n", "\u200b", "‰", " ", "abc"]
    ),
    max_size=120,
).map("".join)


@given(text=TEXTS, width=st.sampled_from([6.0, 20.0, 60.0]), limit=st.sampled_from([40.0, 100.0, MAX_HEIGHT]))
def test_split_pieces_fit_and_join_to_the_text(text: str, width: float, limit: float) -> None:
    pieces = split(text, width, SONG, limit)
    assert join(pieces) == text
    for piece in pieces:
        # only a paragraph that begins with the mark itself may bring one blank line with it
        spare = height("\n", width, SONG) - height("", width, SONG) if "\n\u200b" in text else 0
        assert height(piece, width, SONG) <= limit + spare


@given(text=TEXTS, width=st.floats(6, 80))
def test_a_wider_cell_never_takes_more_lines_than_one_more(text: str, width: float) -> None:
    assert lines(text, width * 1.5, SONG) <= lines(text, width, SONG)


def test_split_prefers_the_end_of_a_paragraph_then_of_a_sentence() -> None:
    sentence = "汉" * 30 + "。"
    paragraph = sentence * 3
    limit = height("\n" * 5, SEVEN, SONG)
    assert split(f"汉\n{paragraph}\n汉", SEVEN, SONG, limit) == (
        "汉",
        sentence,
        "\u200b" + sentence,
        "\u200b" + sentence + "\n汉",
    )
    assert split("“" + "汉" * 28 + "。”" + "汉" * 28, SEVEN, SONG, limit)[1] == "\u200b" + "汉" * 28


def test_split_without_a_sentence_end_cuts_at_the_end_of_a_line() -> None:
    assert split("汉" * 30, SEVEN, SONG, height("\n", SEVEN, SONG)) == (
        "汉" * 14,
        "\u200b" + "汉" * 14,
        "\u200b" + "汉" * 2,
    )


def test_a_text_that_fits_is_not_cut() -> None:
    assert split("汉\n汉", SEVEN, SONG) == ("汉\n汉",)


# ---- LibreOffice as the oracle ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cells:
    """One sheet of the oracle: texts in one column, or in merges of several, all in one font."""

    columns: tuple[float, ...]
    font: Font
    longest: int  # fragments of a text


SHEETS = (
    Cells((14.0,), SONG, 14),
    Cells((22.0,), SONG, 24),
    Cells((20.0, 9.5, 14.0), SONG, 60),
    Cells((30.0, 30.0, 30.0, 10.0), SONG, 120),
    Cells((26.0,), Font("仿宋", 12), 30),
    Cells((40.0, 20.0), Font("楷体", 9), 60),
    Cells((18.0, 18.0), Font("黑体", 14, bold=True), 20),
    Cells((60.0, 30.0), Font("仿宋_GB2312", 16), 60),
)
FRAGMENTS = (
    "受市场环境等因素影响，企业投资步伐放缓，",
    "更倾向于采取“轻资产”投资，导致新拿地项目减少。",
    "考察拜访企业/机构数量（家）",
    "《2024年度专项资金管理办法》",
    "招商引资",
    "全市",
    "的",
    "、",
    "；",
    "！？",
    "……",
    "——",
    "2024年",
    "257.33万元",
    "83.13%",
    "1,234.5",
    "≥100家",
    "超2000亿元",
    "佐证1：",
    "(2023)12号",
    "GDP",
    "Zhuhai-Macao",
    "annual report ",
    " ",
    "\n",
    "\n\n",
)
PER_SHEET = 25


def random_texts(cells: Cells, seed: int) -> list[str]:
    choose = random.Random(seed)
    return [
        "项" + "".join(choose.choice(FRAGMENTS) for _ in range(choose.randint(1, cells.longest))).rstrip() + "终"
        for _ in range(PER_SHEET)
    ]


def write_texts(path: Path, texts: Sequence[Sequence[str]]) -> None:
    """A sheet per entry of SHEETS: a numbered label beside each text, and rows high enough to show it whole."""
    book = xlsxwriter.Workbook(path)
    for cells, sheet_texts in zip(SHEETS, texts, strict=True):
        sheet = book.add_worksheet()
        sheet.set_paper(8)
        sheet.set_landscape()
        sheet.set_margins(left=0.2, right=0.2, top=0.2, bottom=0.2)
        sheet.set_column(0, 0, 12)
        look = {"font_name": cells.font.name, "font_size": cells.font.size, "valign": "top"}
        label = book.add_format(look)
        wrapped = book.add_format({**look, "bold": cells.font.bold, "text_wrap": True})
        for column, width in enumerate(cells.columns, 1):
            sheet.set_column(column, column, width)
        for row, text in enumerate(sheet_texts):
            sheet.set_row(row, 409)
            sheet.write_string(row, 0, f"#{row:02}", label)
            if len(cells.columns) > 1:
                sheet.merge_range(row, 1, row, len(cells.columns), "", wrapped)
            sheet.write_string(row, 1, text, wrapped)
    book.close()


WORD = re.compile(r'<word xMin="[\d.]+" yMin="[\d.]+" xMax="[\d.]+" yMax="([\d.]+)">(.*?)</word>')


def printed_lines(pdf: Path) -> list[int]:
    """Lines with something on them that each text takes in print, in the order of the texts."""
    boxes = pdf.with_suffix(".html")
    subprocess.run(["pdftotext", "-bbox", str(pdf), str(boxes)], check=True, timeout=120)
    bottoms: list[list[float]] = []
    for bottom, text in WORD.findall(boxes.read_text(encoding="utf-8")):
        if re.fullmatch(r"#\d\d", text):
            bottoms.append([])
        else:
            bottoms[-1].append(float(bottom))
    # words of one line end within a point of each other, the next line is more than half an em below
    return [1 + sum(low - high > 4 for high, low in pairwise(sorted(text_bottoms))) for text_bottoms in bottoms]


def column_points(ods: Path) -> list[list[float]]:
    """The columns of every sheet as LibreOffice lays them out, in points; it measures digits of its own font."""
    content = zipfile.ZipFile(ods).read("content.xml").decode("utf-8")
    inches = dict(re.findall(r'<style:style style:name="(co\d+)".*?column-width="([\d.]+)in"', content))
    sheets = content.split("<table:table ")[1:]
    columns = re.compile(r'<table:table-column table:style-name="(co\d+)"(?: table:number-columns-repeated="(\d+)")?')
    return [
        [
            float(inches[name]) * 72
            for name, repeated in columns.findall(sheet)
            for _ in range(min(int(repeated or 1), 9))
        ]
        for sheet in sheets
    ]


@requires_office
@pytest.mark.parametrize("seed", [2024])
def test_every_text_fits_in_libreoffice_with_at_most_one_spare_line(tmp_path: Path, seed: int) -> None:
    texts = [random_texts(cells, seed + number) for number, cells in enumerate(SHEETS)]
    book = tmp_path / "texts.xlsx"
    write_texts(book, texts)
    layouts = column_points(convert(book, "ods", tmp_path / "ods"))
    needed = printed_lines(convert(book, "pdf", tmp_path / "pdf"))
    wrong = []
    for sheet, (cells, layout) in enumerate(zip(SHEETS, layouts, strict=True)):
        width = sum(layout[1 : 1 + len(cells.columns)]) / 0.75 / 7  # in the units of a digit of seven pixels
        for row, text in enumerate(texts[sheet]):
            blank = sum(not paragraph.strip() for paragraph in text.split("\n"))
            expected = needed[sheet * PER_SHEET + row] + blank
            ours = lines(text, width, cells.font)
            if not expected <= ours <= expected + 1:
                wrong.append((cells, expected, ours, text))
    assert not wrong
