"""What `perfeval diff` says about two versions of a form, or about a return and its own memory."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from perfeval.cli import program
from perfeval.diff import Change, compare, difference
from perfeval.diff.show import comparison_lines, comparison_workbook
from perfeval.diff.words import shortened
from perfeval.pack import load_pack
from perfeval.pipeline import Options, fill
from perfeval.render import Look
from tests.support.clerk import filled
from tests.support.office import convert_all, requires_office, requires_validator, validation_errors
from tests.support.returns import Return
from tests.test_memory import FIELDS, ROWS

PACK = load_pack("jiangmen-2024")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished workbook as it goes out."""
    folder = tmp_path_factory.mktemp("diff")
    (folder / "自评表.xlsx").write_bytes(filled(PACK, FIELDS, ROWS))
    outcome = fill(folder / "自评表.xlsx", folder / "完成.xlsx", Options())
    assert outcome.output is not None
    return outcome.output


def changes(old: Path | None, new: Path) -> list[Change]:
    comparison = compare(old, new, Options())
    assert comparison.findings == () and comparison.bugs == ()
    return list(comparison.forms[0].changes)


def said(found: list[Change]) -> list[tuple[str, str, str, str, str]]:
    return [(c.group, c.kind, c.label, c.before, c.after) for c in found]


# ---- what is found --------------------------------------------------------------------------------------------------


def test_nothing_changed(written: Path) -> None:
    assert changes(written, written) == [] == changes(None, written)


@pytest.mark.parametrize("alone", [True, False], ids=["with its memory", "two files"])
def test_every_kind_of_cell(alone: bool, written: Path, tmp_path: Path) -> None:
    back = Return(written)
    back.type("contact.name", "联系人乙")
    back.type("funds.spent.own_level", 70)
    back.row("走访企业")["actual"] = "95家"
    back.row("监管有效性")["score"] = 6
    back.sheet["N3"] = "请核对"
    path = back.save(tmp_path / "back.xlsx")
    found = changes(None if alone else written, path)
    assert said(found) == [
        ("header", "changed", "联系人", "联系人甲", "联系人乙"),
        ("funds", "changed", "资金使用情况 / 实际支出金额 / 市本级", "76", "70"),
        ("indicators", "changed", "走访企业数量(家) / 评价年度实现值", "90家", "95家"),
        ("scores", "changed", "监管有效性 / 自评分数", "8", "6"),
        ("scores", "changed", "走访企业数量(家) / 自评分数", "18", "19"),
        ("scores", "changed", "合计", "98", "97"),
        ("text", "added", "表格之外的内容", "", "请核对"),
    ]
    assert [change.new_cell for change in found] == ["C3", "F7", "H15", "I14", "I15", "I25", "N3"]
    rows = [change for change in found if change.label.startswith(("走访", "监管"))]
    assert all(change.old_cell == change.new_cell for change in rows)


@pytest.mark.parametrize("alone", [True, False], ids=["with its memory", "two files"])
def test_a_row_more_is_one_change(alone: bool, written: Path, tmp_path: Path) -> None:
    back = Return(written)
    back.insert_below("走访企业", {"name": "培训人次(人次)", "target": "≥10人次", "actual": "5人次"})
    path = back.save(tmp_path / "back.xlsx")
    found = said(changes(None if alone else written, path))
    added = "培训人次(人次)\n评价年度预期值:≥10人次\n评价年度实现值:5人次\n自评分数:6.67"
    assert found == [
        ("indicators", "added", "产出 / 数量指标 / 培训人次(人次)", "", added),
        ("scores", "changed", "产出 / 各项三级指标权重", "20", "13.33"),
        ("scores", "changed", "走访企业数量(家) / 自评分数", "18", "12"),
        ("scores", "changed", "举办活动场次(场) / 自评分数", "20", "13.33"),
        ("scores", "changed", "合计", "98", "92"),
    ]


def test_a_row_less_is_named_with_what_it_said(written: Path, tmp_path: Path) -> None:
    back = Return(written)
    back.delete("举办活动")
    (removed, *_) = changes(written, back.save(tmp_path / "back.xlsx"))
    assert (removed.kind, removed.label) == ("removed", "产出 / 数量指标 / 举办活动场次(场)")
    assert "≥4场" in removed.before and removed.after == ""
    assert removed.old_cell.startswith("E") and removed.new_cell == ""


