"""References inside formulas follow their rows; everything that only looks like one stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfeval.workbook.references import (
    LAST_ROW,
    absolute,
    expand_formula,
    expand_ranges,
    quoted_sheet,
    shift_formula,
    shift_ranges,
)


def down(row: int) -> int:
    """Five rows inserted before row 14."""
    return row + 5 if row >= 14 else row


@pytest.mark.parametrize(
    ("formula", "moved"),
    [
        ("SUM(D13:D20)", "SUM(D13:D25)"),
        ("SUM(D20:D13)", "SUM(D13:D25)"),
        ("SUM(D13:D12)", "SUM(D13:D12)"),
        ("$A$14+A$14+$A14", "$A$19+A$19+$A19"),
        ("a14", "a19"),
        ("14:20+$13:$15", "19:25+$13:$20"),
        ("SUM(A:C)", "SUM(A:C)"),
        (f"A14:A{LAST_ROW}", f"A19:A{LAST_ROW}"),
        ("A14#", "A19#"),
        ("SUM(A14:A20 B14:C14)", "SUM(A19:A25 B19:C19)"),
        ("A14:INDEX(A14:A20,1)", "A19:INDEX(A19:A25,1)"),
        ('A14&"A14"&"x""A14"', 'A19&"A14"&"x""A14"'),
        ('IF(A14="合计",A20,14)', 'IF(A19="合计",A25,14)'),
        ("LOG10(A14)", "LOG10(A19)"),
        ("1E14+A14", "1E14+A19"),
        ("税率2024+ABCD14+XFE14+A1048577", "税率2024+ABCD14+XFE14+A1048577"),
        ("a_14+x.A14+A14.b+A14_", "a_14+x.A14+A14.b+A14_"),
        ("_xlfn.X14(A14)", "_xlfn.X14(A19)"),
        ("表1[[#This Row],[A14]]+表1[A14]", "表1[[#This Row],[A14]]+表1[A14]"),
        ("#REF!$A$14+#REF!+A14", "#REF!$A$14+#REF!+A19"),
        ("佐证!A14+'别的 表'!A14:B20+A14", "佐证!A14+'别的 表'!A14:B20+A19"),
        ("[1]表!A14+'[b.xlsx]表'!A14", "[1]表!A14+'[b.xlsx]表'!A14"),
        ("SUM(一月:三月!A14)", "SUM(一月:三月!A14)"),
        ("", ""),
    ],
)
def test_a_formula_on_the_sheet_itself(formula: str, moved: str) -> None:
    assert shift_formula(formula, down) == moved


@pytest.mark.parametrize(
    ("sheet", "formula", "moved"),
    [
        ("评分表", "评分表!$B$20+A20+佐证!A20", "评分表!$B$25+A20+佐证!A20"),
        ("评分表", "'评分表'!A13:L20,'评分表'!$14:$16", "'评分表'!A13:L25,'评分表'!$19:$21"),
        ("It's", "'It''s'!A20+Its!A20", "'It''s'!A25+Its!A20"),
        ("sheet1", "SHEET1!A20", "SHEET1!A25"),
        ("评分表", '"评分表!A20"', '"评分表!A20"'),
        ("评分表", "[2]评分表!A20+'[b.xlsx]评分表'!A20", "[2]评分表!A20+'[b.xlsx]评分表'!A20"),
        ("A14", "A14!A20", "A14!A25"),
    ],
)
def test_a_formula_elsewhere(sheet: str, formula: str, moved: str) -> None:
    assert shift_formula(formula, down, sheet) == moved


def test_a_formula_on_the_sheet_that_also_names_it() -> None:
    assert shift_formula("评分表!A20+A20+佐证!A20", down, "评分表", unqualified=True) == "评分表!A25+A25+佐证!A20"


@pytest.mark.parametrize(
    ("ranges", "moved"),
    [
        ("B13", "B13"),
        ("B13:B20 D20 F14:G15", "B13:B25 D25 F19:G20"),
        (f"A1:A{LAST_ROW}", f"A1:A{LAST_ROW}"),
        ("A:C", "A:C"),
        ("B20:C13", "B13:C25"),
        ("ZZZ1 x !", "ZZZ1 x !"),
        ("", ""),
    ],
)
def test_ranges_are_moved(ranges: str, moved: str) -> None:
    assert shift_ranges(ranges, down) == moved


def test_rows_put_in_another_order_keep_their_rules() -> None:
    order = {13: 20, 14: 13, 15: 14, 16: 21}
    assert shift_ranges("B13:C16", order.__getitem__) == "B13:C14 B20:C21"
    assert shift_ranges("B13:B15", {13: 7, 14: 7, 15: 6}.__getitem__) == "B6:B7"


def template(row: int) -> tuple[int, int]:
    """Row 13 stands for rows 13–27, row 20 was left out."""
    if row < 13:
        return row, row
    if row == 13:
        return 13, 27
    after = row + 14 - (row > 20)
    return (after, after - 1) if row == 20 else (after, after)


@pytest.mark.parametrize(
    ("formula", "anchor", "expanded"),
    [
        ("H13<I13", 13, "H13<I13"),
        ("SUM(D13:F13)>100", 13, "SUM(D13:F13)>100"),  # this row
        ("SUM($D$13:$D$13)", 13, "SUM($D$13:$D$27)"),  # all rows
        ("SUM(D13:D13)", 14, "SUM(D13:D27)"),  # seen from another row: all rows as well
        ("D13/$D$14", 13, "D13/$D$28"),
        ("SUM(D12:D14)", 14, "SUM(D12:D28)"),
        ('COUNTIF($13:$13,"A13")', 14, 'COUNTIF($13:$27,"A13")'),
        ("佐证!D13", 13, "佐证!D13"),
    ],
)
def test_a_template_formula_is_expanded(formula: str, anchor: int, expanded: str) -> None:
    assert expand_formula(formula, template, anchor) == expanded


@pytest.mark.parametrize(
    ("ranges", "expanded"),
    [
        ("B13", "B13:B27"),
        ("B12:C13 D14", "B12:C27 D28"),
        ("B20", ""),
        ("B19:B21", "B33:B34"),
        ("B20 D13:F13", "D13:F27"),
    ],
)
def test_template_ranges_are_expanded(ranges: str, expanded: str) -> None:
    assert expand_ranges(ranges, template) == expanded


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("指标评分表", "指标评分表"), ("Sheet1", "Sheet1"), ("A1", "'A1'"), ("R1C1", "'R1C1'"), ("2024年", "'2024年'"),
        ("评分 表", "'评分 表'"), ("It's", "'It''s'"), ("a-b", "'a-b'"), ("TRUE", "'TRUE'"),
    ],
)  # fmt: skip
def test_sheet_names_are_quoted_where_needed(name: str, written: str) -> None:
    assert quoted_sheet(name) == written
    assert shift_formula(f"{written}!A20", down, name) == f"{written}!A25"


@pytest.mark.parametrize(
    ("reference", "written"),
    [
        ("A1:L40", "$A$1:$L$40"),
        ("10:12", "$10:$12"),
        ("$A$1", "$A$1"),
        ("A1,C3:D4", "$A$1,$C$3:$D$4"),
        ("A:B", "$A:$B"),
    ],
)
def test_references_are_made_absolute(reference: str, written: str) -> None:
    assert absolute(reference) == written


CELLS = st.from_regex(r"\$?[A-Z]{1,2}\$?[1-9][0-9]{0,3}", fullmatch=True)
TERMS = st.one_of(
    CELLS,
    st.tuples(CELLS, CELLS).map(":".join),
    st.text("AB1'! 你", max_size=6).map(lambda text: '"' + text + '"'),
    st.sampled_from(["SUM(", ")", "税率2024", "LOG10(", "佐证!A14", "'a b'!B2", "表1[A14]", "3.14", "#REF!", "TRUE"]),
)
FORMULAS = st.lists(TERMS, min_size=1, max_size=6).map("+".join)


@given(FORMULAS, st.integers(1, 500))
def test_moving_down_and_up_again_changes_nothing(formula: str, by: int) -> None:
    ordered = shift_formula(shift_formula(formula, lambda row: row + 1), lambda row: row - 1)  # ends of ranges in order
    assert shift_formula(shift_formula(ordered, lambda row: row + by), lambda row: row - by) == ordered


@given(st.text(max_size=40), st.integers(1, 500))
def test_any_text_survives(text: str, by: int) -> None:
    moved = shift_formula(text, lambda row: row + by, "表", unqualified=True)
    digits = str.maketrans("", "", "0123456789")
    assert moved.translate(digits) == text.translate(digits)


@given(FORMULAS)
def test_a_template_row_that_stands_for_itself_changes_nothing(formula: str) -> None:
    assert shift_formula(formula, lambda row: row) == formula
    assert expand_formula(formula, lambda row: (row, row), 1) == formula
