"""Conditional formats and validations of a template stand on all rows their row became, with the right formulas."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import xlsxwriter
from lxml import etree

from perfeval.workbook.package import Package
from perfeval.workbook.rules import Rules, merged
from tests.support.foreign import M, members, with_members
from tests.support.office import requires_validator, validation_errors

SHEET = "xl/worksheets/sheet1.xml"


def template() -> bytes:
    """A form with rules on its one indicator row (13), on the total (14) and on a row that may be left out (20)."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet("表")
    red, bold = book.add_format({"bg_color": "red"}), book.add_format({"bold": True})
    sheet.conditional_format("I13", {"type": "formula", "criteria": '=AND($H13<>"",I13<$I$14)', "format": red})
    sheet.conditional_format("D13:F13", {"type": "cell", "criteria": ">", "value": "=$D$14", "format": bold})
    sheet.conditional_format("I14", {"type": "formula", "criteria": "=ABS(I14-SUM(I13:I13))>0.01", "format": red})
    sheet.conditional_format(
        "J13", {"type": "data_bar", "data_bar_2010": True, "max_type": "formula", "max_value": "=$D$14"}
    )
    sheet.conditional_format("K13", {"type": "3_color_scale"})
    sheet.conditional_format("A20", {"type": "no_blanks", "format": bold})
    sheet.data_validation("H13", {"validate": "list", "source": ["全部达成", "部分 & 未<达成"], "input_title": "提示"})
    sheet.data_validation("I13:I14", {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": "=F13"})
    sheet.data_validation("A20", {"validate": "custom", "value": "=LEN(A20)>2"})
    sheet.ignore_errors({"number_stored_as_text": "B13:F14"})
    book.close()
    return out.getvalue()


def spans(row: int) -> tuple[int, int]:
    """Row 13 became 13–27, row 20 was left out."""
    if row <= 13:
        return (row, row) if row < 13 else (13, 27)
    return (row + 14, row + 14) if row < 20 else (row + 14, row + 13) if row == 20 else (row + 13, row + 13)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.of(etree.fromstring(members(template())[SHEET]))


def sheet(elements: dict[str, str]) -> etree._Element:
    relationships = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return etree.fromstring(
        f'<worksheet xmlns="{M[1:-1]}" xmlns:r="{relationships}">{"".join(elements.values())}</worksheet>'
    )


def test_rules_stand_on_all_rows_with_formulas_of_the_first(rules: Rules) -> None:
    root = sheet(merged(rules.expanded(spans)))
    found = [
        (block.get("sqref"), [node.text for node in block.iter(f"{M}formula")])
        for block in root.iter(f"{M}conditionalFormatting")
    ]
    assert found == [
        ("I13:I27", ['AND($H13<>"",I13<$I$28)']),
        ("D13:F27", ["$D$28"]),
        ("I28", ["ABS(I28-SUM(I13:I27))>0.01"]),
        ("J13:J27", []),
        ("K13:K27", []),
    ]
    validations = [
        (node.get("sqref"), node.get("promptTitle"), [child.text for child in node])
        for node in root.iter(f"{M}dataValidation")
    ]
    assert validations == [
        ("H13:H27", "提示", ['"全部达成,部分 & 未<达成"']),
        ("I13:I28", None, ["0", "F13"]),
    ]
    assert root.find(f"{M}dataValidations").get("count") == "2"
    assert [node.get("sqref") for node in root.iter(f"{M}ignoredError")] == ["B13:F28"]


def test_a_threshold_that_is_a_formula_follows(rules: Rules) -> None:
    root = sheet(merged(rules.expanded(spans)))
    bar = next(node for node in root.iter(f"{M}dataBar"))
    assert [node.get("val") for node in bar.iter(f"{M}cfvo")][1:] == ["$D$28"]
    extension = next(root.iter("{*}conditionalFormattings"))
    assert [node.text for node in extension.iter("{*}f")] == ["$D$28"]
    assert [node.text for node in extension.iter("{*}sqref")] == ["J13:J27"]


def test_formats_are_those_of_the_target(rules: Rules) -> None:
    root = sheet(merged(rules.expanded(spans, {number: 100 + number for number in rules.formats})))
    before = etree.fromstring(members(template())[SHEET])
    used = [int(node.get("dxfId")) for node in before.iter(f"{M}cfRule") if node.get("dxfId")]
    assert set(used) == set(rules.formats)
    assert [int(node.get("dxfId")) - 100 for node in root.iter(f"{M}cfRule") if node.get("dxfId")] == used[:-1]


def test_other_rows_give_other_rules_although_answers_are_remembered(rules: Rules) -> None:
    def ranges(last: int) -> list[str | None]:
        placed = rules.expanded(lambda row: (13, last) if row == 13 else (row + last, row + last))
        return [node.get("sqref") for node in sheet(merged(placed)).iter(f"{M}dataValidation")]

    assert ranges(15) == ["H13:H15", "I13:I29", "A35"]
    assert ranges(16) == ["H13:H16", "I13:I30", "A36"]
    assert ranges(15) == ["H13:H15", "I13:I29", "A35"]


def test_expanded_rules_are_known_again(rules: Rules) -> None:
    written = Rules.of(sheet(merged(rules.expanded(spans))))
    assert len(written) > 5
    assert len(written.without(rules)) == 0


RESPELLED = {
    "booleans as words": (b'showErrorMessage="1"', b'showErrorMessage="true"'),
    "defaults spelled out": (b"<dataValidation ", b'<dataValidation errorStyle="stop" imeMode="noControl" '),
    "another prompt": ("提示".encode(), b"hint"),
    "rows inserted above": (b'sqref="H13"', b'sqref="H15:H40"'),
}


@pytest.mark.parametrize("spelling", RESPELLED)
def test_our_rules_are_known_again_however_another_program_spells_them(rules: Rules, spelling: str) -> None:
    old, new = RESPELLED[spelling]
    before = members(template())[SHEET]
    after = before.replace(old, new)
    assert after != before
    assert len(Rules.of(etree.fromstring(after)).without(rules)) == 0


@requires_validator
def test_expanded_rules_are_valid(tmp_path: Path, rules: Rules) -> None:
    data = template()
    elements = {"sheetData": "<sheetData/>", **merged(rules.expanded(spans))}
    xml = f'<worksheet xmlns="{M[1:-1]}">{"".join(elements.values())}</worksheet>'.encode()
    target = tmp_path / "表.xlsx"
    target.write_bytes(with_members(data, {SHEET: xml}))
    assert Package.open(target.read_bytes()).sheets
    assert validation_errors(target) == []