def test_rows_that_changed_places_and_a_row_renamed(written: Path, tmp_path: Path) -> None:
    back = Return(written)
    back.swap("走访企业", "举办活动")
    back.row("带动就业")["name"] = "新增带动就业人数(人)"
    back.row("带动就业")["actual"] = "61人"
    moved, *found = said(changes(written, back.save(tmp_path / "back.xlsx")))
    assert moved in [
        ("indicators", "moved", "走访企业数量(家)", "第 3 项", "第 4 项"),
        ("indicators", "moved", "举办活动场次(场)", "第 4 项", "第 3 项"),
    ]
    assert found == [
        ("indicators", "changed", "新增带动就业人数(人) / 三级指标名称", "带动就业人数(人)", "新增带动就业人数(人)"),
        ("indicators", "changed", "新增带动就业人数(人) / 评价年度实现值", "60人", "61人"),
    ]


def test_a_score_typed_over_is_shown_beside_the_computed_one(written: Path, tmp_path: Path) -> None:
    back = Return(written)
    back.row("走访企业")["score"] = 20
    found = said(changes(None, back.save(tmp_path / "back.xlsx")))
    assert found == [("scores", "changed", "走访企业数量(家) / 自评分数", "18", "18(填写 20)")]


def test_text_differs_word_by_word(written: Path, tmp_path: Path) -> None:
    back = Return(written)
    text = back.outcome.narrative["spending"]
    back.narrate("spending", text.replace("76万元", "76.5万元"))
    (change,) = changes(None, back.save(tmp_path / "back.xlsx"))
    assert (change.group, change.kind) == ("text", "changed")
    assert [piece for piece in change.pieces if piece.op != "="] == [("-", "76"), ("+", "76.5")]


def test_the_clerks_own_file_against_the_finished_one(written: Path) -> None:
    found = changes(written.with_name("自评表.xlsx"), written)
    assert {change.group for change in found} == {"scores", "text"}
    assert all(change.kind == "added" for change in found if change.group == "text")
    assert ("走访企业数量(家) / 自评分数", "18(填写 20)", "18") in [(c.label, c.before, c.after) for c in found]


@requires_office
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_saved_by_libreoffice_only_what_was_typed_differs(kind: str, written: Path, tmp_path: Path) -> None:
    back = Return(written)
    back.row("走访企业")["actual"] = "100家"
    (path,) = convert_all([back.save(tmp_path / "back.xlsx")], kind, tmp_path / kind)
    expected = [
        ("走访企业数量(家) / 评价年度实现值", "90家", "100家"),
        ("走访企业数量(家) / 自评分数", "18", "20"),
        ("合计", "98", "100"),
    ]
    for old in (None, written):
        assert [(c.label, c.before, c.after) for c in changes(old, path)] == expected


# ---- differences of texts -------------------------------------------------------------------------------------------

_TEXTS = st.text("甲乙丙丁预算。;\n 0123456789.%ab", max_size=60)


@given(_TEXTS, _TEXTS)
def test_pieces_make_both_texts(before: str, after: str) -> None:
    pieces = difference(before, after)
    assert "".join(piece.text for piece in pieces if piece.op in "=-") == before
    assert "".join(piece.text for piece in pieces if piece.op in "=+") == after
    assert all(one.op != other.op for one, other in pairwise(pieces))


@given(_TEXTS)
def test_equal_texts_are_one_piece(text: str) -> None:
    assert [piece.op for piece in difference(text, text)] == ["="] * bool(text)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("支出213.92万元", "支出213.95万元", [("-", "213.92"), ("+", "213.95")]),
        ("已完成。", "已基本完成。", [("+", "基本")]),
        ("甲。乙。丙。", "甲。丙。", [("-", "乙。")]),
        ("资金及时拨付", "受市场影响放缓", [("-", "资金及时拨付"), ("+", "受市场影响放缓")]),
    ],
)
def test_differences_read_well(before: str, after: str, changed: list[tuple[str, str]]) -> None:
    assert [piece for piece in difference(before, after) if piece.op != "="] == changed


def test_what_stayed_is_cut_short() -> None:
    pieces = difference("甲" * 100 + "1" + "乙" * 100, "甲" * 100 + "2" + "乙" * 100)
    assert "".join(piece.text for piece in shortened(pieces)) == "…" + "甲" * 12 + "12" + "乙" * 12 + "…"


