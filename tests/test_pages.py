"""How a form is divided into pages: every page is closed, says what its rows belong to, and tears nothing."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import openpyxl
import pytest
from lxml import etree

from perfeval.calculator import evaluate
from perfeval.layout import Layout
from perfeval.model import Cell
from perfeval.pack import load_pack
from perfeval.pipeline import Options, Outcome, blank_form, layout_of, produce
from perfeval.reader import read_form
from perfeval.workbook.digits import digit_pixels
from perfeval.workbook.textfit import MAX_HEIGHT, portions
from perfeval.writer import FormPlan, blank_plan, plan_form
from tests.support.foreign import M, with_members
from tests.support.forms import real_form
from tests.support.office import convert_all, requires_office
from tests.support.paper import Paper

PACKS = ("jiangmen-2024", "mof-2020", "mof-2021-cost", "mof-split-2022")


def layout(pack: str = "jiangmen-2024") -> Layout:
    return layout_of(load_pack(pack))


def sheet_of(data: bytes) -> openpyxl.worksheet.worksheet.Worksheet:
    return openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]


def torn(sheet: openpyxl.worksheet.worksheet.Worksheet) -> list[str]:
    """Merges that go on over the end of a page."""
    ends = [item.id for item in sheet.row_breaks.brk]
    return [str(m) for m in sheet.merged_cells.ranges if any(m.min_row <= row < m.max_row for row in ends)]


def room(form: Layout, digit: int) -> float:
    """Points of rows that a sheet of paper holds, when it is scaled to the width of the form."""
    width, height = form.appearance.page
    natural = sum(form.appearance.pixels(column, digit) for column in range(1, form.last_column + 1)) * 0.75
    return height * natural / width


def goal(length: int) -> dict[str, str]:
    return {"goal.expected": ("完成培训任务并取得实效," * 300)[:length]}


def badly_divided(plan: FormPlan, form: Layout, digit: int) -> list[str]:
    """Page ends in or right below the repeated rows, and pages too high for the paper."""
    titles = form.appearance.title_rows
    assert titles is not None
    top, end = plan.spans[titles[0]][0], plan.spans[titles[1]][1]
    heights = [row.height for row in plan.sheet.rows]
    found = [f"{top}–{end} end at {row}" for row in plan.sheet.breaks if top <= row <= end]
    for above, last in pairwise([0, *plan.sheet.breaks, len(heights)]):
        repeated = heights[top - 1 : end] if above >= end else []
        if not 0 < sum([*repeated, *heights[above:last]]) <= room(form, digit):
            found.append(f"{above + 1}–{last} too high")
    return found


@pytest.mark.parametrize("pack", PACKS)
def test_no_cell_of_a_blank_form_goes_over_the_end_of_a_page(pack: str) -> None:
    sheet = sheet_of(blank_form(load_pack(pack)))
    assert torn(sheet) == []
    assert bool(sheet.row_breaks.brk) == (pack != "mof-2020")  # which is one page


def test_no_cell_of_a_finished_sample_goes_over_the_end_of_a_page(finished: Mapping[str, Outcome]) -> None:
    books = {name: openpyxl.load_workbook(o.output) for name, o in finished.items() if o.output}
    assert len(books) >= 12
    assert {name: torn(book.worksheets[0]) for name, book in books.items() if torn(book.worksheets[0])} == {}


def test_every_page_says_what_its_rows_belong_to() -> None:
    plan = blank_plan(layout(), {})
    begins = [row + 1 for row in plan.sheet.breaks]
    on_top = {row: plan.sheet.rows[row - 1].values for row in begins}
    table = {row: (values[1], values[11][:6]) for row, values in on_top.items() if values.get(11)}
    assert list(table.values()) == [("产出", "1.定量指标"), ("效益", "1.定量指标"), ("效益", "1.定量指标")]
    # A number is printed once, for it is counted where it stands.
    assert [on_top[row].get(2) for row in table] == [40, 40, None]


def test_a_form_filled_in_below_a_repeated_name_is_read_like_any_other() -> None:
    paper = Paper.of(blank_form(load_pack("jiangmen-2024")))
    row = paper.row("满意度指标")
    assert paper.cells[row - 2, 1].text == "效益" and (row - 2) in [
        r + 1 for r in blank_plan(layout(), {}).sheet.breaks
    ]
    for number, name in ((row - 2, "持续"), (row, "满意度(%)")):
        for column, text in ((5, name), (7, "≥85%"), (8, "90%")):
            paper.put((number, column), text)
    form, _ = read_form(paper.sheet(), layout())
    rows = [(i.group, i.level2, i.name) for i in form.indicators if i.group == "效益"]
    assert rows == [("效益", "可持续影响指标", "持续"), ("效益", "满意度指标", "满意度(%)")]
    total = evaluate(form, layout().pack)[0].groups[-1]
    assert (total.name, total.score) == ("效益", Fraction(40))


def test_a_group_is_kept_whole_where_that_takes_no_further_page(finished: Mapping[str, Outcome]) -> None:
    outcome = finished["文艺下乡演出.xlsx"]
    assert outcome.output is not None
    sheet = openpyxl.load_workbook(outcome.output).worksheets[0]
    begins = [item.id + 1 for item in sheet.row_breaks.brk]
    assert [sheet.cell(row, 1).value for row in begins[:2]] == ["产出", "效益"]


def test_the_head_of_the_table_never_stands_alone() -> None:
    split = layout("mof-split-2022")
    seen = set()
    for sentences in range(1, 160, 2):
        plan = blank_plan(split, {"goal.expected": "完成年度任务,效果良好。" * sentences})
        assert plan.spans[split.indicator_row][0] - 1 not in plan.sheet.breaks
        seen.add(plan.spans[split.header_top][0] - 1 in plan.sheet.breaks)
    assert seen == {True, False}


@pytest.mark.parametrize("pack", PACKS)
def test_the_repeated_rows_are_never_torn_and_pages_hold_their_rows_however_long_the_goal(pack: str) -> None:
    form = layout(pack)
    plans = {length: blank_plan(form, goal(length)) for length in range(25, 3000, 25)}
    bad = {length: badly_divided(plan, form, form.appearance.digit) for length, plan in plans.items()}
    assert {length: found for length, found in bad.items() if found} == {}


@pytest.mark.parametrize("digit", [7, 8])
@pytest.mark.parametrize("length", [10, 700, 1400])
def test_a_text_in_the_table_higher_than_a_page_goes_on_below_the_repeated_rows(digit: int, length: int) -> None:
    for reason in range(20, 1500, 60):
        reasons = {"企业投资步伐放缓,更倾向于采取": "市场有变,投资放缓。" * (reason // 10)}
        form = real_form(load_pack("jiangmen-2024"), reasons)
        form = replace(form, fields={**form.fields, "goal.expected": Cell(text=goal(length)["goal.expected"])})
        plan = plan_form(layout(), form, evaluate(form, layout().pack)[0], {}, digit)
        assert badly_divided(plan, layout(), digit) == [], reason


@requires_office
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_libreoffice_prints_every_kind_below_a_goal_that_nearly_fills_the_page(tmp_path: Path) -> None:
    books = {}
    for pack, length in (("jiangmen-2024", 700), ("jiangmen-2024", 1200), ("mof-split-2022", 650)):
        book = tmp_path / f"{pack}-{length}.xlsx"
        book.write_bytes(blank_form(load_pack(pack), goal(length)))
        books[book] = pack
    for pdf, pack in zip(convert_all(books, "pdf", tmp_path / "pdf"), books.values(), strict=True):
        run = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, encoding="utf-8", check=True)
        text = re.sub(r"\s", "", run.stdout)
        kinds = [kind.name for group in load_pack(pack).groups for kind in group.kinds]
        assert len(kinds) >= 8
        assert [kind for kind in kinds if kind not in text] == [], pdf.name


def test_a_row_of_more_than_409_points_keeps_its_rows_on_one_page() -> None:
    reason = "受市场环境等因素影响,企业投资步伐放缓。" * 15
    form = real_form(load_pack("jiangmen-2024"), {"企业投资步伐放缓,更倾向于采取": reason})
    plan = plan_form(layout(), form, evaluate(form, layout().pack)[0], {})
    heights = [row.height for row in plan.sheet.rows]
    assert max(heights) <= MAX_HEIGHT
    column = layout().columns["indicator.shortfall_reason"].slot.column
    first = plan.spans[layout().indicator_row][0]
    [tall] = [m for m in plan.sheet.merges if m[1] == m[3] == column and m[2] > m[0] >= first]
    assert sum(heights[tall[0] - 1 : tall[2]]) > MAX_HEIGHT
    assert not any(tall[0] <= row < tall[2] for row in plan.sheet.breaks)


@pytest.mark.parametrize("size", [9, 10.5, 12, 16])
@pytest.mark.parametrize("height", [409.5, 600, 819, 1500.75, 5000.25])
def test_rows_that_share_a_text_end_between_its_lines(height: float, size: float) -> None:
    rows = portions(height, size)
    assert sum(rows) == height and len(rows) > 1
    assert all(0 < row <= MAX_HEIGHT for row in rows)
    pitch = max(1.456 * size, 1.5 * size if size == 12 else 0)
    for row in rows[1:-1]:
        assert abs(row / pitch - round(row / pitch)) * pitch < 1


STYLES = """<styleSheet xmlns="{space}"><fonts><font><sz val="11"/><name val="Calibri"/></font>
<font><sz val="{size}"/><name val="{name}"/></font></fonts>
<cellStyleXfs><xf fontId="0"/><xf fontId="1"/></cellStyleXfs>
<cellStyles><cellStyle name="其他" xfId="0" builtinId="3"/><cellStyle name="常规" xfId="1" builtinId="0"/></cellStyles>
</styleSheet>"""


@pytest.mark.parametrize(
    ("name", "size", "digit"),
    [
        ("宋体", "11", 8),
        ("宋体", "10.5", 7),
        ("等线", "12", 8),
        ("Calibri", "11", 7),
        ("Arial", "x", 7),
        ("宋体", "0", 1),
    ],
)
def test_the_unit_of_widths_is_a_digit_of_the_normal_style(name: str, size: str, digit: int) -> None:
    styles = STYLES.format(space=M[1:-1], name=name, size=size)
    assert digit_pixels(etree.fromstring(styles)) == digit
    assert digit_pixels(etree.fromstring(f'<styleSheet xmlns="{M[1:-1]}"/>')) == 7


@pytest.mark.parametrize("digit", [7, 8])
def test_pages_have_room_for_their_rows_whatever_the_normal_font_is(
    finished: Mapping[str, Outcome], inbox: Path, digit: int
) -> None:
    checked = 0
    for name in finished:
        paper = Paper.of(next(inbox.rglob(name)))
        if paper.name != layout().sheet:
            continue
        # XlsxWriter's Normal font is Calibri, of 7 pixels; that of the form 宋体, of 8.
        normal = {7: b'<name val="Calibri"/>', 8: '<name val="宋体"/>'.encode()}[digit]
        parts = {"xl/styles.xml": lambda xml, normal=normal: xml.replace(b'<name val="Calibri"/>', normal)}
        _, result = produce(Path(name), with_members(paper.workbook(), parts), Options())
        assert result is not None
        sheet = sheet_of(result)
        ends = [0, *(item.id for item in sheet.row_breaks.brk), sheet.max_row]
        heights = [sum(sheet.row_dimensions[row].height for row in range(a + 1, b + 1)) for a, b in pairwise(ends)]
        titles = sum(sheet.row_dimensions[row].height for row in (10, 11, 12))
        assert max(heights[0], *(height + titles for height in heights[1:])) <= room(layout(), digit), name
        checked += 1
    assert checked >= 10
