"""Lines for the terminal: widths of 汉字, wrapping, nothing that acts on the terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfeval.calculator import evaluate
from perfeval.findings import Code, Finding, Severity, code
from perfeval.pack import load_pack
from perfeval.render import (
    STATUS,
    Look,
    clean,
    closing_line,
    code_lines,
    columns,
    finding_lines,
    pad,
    row_lines,
    sum_lines,
    wrap,
)
from tests.support.forms import real_form


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("abc", 3),
        ("评分表", 6),
        ("H23(得分)", 9),
        ("\uffe512", 4),  # full-width yen
        ("\uff21\uff22\uff23", 6),  # full-width letters
        ("≥5", 2),
        ("é", 1),  # e and a combining accent
        ("a\u200bb", 2),
        ("ｶﾅ", 2),  # half-width kana
        ("🈶", 2),
    ],
)
def test_columns(text: str, width: int) -> None:
    assert columns(text) == width
    assert columns(pad(text, 12)) == 12


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("评分表", 6, ["评分表"]),
        ("评分表完成", 6, ["评分表", "完成"]),
        ("评分表,完成", 6, ["评分", "表,完", "成"]),  # a comma never begins a line
        ("评分\uff0c完成", 5, ["评", "分\uff0c", "完成"]),
        ("得分「满分」", 6, ["得分", "「满", "分」"]),  # nor does an opening bracket end one
        ("超过 2000亿元 了", 8, ["超过", "2000亿元", "了"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("甲\n乙", 10, ["甲", "乙"]),
        ("甲\n\n乙", 10, ["甲", "", "乙"]),
        ("", 10, [""]),
    ],
)
def test_wrap(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


@given(st.text(alphabet="评分表,。「」()ab12 -\n", max_size=80), st.integers(4, 40))
def test_wrapping_loses_nothing_and_keeps_the_width(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(columns(line) <= width for line in lines)


@given(st.text())
def test_clean_text_never_acts_on_a_terminal(text: str) -> None:
    for char in clean(text):
        assert char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b]0;标题\x07清屏\x1b[2J", "�]0;标题�清屏�[2J"),
        ("甲\t乙\r", "甲 乙 "),
        ("\u202e倒写", "倒写"),
        ("坏字节\udcff", "坏字节�"),
        ("第一行\n第二行", "第一行\n第二行"),
        ("江门市", "江门市"),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


FINDING = Finding(
    "OUT003", cell="H23", label="全市引进项目投资额 / 评价年度实现值", sheet="指标评分表", params={"path": "甲.xlsx"}
)


def test_finding_names_severity_code_place_and_remedy() -> None:
    head, *rest = finding_lines(FINDING)
    assert head == "错误 OUT003  指标评分表!H23(全市引进项目投资额 / 评价年度实现值)"
    assert rest == [f"     {FINDING.message}", f"     改法:{FINDING.fix}"]


def test_finding_of_a_whole_file_has_no_place() -> None:
    assert finding_lines(Finding("OUT003", params={"path": "甲.xlsx"}))[0] == "错误 OUT003"


def test_colours_and_wrapping_only_when_the_look_says_so() -> None:
    plain = "\n".join(finding_lines(FINDING))
    assert "\x1b" not in plain
    coloured = finding_lines(FINDING, Look(colour=True, width=40))
    assert coloured[0].startswith("\x1b[1;31m错误\x1b[0m ")
    body = coloured[1:]
    assert len(body) > 2
    assert all(columns(line) <= 40 and line.startswith("     ") for line in body)


def test_label_from_a_workbook_cannot_colour_the_terminal() -> None:
    lines = finding_lines(Finding("OUT003", cell="A1", label="\x1b[31m红\n换行", params={"path": "\x1b[2J.xlsx"}))
    assert not any("\x1b" in line for line in lines)
    assert lines[0].endswith("红 换行)")


@pytest.mark.parametrize(
    ("counts", "skipped", "line"),
    [
        ({"ok": 3, "warning": 2, "error": 1, "failed": 4}, 0, "共 10 个文件:完成 3,有提醒 2,需修改 1,失败 4"),
        ({}, 0, "共 0 个文件:完成 0,有提醒 0,需修改 0,失败 0"),
        ({"ok": 1}, 5, "共 6 个文件:完成 1,有提醒 0,需修改 0,失败 0,跳过 5"),
    ],
)
def test_closing_line(counts: dict[str, int], skipped: int, line: str) -> None:
    assert closing_line(counts, skipped) == line


def test_every_status_has_a_word_of_equal_rank() -> None:
    assert list(STATUS) == ["ok", "warning", "error", "failed"]


def test_page_of_a_code_leaves_out_what_is_not_there() -> None:
    page = code_lines(
        Code(
            "VAL999",
            Severity.WARNING,
            "标题",
            "{cell} 写了「{oddity}」,不是 {{{{ x }}}}。",
            "改 {cell}。",
            why="因为。",
        )
    )
    assert page[0] == "VAL999  标题(提醒)"
    assert "  〔单元格〕 写了「〔…〕」,不是 {{ x }}。" in page
    assert "例子" not in page
    assert "原因" in page
    assert "改法" in page


def test_page_of_a_real_code_has_all_parts() -> None:
    page = "\n".join(code_lines(code("BAT001")))
    assert all(word in page for word in ("提示", "原因", "例子", "改法"))
    assert "{" not in page


def test_how_a_score_came_about_is_told_with_its_sources() -> None:
    pack = load_pack("jiangmen-2024")
    evaluation, _ = evaluate(real_form(pack), pack)
    lines = row_lines(next(row for row in evaluation.rows if row.indicator.name.startswith("全市项目评审数量")))
    assert lines[0] == "全市项目评审数量(个)  得分 5.92 分(I19)"
    assert lines[1:3] == ["  预期值:≥170个", "  实现值:151个"]
    steps = [line for line in lines if line.lstrip()[:1].isdigit()]
    assert len(steps) == sum("依据:" in line for line in lines) >= 2
    assert "5.921568" in steps[-1]


def test_sums_say_why_the_eye_adds_up_to_something_else() -> None:
    pack = load_pack("jiangmen-2024")
    lines = sum_lines(evaluate(real_form(pack), pack)[0])
    assert lines[:4] == ["过程  20 / 20", "产出  39.25 / 40", "效益  39.6 / 40", "合计 98.85"]
    assert "98.87" in lines[4]