def test_long_texts_take_no_time() -> None:
    before = "".join(f"第{n}句,说明{n}。" for n in range(3000))
    pieces = difference(before, before.replace("第", "共"))
    assert "".join(piece.text for piece in pieces if piece.op in "=-") == before


# ---- the command ----------------------------------------------------------------------------------------------------


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(program, ["diff", *map(str, args)])
    return result.exit_code, result.output


@pytest.fixture
def back(written: Path, tmp_path: Path) -> Path:
    edited = Return(written)
    edited.row("走访企业")["actual"] = "100家"
    edited.type("contact.name", "联系人乙")
    return edited.save(tmp_path / "退回.xlsx")


def test_terminal(back: Path) -> None:
    code, text = run(back)
    assert code == 0
    assert text.splitlines() == [
        "表头(1 处)",
        "  修改  联系人(C3)",
        "      联系人甲 → 联系人乙",
        "指标(1 处)",
        "  修改  走访企业数量(家) / 评价年度实现值(H15)",
        "      90家 → 100家",
        "得分(2 处)",
        "  修改  走访企业数量(家) / 自评分数(I15)",
        "      18 → 20",
        "  修改  合计(I25)",
        "      98 → 100",
        "共 4 处变化",
    ]


def test_terminal_in_colour_and_narrow(written: Path, tmp_path: Path) -> None:
    edited = Return(written)
    edited.narrate("spending", edited.outcome.narrative["spending"].replace("76万元", "76.5万元"))
    edited.type("contact.name", "联系人\u202e乙")
    comparison = compare(None, edited.save(tmp_path / "back.xlsx"), Options())
    lines = comparison_lines(comparison, Look(colour=True, width=40))
    assert any("\x1b[1;31m〔删:76〕\x1b[0m" in line for line in lines)
    assert not any("\u202e" in line for line in lines)


def test_json(back: Path, written: Path) -> None:
    code, text = run(written, back, "--json")
    found = json.loads(text)
    assert code == 0 and (found["version"], found["old"], found["new"]) == (1, str(written), str(back))
    (form,) = found["forms"]
    assert form["revision"] == {"old": 1, "new": 2}
    assert form["changes"][0] == {
        "group": "header",
        "change": "changed",
        "label": "联系人",
        "old_cell": "C3",
        "new_cell": "C3",
        "before": "联系人甲",
        "after": "联系人乙",
        "pieces": [{"op": "=", "text": "联系人"}, {"op": "-", "text": "甲"}, {"op": "+", "text": "乙"}],
    }


def test_list_as_workbook(back: Path, tmp_path: Path) -> None:
    target = tmp_path / "变更.xlsx"
    code, _ = run(back, "--out", target)
    assert code == 0
    sheet = openpyxl.load_workbook(target).active
    assert sheet is not None and sheet.title == "变更清单"
    rows = [[cell or "" for cell in row] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert rows[0] == ["类别", "变化", "原单元格", "现单元格", "栏目", "原来", "现在", "差异"]
    assert rows[1] == ["表头", "修改", "", "C3", "联系人", "联系人甲", "联系人乙", ""]
    assert len(rows) == 5
    before = target.read_bytes()
    run(back, "--out", target)
    assert target.read_bytes() == before and len(list(tmp_path.glob("变更*.xlsx"))) == 2


@requires_validator
def test_the_open_xml_sdk_finds_no_error(back: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(comparison_workbook(compare(None, back, Options())))
    assert validation_errors(path) == []


def test_a_file_without_memory_cannot_be_compared_alone(written: Path) -> None:
    code, text = run(written.with_name("自评表.xlsx"))
    assert code == 1 and "TPL044" in text and "perfeval diff 原来的文件 现在的文件" in text


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["没有.xlsx"], 4, "没有.xlsx"),
        (["a.xlsx", "b.xlsx", "c.xlsx"], 2, "最多写两个文件"),
        (["a.xlsx", "--out", "变更.doc"], 2, ".xlsx"),
        ([], 2, "缺少参数"),
    ],
)
def test_wrong_use(args: list[str], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, text = run(*args)
    assert found == code and words in text


def test_a_file_that_is_no_workbook(written: Path, tmp_path: Path) -> None:
    bad = tmp_path / "坏.xlsx"
    bad.write_bytes(b"nothing")
    code, text = run(bad, written)
    assert code == 1 and "坏.xlsx" in text and "TPL002" in text
