"""Forms as clerks hand them in: shifted, re-merged, re-worded, torn apart – read right, or what is wrong is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfeval.calculator import evaluate
from perfeval.captions import captions
from perfeval.findings import Finding, catalogue
from perfeval.layout import COMPUTED
from perfeval.model import Cell, CellProblem, Form, Kind
from perfeval.pack import available, load_pack
from perfeval.pipeline import layout_of
from perfeval.reader import read_form
from perfeval.workbook.grid import Range
from tests.support.clerk import filled
from tests.support.paper import Impossible, Paper, differences, said

INBOX = Path(__file__).resolve().parents[1] / "samples" / "inbox"
PACK = load_pack("jiangmen-2024")
LAYOUT = layout_of(PACK)
BASE = Paper.of(INBOX / "江门市投资促进局" / "招商引资专项经费.xlsx")
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
# What only the first cell of a merge says once the merge is taken apart; the pack knows all of it.
PRINTED = ("criterion of", "level1 of", "level2 of", "weight of")


def read(paper: Paper) -> tuple[Form, tuple[Finding, ...]]:
    return read_form(paper.sheet(), LAYOUT)


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.cell) for finding in findings]


EXPECTED = said(read(BASE)[0])


def test_the_base_is_read_whole() -> None:
    form, findings = read(BASE)
    assert told(findings) == []
    assert len(form.indicators) == 13
    assert {key: form.text(key) for key in ("project", "unit_name", "contact.phone", "project_level")} == {
        "project": "招商引资专项经费",
        "unit_name": "江门市投资促进局(一级)",
        "contact.phone": "0750-0000000",
        "project_level": "一级",
    }
    assert all(cell.text for cell in form.narrative.values())


# ---- what people do to a form, none of which changes what it says ----------------------------------------------------

Habit = Callable[[Paper], tuple[str, ...]]  # returns what is said otherwise afterwards, by beginnings of its keys


def blank_rows(paper: Paper) -> tuple[str, ...]:
    for row in (1, paper.row("填报单位名称"), paper.row("二级指标"), paper.row("质量指标"), paper.row("(二)")):
        paper.insert_rows(row, 2)
    return ()


def blank_columns(paper: Paper) -> tuple[str, ...]:
    for text in ("三级指标", "评价年度实现值", "未达标原因分析"):
        paper.insert_columns(paper.column(text))
    paper.insert_columns(1)
    return ()


def nothing_merged(paper: Paper) -> tuple[str, ...]:
    paper.unmerge()
    return PRINTED


def merges_taken_apart_and_filled(paper: Paper) -> tuple[str, ...]:
    paper.unmerge(filled=True)
    return ()


def levels_repeated(paper: Paper) -> tuple[str, ...]:
    table = Range(paper.row("过程"), 1, paper.row("合计:") - 1, paper.column("三级指标") - 1)
    paper.unmerge(table, filled=True)
    return PRINTED


def levels_merged_otherwise(paper: Paper) -> tuple[str, ...]:
    """The weights of a group, merged over all of it, merged kind by kind."""
    weight = paper.find("各项指标权重=40/指标总数")
    span = paper.span(weight)
    paper.unmerge(span)
    half = (span.top + span.bottom) // 2
    paper.merge(Range(span.top, span.left, half, span.left).ref)
    paper.merge(Range(half + 1, span.left, span.bottom, span.left).ref)
    return ("weight of",)


def wide_labels(paper: Paper) -> tuple[str, ...]:
    for text in ("联系人", "联系电话", "实施文件依据", "市本级", "预算计划安排", "评价年度预期值", "自评分数"):
        paper.replace(text, f" {text[0]} {text[1:]} :".translate(FULL_WIDTH))
    for row, column in [place for place, cell in paper.cells.items() if cell.text in ("权重(%)", "合计:")]:
        paper.put((row, column), paper.cells[row, column].text.translate(FULL_WIDTH))
    for heading in ("(一)资金支出情况", "二、资金使用绩效存在的问题:"):
        paper.replace(heading, " " + heading.translate(FULL_WIDTH))
    return ()


def starred_labels(paper: Paper) -> tuple[str, ...]:
    for text in ("联系人", "联系电话", "预期总体目标", "评价年度实现值"):
        paper.replace(text, f"*{text}")
    paper.replace("项目级次", "★项目级次(必填)")
    return ()


def labels_of_other_places(paper: Paper) -> tuple[str, ...]:
    paper.replace("评价年度预期值", "年度指标值(A)")
    paper.replace("评价年度实现值", "全年实际完成值")
    paper.replace("自评分数", "自评得分")
    paper.replace("未达标原因分析", "未完成原因及拟采取的改进措施")
    paper.replace("合计:", "自评总分")
    paper.replace("预算计划安排", "年初预算数")
    return ()


def title_page_above(paper: Paper) -> tuple[str, ...]:
    paper.insert_rows(1, 3)
    paper.put("A1", "附件2")
    paper.put("A2", "市级财政资金绩效自评材料")
    return ("beside",)


def notes_at_the_side(paper: Paper) -> tuple[str, ...]:
    column = paper.last_column + 2
    paper.put((paper.row("质量指标"), column), "与系统数据一致")
    paper.put((paper.row("联系人"), column), "此表一式两份")
    return ("beside",)


def label_and_value_in_one_cell(paper: Paper) -> tuple[str, ...]:
    for label, value in (
        ("联系人", "联系人甲"), ("项目级次", "一级"), ("预算计划安排", "343"), ("联系邮箱", "contact@example.invalid"),
    ):  # fmt: skip
        row = paper.row(label)
        for place in [place for place, cell in paper.cells.items() if place[0] == row and cell.text == value]:
            paper.put(place, "")
        paper.replace(label, f"{label}:{value}")
    return ()


def value_beside_the_unit_name(paper: Paper) -> tuple[str, ...]:
    place = paper.find("填报单位名称")
    if (place[0], place[1] + 1) in paper.cells:
        raise Impossible("there is no room beside it")
    paper.unmerge(paper.span(place))
    value = paper.cells[place].text.partition(":")[2]
    paper.put(place, "填报单位名称")
    paper.put((place[0], place[1] + 2), value)
    return ()


def below(paper: Paper, heading: str) -> tuple[int, int]:
    """The next cell under a heading."""
    row, column = paper.find(heading)
    return min(place for place in paper.cells if place[0] > row and place[1] == column)


def texts_in_their_headings(paper: Paper) -> tuple[str, ...]:
    for heading in ("(一)资金支出情况", "三、改进意见:"):
        place = below(paper, heading)
        text = paper.cells[place].text
        for copy in [other for other, cell in paper.cells.items() if other[0] == place[0] and cell.text == text]:
            paper.put(copy, "")
        paper.put(paper.find(heading), f"{heading}\n{text}")
    return ()


def narrative_in_one_cell(paper: Paper) -> tuple[str, ...]:
    first, column = paper.find("一、资金使用绩效:")
    lower = sorted(place for place in paper.cells if place[0] >= first)
    texts = [paper.cells.pop(place).text for place in lower if place[1] == column]
    for place in lower:
        paper.put(place, "")
    paper.put((first, column), "\n".join(texts))
    return ()


def texts_over_several_cells(paper: Paper) -> tuple[str, ...]:
    row, column = below(paper, "(二)资金完成绩效目标情况")
    paper.unmerge(Range(row, column, row, paper.last_column))
    text = paper.cells.pop((row, column)).text
    if (row, column + 1) in paper.cells:
        raise Impossible("there is no room beside it")
    half = text.index("。") + 1
    paper.insert_rows(row + 1)
    paper.put((row, column + 1), text[:half])
    paper.put((row + 1, column), text[half:])
    return ("narrative goals",)


def no_total_row(paper: Paper) -> tuple[str, ...]:
    paper.delete_rows(paper.row("合计:"))
    return ("field total.",)


def another_year(paper: Paper) -> tuple[str, ...]:
    paper.replace("项目绩效自评指标评分表(招商引资专项经费)", "江门市2023年度项目绩效自评指标评分表(招商引资专项经费)")
    paper.replace("评价年度预期值", "2023年度预期值")
    paper.replace("评价年度实现值", "2023年实现值")
    paper.replace("预期总体目标", "2023年度预期总体目标")
    return ()


def table(paper: Paper) -> range:
    bottom = [row for (row, _), cell in paper.cells.items() if cell.text in ("合计:", "自评总分", "合计\uff1a")]
    return range(paper.row("评价指标"), max(bottom) + 1 if bottom else paper.row("一、资金使用绩效"))


def columns_in_another_order(paper: Paper) -> tuple[str, ...]:
    words = ("评价年度预期值", "评价年度实现值", "自评分数", "参考佐证材料")
    columns = [paper.column(word) for word in words]
    moved = dict(zip(columns, columns[::-1], strict=True))
    paper.order_columns([moved.get(c, c) for c in range(1, paper.last_column + 1)], table(paper))
    return ()


def columns_left_out(paper: Paper) -> tuple[str, ...]:
    gone = {paper.column("评分标准"), paper.column("参考佐证材料")}
    gone |= {column for (_, column), cell in paper.cells.items() if cell.text.startswith("权重")}
    paper.order_columns([c for c in range(1, paper.last_column + 1) if c not in gone], table(paper))
    return ("criterion of", "evidence of", "weight of", "stated weight of", "field total.weight")


def leaves(paper: Paper) -> list[tuple[int, int]]:
    """The lowest header cells of the three levels: name and weight of each."""
    found = sorted(place for place, cell in paper.cells.items() if cell.text.startswith(("名称", "权重")))
    if len(found) != 6:
        raise Impossible("columns of the header are missing")
    return found


def one_header_row(paper: Paper) -> tuple[str, ...]:
    top, bottom = paper.row("评价指标"), paper.row("名称")
    paper.unmerge(Range(top, 1, bottom, paper.last_column))
    words = ["一级指标", "一级指标权重", "二级指标", "二级指标权重", "三级指标", "权重"]
    for (_, column), word in zip(leaves(paper), words, strict=True):
        paper.put((top, column), word)
    paper.delete_rows(top + 1, bottom - top)
    return ()


def two_header_rows(paper: Paper) -> tuple[str, ...]:
    top, bottom = paper.row("评价指标"), paper.row("名称")
    paper.unmerge(Range(top, 1, bottom, paper.column("评价年度预期值") - 1))
    names = [column for _, column in leaves(paper)]
    paper.delete_rows(top + 1, bottom - top - 1)
    for level, first, last in zip(("一级指标", "二级指标", "三级指标"), names[::2], names[1::2], strict=True):
        paper.put((top, first), level)
        paper.merge(Range(top, first, top, last).ref)
    return ()


def an_unknown_column(paper: Paper) -> tuple[str, ...]:
    column = paper.column("自评分数")
    paper.insert_columns(column)
    paper.put((paper.row("评价指标"), column), "数据来源")
    paper.put((paper.row("质量指标"), column), "统计年报")
    return ("beside",)


HABITS: dict[str, Habit] = {
    habit.__name__: habit
    for habit in (
        blank_rows, blank_columns, nothing_merged, merges_taken_apart_and_filled, levels_repeated,
        levels_merged_otherwise, wide_labels, starred_labels, labels_of_other_places, title_page_above,
        notes_at_the_side, label_and_value_in_one_cell, value_beside_the_unit_name, texts_in_their_headings,
        narrative_in_one_cell, texts_over_several_cells, no_total_row, another_year, columns_in_another_order,
        columns_left_out, one_header_row, two_header_rows, an_unknown_column,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", HABITS)
def test_a_habit_changes_nothing(name: str) -> None:
    paper = BASE.copy()
    skipped = HABITS[name](paper)
    form, findings = read(paper)
    assert differences(form, EXPECTED, without=skipped) == {}
    assert {finding.code for finding in findings} <= {"TPL029"}
    assert ("TPL029" in {finding.code for finding in findings}) == ("beside" in skipped)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(sorted(HABITS)), min_size=2, max_size=6, unique=True))
def test_habits_together_change_nothing(names: list[str]) -> None:
    paper, skipped = BASE.copy(), list[str]()
    for name in names:
        attempt = paper.copy()
        try:
            skipped += HABITS[name](attempt)
        except Impossible:  # what it would change is no longer there
            continue
        paper = attempt
    assert differences(read(paper)[0], EXPECTED, without=skipped) == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 46), st.integers(1, 3)), min_size=1, max_size=8))
def test_blank_lines_anywhere_change_nothing(lines: list[tuple[bool, int, int]]) -> None:
    paper = BASE.copy()
    for down, before, count in lines:
        if down:
            paper.insert_rows(before, count)
        else:
            paper.insert_columns(before % 13 + 1, count)
    form, findings = read(paper)
    assert differences(form, EXPECTED) == {}
    assert told(findings) == []


# ---- what cannot be read is named ------------------------------------------------------------------------------------

LINE = 15  # the first row of 产出 in the base: 考察拜访企业/机构数量(家)


def renamed_column(paper: Paper) -> str:
    paper.replace("评价年度实现值", "评价年度完成情况")
    return "H10"


def column_without_header(paper: Paper) -> str:
    paper.replace("评价年度预期值", "甲")
    return ""


def renamed_label(paper: Paper) -> str:
    paper.replace("预算计划安排", "预算安排")
    return "C5"


def unknown_group(paper: Paper) -> str:
    paper.put("A15", "其他")
    paper.put("C15", "其他指标")
    return "C15"


def nothing_filled_in(paper: Paper) -> str:
    for row in range(13, 29):
        for column in (5, 7, 8):
            paper.put((row, column), "")
    return "A13"


def nameless_row(paper: Paper) -> str:
    paper.put("E16", "")
    return "E16"


def unknown_kind(paper: Paper) -> str:
    paper.put("C20", "质量")
    paper.put("C20", "好坏指标")
    return "C20"


def note_beside(paper: Paper) -> str:
    paper.put("N16", "待核")
    return "N16"


def hidden_row(paper: Paper) -> str:
    paper.hidden_rows.add(LINE + 1)
    return "E16"


def uncached(paper: Paper) -> str:
    paper.put("H15", Cell(text="", formula="50+55", problem=CellProblem.UNCACHED))
    return "H15"


def broken_formula(paper: Paper) -> str:
    paper.put("E5", Cell(text="#REF!", formula="#REF!+1", problem=CellProblem.ERROR))
    return "E5"


def picture(paper: Paper) -> str:
    paper.put("G17", Cell(text="[图片]", formula='DISPIMG("ID_1",1)', problem=CellProblem.PICTURE))
    return "G17"


def vague_amount(paper: Paper) -> str:
    paper.put("F7", "约二百万")
    return "F7"


def amount_in_yuan(paper: Paper) -> str:
    paper.put("F7", "2139200元")
    return "F7"


def vague_score(paper: Paper) -> str:
    paper.put("I15", "6.67左右")
    return "I15"


def number_with_a_note(paper: Paper) -> str:
    paper.put("H15", "105家(含线上)")
    return "H15"


PRODUCED: dict[str, Callable[[Paper], str]] = {
    "TPL022": column_without_header, "TPL023": renamed_column, "TPL024": renamed_label, "TPL025": unknown_group,
    "TPL026": nothing_filled_in, "TPL027": nameless_row, "TPL028": unknown_kind, "TPL029": note_beside,
    "TPL032": hidden_row, "VAL201": uncached, "VAL202": broken_formula, "VAL203": picture, "VAL204": vague_amount,
    "VAL205": amount_in_yuan, "VAL206": vague_score, "VAL208": number_with_a_note,
}  # fmt: skip
# Told before or after the reading of a sheet, or about forms that split their columns; tested there.
ELSEWHERE = {"TPL020", "TPL021", "TPL030", "TPL031", "VAL207", *(f"TPL03{digit}" for digit in "345678")}


def test_every_code_of_the_reader_is_produced_here() -> None:
    codes = {code for code in catalogue() if "TPL020" <= code < "TPL040" or "VAL201" <= code < "VAL300"}
    assert codes == PRODUCED.keys() | ELSEWHERE


@pytest.mark.parametrize("code", PRODUCED)
def test_a_code_is_given_at_its_cell(code: str) -> None:
    paper = BASE.copy()
    cell = PRODUCED[code](paper)
    _, findings = read(paper)
    assert (code, cell) in told(findings)
    assert {finding.code for finding in findings} - {"TPL029"} == {code} - {"TPL029"}
    assert all(finding.message and finding.fix for finding in findings)


# Nearly the same, and nothing to be told.
HARMLESS: dict[str, dict[str, str]] = {
    "another name of the column": {"H10": "实际完成值"},
    "another name of the label": {"C5": "年初预算数"},
    "a kind without 指标": {"C20": "质量"},
    "a group in brackets": {"A15": "产出(40分)"},
    "an amount in its own unit": {"F7": "213.92万元"},
    "an amount that is none": {"K7": "/"},
    "a score with its unit": {"I15": "6.67分"},
    "a score that is none": {"I15": "—"},
    "a note that repeats the name": {"H28": "满意度100%"},
    "an indicator without result": {"H15": ""},
    "a hint instead of an indicator": {"E21": "指标1:", "L21": "……"},
    "a mark in a row without indicator": {"J21": "/", "I21": "0"},
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_needs_no_word(name: str) -> None:
    paper = BASE.copy()
    for cell, text in HARMLESS[name].items():
        paper.put(cell, text)
    form, findings = read(paper)
    assert told(findings) == []
    assert len(form.indicators) == 13


def test_a_renamed_column_is_asked_about_in_the_clerks_own_words() -> None:
    paper = BASE.copy()
    paper.insert_rows(1)
    paper.replace("评价年度实现值", "评价年度\n完成情况")
    form, findings = read(paper)
    assert told(findings) == [("TPL023", "H11"), ("TPL029", "H11")]
    assert findings[0].message == "找不到“评价年度实现值”一列;第11行“评价年度完成情况”是否就是它?"
    assert findings[0].fix.startswith("如果是,请把 H11 改为“评价年度实现值”")
    assert all(row.actual.kind is Kind.NONE for row in form.indicators), "it is not guessed"


def test_two_renamed_columns_are_not_both_taken_for_one() -> None:
    paper = BASE.copy()
    paper.replace("评价年度预期值", "评价年度预期")
    paper.replace("评价年度实现值", "评价年度实现")
    _, findings = read(paper)
    assert [(f.code, f.cell, f.params["column"]) for f in findings if f.code != "TPL029"] == [
        ("TPL023", "G10", "评价年度预期值"),
        ("TPL023", "H10", "评价年度实现值"),
    ]


def test_a_renamed_label_is_asked_about_and_its_value_kept_beside() -> None:
    paper = BASE.copy()
    renamed_label(paper)
    form, findings = read(paper)
    assert findings[0].message == "找不到“预算计划安排”;第5行“预算安排”是否就是它?"
    assert form.amount("funds.budget") is None, "it is not guessed"
    assert sorted(stray.cell.text for stray in form.strays) == ["343", "预算安排"]


def test_a_renamed_row_heading_keeps_its_amounts_from_being_taken_for_others() -> None:
    paper = BASE.copy()
    paper.replace("实际分配下达", "上年结转资金")
    form, findings = read(paper)
    assert form.amount("funds.allocated.own_level") is None
    assert form.amount("funds.spent.own_level") == Decimal("213.92")
    assert (findings[0].code, findings[0].params["missing"]) == ("TPL024", "实际分配下达")


def test_a_deleted_row_is_named_once() -> None:
    paper = BASE.copy()
    paper.delete_rows(paper.row("联系人"))
    form, findings = read(paper)
    assert [(f.code, f.message) for f in findings] == [
        ("TPL024", f"找不到“{label}”,它旁边要填的内容没有读到。") for label in ("联系人", "联系电话", "联系邮箱")
    ]
    assert form.text("contact.name") == ""


@pytest.mark.parametrize("pack", available())
def test_no_field_is_called_by_nothing_or_by_the_title_of_the_form(pack: str) -> None:
    layout = layout_of(load_pack(pack))
    names = captions(layout)
    assert all(names.values())
    assert (names["project"], names.get("year", "评价年度")) == ("项目名称", "评价年度")
    assert not any(name.endswith("表") for name in names.values())


def test_a_title_that_is_gone_is_told_with_what_stood_in_it() -> None:
    paper = BASE.copy()
    paper.put("A1", "")
    _, (finding,) = read(paper)
    assert (finding.code, finding.label) == ("TPL024", "项目名称")
    assert finding.message == "找不到“项目绩效自评指标评分表”,它旁边要填的项目名称没有读到。"


def test_words_below_the_table_that_are_no_indicator_are_kept() -> None:
    paper = BASE.copy()
    paper.delete_rows(paper.row("合计:"), paper.last_row)
    row = paper.last_row + 1
    paper.put((row, 1), "填报人:张三")
    paper.put((row, 5), "")
    form, findings = read(paper)
    assert [stray.cell.text for stray in form.strays] == ["填报人:张三"]
    assert told(findings) == [("TPL029", f"A{row}")]


def test_evidence_in_a_row_without_indicator_is_kept() -> None:
    paper = BASE.copy()
    paper.put("L21", "佐证16:验收报告")
    form, _ = read(paper)
    assert [stray.cell.text for stray in form.strays] == ["佐证16:验收报告"]


def test_a_header_repeated_inside_the_table_is_no_indicator() -> None:
    paper = BASE.copy()
    paper.insert_rows(20)
    for column, text in ((5, "名称"), (7, "评价年度预期值"), (8, "评价年度实现值"), (9, "自评分数")):
        paper.put((20, column), text)
    form, _ = read(paper)
    assert differences(form, EXPECTED) == {}


def test_rows_in_another_order_are_the_same_rows() -> None:
    paper = BASE.copy()
    for column in (5, 7, 8, 9, 10, 12):
        upper, lower = (paper.cells.get((row, column), Cell()) for row in (15, 19))
        paper.put((15, column), lower if lower else "")
        paper.put((19, column), upper if upper else "")
    form, findings = read(paper)
    assert told(findings) == []
    now, before = said(form), EXPECTED
    assert (now["row 2"], now["row 6"]) == (before["row 6"], before["row 2"])


@pytest.mark.parametrize(
    ("result", "suggested"),
    [("服务企业105家", ",例如「105家」"), ("105家,其中线上5家", ""), ("若干家", ""), ("按时完成100%", ",例如「100%」")],
)
def test_one_number_among_words_is_suggested(result: str, suggested: str) -> None:
    paper = BASE.copy()
    paper.put("H15", result)
    form, _ = read(paper)
    _, findings = evaluate(form, PACK)
    (finding,) = [finding for finding in findings if finding.cell == "H15"]
    assert (finding.code, finding.fix) == (
        "VAL002",
        f"请在 H15 只填一个数字和单位{suggested},说明文字写到别的栏。",
    )


# ---- every pack ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", available())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_forms_of_every_pack_stand_blank_lines(name: str, data: st.DataObject) -> None:
    base = blank(name)
    layout = layout_of(load_pack(name))
    form, _ = read_form(base.sheet(), layout)
    paper = base.copy()
    for _ in range(data.draw(st.integers(1, 5))):
        down = data.draw(st.booleans())
        before = data.draw(st.integers(1, (base.last_row if down else base.last_column) + 1))
        paper.insert_rows(before) if down else paper.insert_columns(before)
    assert differences(read_form(paper.sheet(), layout)[0], said(form)) == {}


@cache
def blank(name: str) -> Paper:
    """The form of a pack with something in every header field."""
    pack = load_pack(name)
    fields = {
        path: "12.5" if path.startswith("funds.") else f"甲{number}乙"
        for number, path in enumerate(layout_of(pack).places)
    }
    fields = {path: text for path, text in fields.items() if not path.startswith(COMPUTED)} | {"year": "2024"}
    group = next(group for group in pack.groups if group.scoring == "measured")
    kind = group.kinds[0].name
    return Paper.of(
        filled(
            pack,
            fields,
            f"""
            | level1.name | level2.name | indicator.name | indicator.target | indicator.actual | indicator.weight |
            | {group.name} | {kind} | 新建公厕数量 | ≥10座 | 9座 | 20 |
            | {group.name} | {kind} | 改造公厕数量 | ≥12座 | 12座 | 20 |
            """,
        )
    )
