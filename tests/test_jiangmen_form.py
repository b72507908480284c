"""The first pack's `form.xlsx`: what a finance department sees when it opens and prints it."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import openpyxl
import pytest
from lxml import etree
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.worksheet.worksheet import Worksheet

from tests.support.office import convert, requires_office, requires_validator, validation_errors

FORM = Path(__file__).resolve().parent.parent / "templates" / "jiangmen-2024" / "form.xlsx"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
BORDERS, FORMATS, CELL = f"{MAIN}borders", f"{MAIN}cellXfs", f"{MAIN}c"
FILLED_IN = {
    "project unit_name contact.name contact.phone contact.email legal_basis project_level funds.budget",
    "funds.allocated.own_level funds.allocated.transferred funds.spent.own_level funds.spent.transferred",
    "goal.expected goal.achieved indicator.name indicator.target indicator.actual indicator.shortfall_reason",
    "indicator.evidence narrative.spending narrative.goals narrative.uses narrative.other narrative.problems",
    "narrative.improvements narrative.expiring_funds",
}
COMPUTED = {
    "level1.name level1.weight level2.name level2.weight indicator.weight indicator.score indicator.criterion",
    "total.weight total.score",
}


@pytest.fixture(scope="module")
def form() -> Worksheet:
    return openpyxl.load_workbook(FORM).worksheets[0]


def places(form: Worksheet) -> dict[str, list[Cell | MergedCell]]:
    found: dict[str, list[Cell | MergedCell]] = {}
    for row in form.iter_rows():
        for cell in row:
            for path in re.findall(r"\{\{ ([\w.]+) \}\}", str(cell.value)):
                found.setdefault(path, []).append(cell)
    return found


def test_every_field_has_its_place(form: Worksheet) -> None:
    assert set(places(form)) == {path for line in FILLED_IN | COMPUTED for path in line.split()}
    assert {path: len(cells) for path, cells in places(form).items() if len(cells) > 1} == {"total.weight": 3}


def test_labels_stand_where_the_official_form_has_them(form: Worksheet) -> None:
    head = ["评价指标", "评价年度预期值", "评价年度实现值", "自评分数", "未达标原因分析", "评分标准"]
    assert [cell.value for cell in form[10] if cell.value][:6] == head
    assert [cell.value for cell in form[11] if cell.value] == ["一级指标", "二级指标", "三级指标"]
    assert [cell.value for cell in form[12] if cell.value] == ["名称", "权重(%)"] * 3
    down = [form.cell(row, 1).value for row in range(3, 15)]
    assert [text for text in down if text and "{" not in text] == [
        "联系人",
        "实施文件依据",
        "资金安排情况",
        "资金使用情况",
        "绩效目标情况",
        "指标评分表",
        "评价指标",
        "一级指标",
        "名称",
        "合计:",
    ]


def test_what_a_clerk_fills_in_is_unlocked_and_the_rest_locked(form: Worksheet) -> None:
    unlocked = {path for path, cells in places(form).items() for cell in cells if not cell.protection.locked}
    assert unlocked == {path for line in FILLED_IN for path in line.split()}
    assert all(
        cell.protection.locked for row in form.iter_rows() for cell in row if cell.value and "{" not in cell.value
    )
    protection = form.protection
    assert protection.sheet
    assert protection.password is None
    refused = ("formatCells", "formatRows", "formatColumns", "insertRows", "deleteRows", "objects", "scenarios")
    assert [name for name in refused if getattr(protection, name)] == []


def test_no_line_of_the_table_is_broken(form: Worksheet) -> None:
    """Every cell of every merge carries its lines; only a heading and its margin note have none between them."""
    with zipfile.ZipFile(FORM) as package:
        styles = etree.fromstring(package.read("xl/styles.xml"))
        sheet = etree.fromstring(package.read("xl/worksheets/sheet1.xml"))
    drawn = [
        {side.tag.partition("}")[2] for side in border if side.get("style") == "thin"}
        for border in styles.find(BORDERS)
    ]
    border_of = [int(xf.get("borderId", "0")) for xf in styles.find(FORMATS)]
    seams = {area.coord for area in form.merged_cells.ranges if re.fullmatch(r"(A\d+:F\d+|G\d+:L\d+)", area.coord)}
    in_seam = {row for row in range(15, form.max_row + 1) if f"A{row}:F{row}" in seams and f"G{row}:L{row}" in seams}
    assert len(in_seam) == 3
    missing = []
    for cell in sheet.iter(CELL):
        letters, row = re.fullmatch(r"([A-L])(\d+)", cell.get("r")).groups()
        needed = {"top", "bottom"} if int(row) in in_seam else {"left", "right", "top", "bottom"}
        if int(row) >= 3 and not needed <= drawn[border_of[int(cell.get("s", "0"))]]:
            missing.append(letters + row)
    assert missing == []
    assert len(list(sheet.iter(CELL))) == 12 * form.max_row


def test_it_prints_on_a4_landscape_one_page_wide(form: Worksheet) -> None:
    setup = form.page_setup
    assert (setup.paperSize, setup.orientation) == (9, "landscape")
    assert (setup.fitToWidth or 1, setup.fitToHeight) == (1, 0)  # 1 is the default and need not be written
    assert form.sheet_properties.pageSetUpPr.fitToPage
    assert (form.print_title_rows, form.print_area) == ("$10:$12", f"'指标评分表'!$A$1:$L${form.max_row}")
    assert form.oddFooter.center.text == "第 &P 页 共 &N 页"
    assert form.print_options.horizontalCentered


def test_fonts_are_the_official_ones(form: Worksheet) -> None:
    fonts = {(cell.font.name, cell.font.sz) for row in form.iter_rows() for cell in row if cell.value}
    assert form["A1"].font.name == "方正小标宋简体"
    assert {name for name, _ in fonts} == {"方正小标宋简体", "宋体", "仿宋", "黑体", "楷体"}
    assert min(size for _, size in fonts) >= 9


def test_the_result_list_offers_bands_and_takes_numbers(form: Worksheet) -> None:
    [cell] = places(form)["indicator.actual"]
    [rule] = [v for v in form.data_validations.dataValidation if cell.coordinate in v.sqref]
    choices = rule.formula1[1:-1].replace('""', '"').split(",")
    assert choices[0] == '"全部达成预期指标"、完成比例100%'
    assert all(re.fullmatch(r'"[全基部未]\w+预期指标"、完成比例\d+%', choice) for choice in choices)
    assert len(rule.formula1) <= 257  # Excel's limit of 255 and the quotes around
    assert not rule.showErrorMessage


@requires_validator
def test_it_is_valid() -> None:
    assert validation_errors(FORM) == []


@requires_office
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_numbers_show_two_decimals_at_most_and_no_trailing_zero(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(FORM)
    form = book.worksheets[0]
    cells = [cells[0] for path, cells in places(form).items() if path.endswith((".weight", ".score"))]
    numbers = [20, 7.6, 40 / 6, 8.004, 99.995, 98.854902]
    for cell, number in zip(cells, numbers, strict=True):
        cell.value = number
    book.save(tmp_path / "numbers.xlsx")
    pdf = convert(tmp_path / "numbers.xlsx", "pdf", tmp_path)
    text = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, encoding="utf-8", check=True).stdout
    shown = {word for word in text.split() if re.fullmatch(r"[\d.]+", word)}
    assert {"20", "7.6", "6.67", "8", "100", "98.85"} <= shown
    assert not [word for word in shown if word.endswith(".") or re.fullmatch(r"\d+\.\d*0", word)]
