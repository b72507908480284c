"""The national forms as people hand them in: shifted, re-worded, in another order – read like the one handed out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from perfeval.pack import load_pack
from perfeval.pipeline import Options, inspect, layout_of
from perfeval.reader import read_form
from tests.support.clerk import filled
from tests.support.office import convert, requires_office
from tests.support.paper import Paper, differences, said
from tests.test_packs import CASES, HEADER, MONEY

NATIONAL, SPLIT = CASES["national form"], CASES["target in three columns, 90 points shared"]
PARTS = {
    **{f"funds.{name}.fiscal": amount for name, amount in (("budget", "280"), ("allocated", "230"), ("spent", "190"))},
    "funds.budget.carried_over": "20",
    "funds.allocated.carried_over": "20",
    "funds.spent.carried_over": "10",
}
WORKBOOKS = {
    case.pack: filled(load_pack(case.pack), {**HEADER, **MONEY, **PARTS, **case.fields}, case.rows)
    for case in (NATIONAL, SPLIT)
}


def blank_rows(paper: Paper) -> tuple[str, ...]:
    for text in ("项目名称", "年度资金总额", "上年结转资金", "预期目标", "二级指标"):
        paper.insert_rows(paper.row(text))
    paper.insert_rows(1, 2)
    return ()


def blank_columns(paper: Paper) -> tuple[str, ...]:
    for text in ("三级指标", "偏差原因分析及改进措施"):
        paper.insert_columns(paper.column(text))
    paper.insert_columns(1)
    return ()


def merges_taken_apart_and_filled(paper: Paper) -> tuple[str, ...]:
    paper.unmerge(filled=True)
    return ()


def other_words(paper: Paper) -> tuple[str, ...]:
    words = {"项目名称": "项目名称:", "实施单位": "项目实施单位", "其中:当年财政拨款": "其中:财政拨款", "总分": "合计"}
    words |= {"实际完成值": "全年完成值", "偏差原因分析及改进措施": "未完成原因分析", "预期目标": "年初设定目标"}
    for old, new in words.items():
        paper.replace(old, new)
    paper.put(paper.find("全年预算数"), "调整后预算数")
    paper.put(paper.find("全年执行数"), "全年执行数(B)")
    return ()


def no_rows_for_other_money(paper: Paper) -> tuple[str, ...]:
    paper.delete_rows(paper.row("其他资金"))
    return ("field funds.budget.other", "field funds.allocated.other", "field funds.spent.other")


def no_points_and_scores_in_the_money_rows(paper: Paper) -> tuple[str, ...]:
    row = paper.row("年度资金总额")
    for position in [p for p in paper.cells if row - 1 <= p[0] <= row + 3]:
        if paper.cells[position].text in ("分值", "得分", "—"):
            del paper.cells[position]
    return ()


HABITS: tuple[Callable[[Paper], tuple[str, ...]], ...] = (
    blank_rows,
    blank_columns,
    merges_taken_apart_and_filled,
    other_words,
    no_rows_for_other_money,
    no_points_and_scores_in_the_money_rows,
)


@pytest.mark.parametrize("pack_id", WORKBOOKS)
@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.__name__)
def test_a_habit_changes_nothing_that_is_said(habit: Callable[[Paper], tuple[str, ...]], pack_id: str) -> None:
    paper = Paper.of(WORKBOOKS[pack_id])
    layout = layout_of(load_pack(pack_id))
    form, findings = read_form(paper.sheet(), layout)
    assert not findings
    changed = habit(paper)
    again, told = read_form(paper.sheet(), layout)
    computed = ("field funds.points", "field funds.score", "field funds.execution_rate", "amount funds.points")
    skip = (*changed, *computed, "amount funds.score", "amount funds.execution_rate")
    assert differences(again, said(form), without=(*skip, *(key.replace("field", "amount") for key in changed))) == {}
    assert {finding.code for finding in told} <= ({"TPL024"} if changed else set())


def test_columns_of_money_are_found_by_their_heads_in_any_order() -> None:
    paper = Paper.of(WORKBOOKS["mof-2020"])
    top = paper.row("年初预算数")
    first = paper.column("年初预算数")
    before, after = range(1, first), range(first + 3, paper.last_column + 1)
    paper.order_columns([*before, first + 2, first, first + 1, *after], range(top, top + 5))
    form, findings = read_form(paper.sheet(), layout_of(load_pack("mof-2020")))
    assert not findings
    assert [form.text(f"funds.{name}.total") for name in ("budget", "allocated", "spent")] == ["300", "250", "200"]


def test_a_column_of_money_that_is_gone_is_named_and_nothing_read_in_its_place() -> None:
    paper = Paper.of(WORKBOOKS["mof-2020"])
    paper.put(paper.find("全年预算数"), "")
    form, findings = read_form(paper.sheet(), layout_of(load_pack("mof-2020")))
    assert form.amount("funds.allocated.total") is None
    assert "全年预算数" in next(finding.message for finding in findings if finding.code == "TPL024")


def test_the_year_is_read_in_one_cell_with_the_title() -> None:
    paper = Paper.of(WORKBOOKS["mof-2020"])
    paper.delete_rows(2)
    paper.put("A1", "项目支出绩效自评表\n(2024年度)")
    form, _ = read_form(paper.sheet(), layout_of(load_pack("mof-2020")))
    assert form.year in (2024, None)
    assert form.text("project") == HEADER["project"]


@requires_office
@pytest.mark.parametrize("kind", ["xls", "ods"])
def test_other_formats_say_the_same(kind: str, tmp_path: Path) -> None:
    for case in (NATIONAL, SPLIT):
        source = tmp_path / f"{case.pack}.xlsx"
        source.write_bytes(WORKBOOKS[case.pack])
        (form,) = inspect(convert(source, kind, tmp_path / kind), Options()).forms
        assert form.pack.id == case.pack
        assert form.evaluation.total is not None
        assert form.evaluation.total.shown == Decimal(case.total)
