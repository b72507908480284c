"""The re-check of a filled form: every fault at its cell, and nothing to say about a clean form."""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfeval.calculator import evaluate
from perfeval.findings import Finding, catalogue, code
from perfeval.findings.scr import CAUSES
from perfeval.model import Cell, Form
from perfeval.narrative import render
from perfeval.pack import Pack, load_pack
from perfeval.review import RULES, review
from perfeval.review.context import ReviewContext
from perfeval.review.words import Words
from tests.support.forms import form_of, places, real_form

CASES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "cases" / "review.toml").read_text(encoding="utf-8"))
GOLDEN = Path(__file__).parent / "golden" / "messages.txt"
STAGES = ("VAL", "WGT", "SCR", "FND", "TXT", "EVD")
# 0xx are the calculator's, 2xx the reader's.
OWN = [entry for entry in catalogue().values() if entry.id[:3] in STAGES and entry.id[3] == "1"]


@cache
def pack() -> Pack:
    return load_pack("jiangmen-2024")


def form_of_case(case: Mapping[str, Any]) -> Form:
    """The clean form with the changes of one case."""
    base = CASES["base"]
    table = case.get("table", base["table"])
    for old, new in case.get("changes", ()):
        assert table.count(old) == 1, f"「{old}」 stands {table.count(old)} times in the table"
        table = table.replace(old, new)
    fields = {**base["fields"], **case.get("fields", {})}
    narrative = {**base["narrative"], **case.get("narrative", {})}
    return form_of(pack(), table, fields=fields, narrative=narrative)


def reviewed(form: Form) -> tuple[Finding, ...]:
    evaluation, _ = evaluate(form, pack())
    return review(form, evaluation, pack())


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_case(case: Mapping[str, Any]) -> None:
    expected = [(place.split()[0], place.split()[1].replace("-", "")) for place in case["expected"]]
    assert places(reviewed(form_of_case(case))) == expected


# ---- the real submission (domain.md 1.4)

REAL_NARRATIVE = {
    "spending": "2024年一级项目招商引资专项经费年初预算数343万元,因压减一般性支出,实际分配下达257.33万元,"
    "实际支出金额合计213.92万元。",
    "goals": "2024年一级项目招商引资专项经费的产出和效益指标共11项,达标9项,未达标2项。"
    "全年引进超亿元项目计划投资额1929.4亿元,其中制造业项目占比74.2%。",
    "uses": "在重点城市举办专题推介会4场次;获得10亿元以上有效线索7个。",
    "expiring_funds": "2024年一级项目大型修缮没有到期资金,建议按原计划继续安排。",
}
REAL_GOAL = "全年引进超亿元项目计划投资额≥2000亿元,其中制造业项目占比≥80%,企业对招商服务的满意度不低于85%。"


def test_the_seven_faults_of_the_real_submission() -> None:
    form = real_form(pack(), {"佐证13:感谢信": "佐证13:企业感谢信;佐证14:新闻报道", "佐证2:检查通报": "不适用"})
    fields = {**form.fields, "goal.expected": Cell("E8", REAL_GOAL), "goal.achieved": Cell("K8", "基本实现:完成较好")}
    narrative = {key: Cell(f"A{row}", text) for row, (key, text) in enumerate(REAL_NARRATIVE.items(), 31)}
    form = replace(form, fields=fields, narrative=narrative)
    evaluation, scoring = evaluate(form, pack())
    findings = [*scoring, *review(form, evaluation, pack())]
    seven = {
        "promised 2000, reached 1929.4": ("TXT106", "A32", "1929.4亿元"),
        "promised 80 %, reached 74.2 %": ("TXT106", "A32", "74.2%"),
        "another project": ("TXT107", "A34", "大型修缮"),
        "a thank-you letter is no survey": ("EVD103", "L25", "感谢信"),
        "超2000亿元 is no definite number": ("VAL003", "H21", "超2000亿元"),
        "8 of 8 for what does not apply": ("SCR108", "I14", "不适用"),
        "results outrun spending": ("FND108", "B8", "15.9%"),
    }
    for fault, (code_id, cell, words) in seven.items():
        assert any((f.code, f.cell) == (code_id, cell) and words in f.message for f in findings), fault
    others = sorted(f.code for f in findings if not any((f.code, f.cell) == (c, at) for c, at, _ in seven.values()))
    assert others == ["EVD104", "SCR106", "SCR106", "SCR106"], "133 %, 140 %, 150 %, and 佐证2 gone: no other alarm"


def test_a_promise_of_the_text_that_the_table_hides_names_both_places() -> None:
    (finding,) = [f for f in reviewed(real_form(pack())) if f.code == "TXT106" and "1929.4" in f.message]
    assert "≥2000亿元" in finding.message
    assert "H21" in finding.message


# ---- what a rule may report, and how


def test_each_code_has_one_rule_and_each_rule_keeps_to_its_codes() -> None:
    declared = [code_id for rule in RULES for code_id in rule.codes]
    assert sorted(declared) == sorted(entry.id for entry in OWN)
    for case in CASES["cases"]:
        form = form_of_case(case)
        context = ReviewContext(form, evaluate(form, pack())[0], pack())
        for rule in RULES:
            assert {finding.code for finding in rule.check(context)} <= set(rule.codes)


def test_each_code_is_expected_in_some_case() -> None:
    expected = {place.split()[0] for case in CASES["cases"] for place in case["expected"]}
    assert expected == {entry.id for entry in OWN}


@pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.id)
def test_explain_has_something_to_say(entry: Any) -> None:
    assert entry.why
    assert entry.example
    assert "→" in entry.example or entry.example.endswith(("」", "。"))


def test_wording() -> None:
    """How each code reads in the first case that reports it. PERFEVAL_UPDATE=1 writes the snapshot anew."""
    shown: dict[str, str] = {}
    for case in CASES["cases"]:
        for finding in reviewed(form_of_case(case)):
            severity = code(finding.code).severity.label
            head = f"{severity} {finding.code} {finding.cell}({finding.label})"
            shown.setdefault(finding.code, f"{head}\n  {finding.message}\n  改法:{finding.fix}\n")
    now = "\n".join(shown[code_id] for code_id in sorted(shown))
    if os.environ.get("PERFEVAL_UPDATE"):
        GOLDEN.write_text(now, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == now


def test_findings_come_in_reading_order_whole_sheet_first() -> None:
    form = form_of_case(
        {
            "name": "",
            "fields": {"contact.phone": "", "funds.spent.own_level": "70"},
            "narrative": {"spending": "", "other": "我中心按计划开展工作。"},
            "changes": [
                ["佐证11:问卷调查汇总", "/"],
                ["一个项目签约推迟到次年1月。", "/"],
                ["≥85% | 96%", "≥85% | 106%"],
            ],
        }
    )
    cells = [finding.cell for finding in reviewed(form)]
    assert cells == ["B4", "B9", "B9", "J20", "H22", "L22", "A103"]


# ---- why a typed score differs

CAUSE_TABLE = """
    6.66  | ≥3场次   | 4场次   | cut_off
    6.7   | ≥3场次   | 4场次   | fewer_decimals
    7     | ≥3场次   | 4场次   | integer
    8.89  | ≥3场次   | 4场次   | not_capped
    6.67  | ≥170个   | 151个   | full_marks
    5.93  | ≥170个   | 151个   | rounded_first
    592.16 | ≥170个  | 151个   | percent
    88.82 | ≥170个   | 151个   | ratio_as_score
    7.11  | ≥170个   | 151个   | other_count
    3.33  | ≥3场次   | 4场次   | other_count
    5     | ≥3场次   | 4场次   | reversed
    8     | ≥3场次   | 4场次   | other_count
    6.1   | ≥170个   | 151个   |
"""


@pytest.mark.parametrize("line", [line.strip() for line in CAUSE_TABLE.strip().splitlines()])
def test_likely_cause_of_a_differing_score(line: str) -> None:
    typed, target, actual, cause = (part.strip() for part in line.split("|"))
    form = real_form(pack(), {"≥3场次 | 4场次 | |": f"{target} | {actual} | {typed} |"})
    (finding,) = [finding for finding in reviewed(form) if finding.code == "SCR101"]
    assert finding.cell == "I16"
    said = finding.params["cause"]
    if not cause:
        assert said == ""
    else:
        assert said.startswith(CAUSES[cause].partition("{")[0]), said


@pytest.mark.parametrize("typed", ["6.67", "6.667", "6.66666666666667", "6.670"])
def test_a_score_shown_with_two_or_more_decimals_is_right(typed: str) -> None:
    form = real_form(pack(), {"≥3场次 | 4场次 | |": f"≥3场次 | 4场次 | {typed} |"})
    assert [f for f in reviewed(form) if f.code == "SCR101"] == []


@pytest.mark.parametrize(
    ("typed", "cause"),
    [
        ("98.85", None),
        ("98.8549", None),
        ("98.8549019607842", None),
        ("98.87", "rows_rounded_first"),
        ("98.9", ""),
        ("100", ""),
    ],
)
def test_typed_total(typed: str, cause: str | None) -> None:
    form = real_form(pack())
    form = replace(form, fields={**form.fields, "total.score": Cell("I26", typed, Decimal(typed))})
    said = [finding.params["cause"] for finding in reviewed(form) if finding.code == "SCR102"]
    assert said == ([] if cause is None else [CAUSES[cause] if cause else ""])


@pytest.mark.parametrize(("text", "number"), [("100", "100"), ("100%", "1"), ("99.9999999999999", "99.9999999999999")])
def test_weights_that_add_up_to_the_total(text: str, number: str) -> None:
    form = real_form(pack())
    form = replace(form, fields={**form.fields, "total.weight": Cell("F26", text, Decimal(number))})
    assert [finding.code for finding in reviewed(form) if finding.code == "WGT103"] == []


# ---- quiet, and never broken


def test_wide_and_narrow_signs_read_alike() -> None:
    narrow = form_of_case(
        {"name": "", "narrative": {"spending": "2024年(一级)项目:实际支出金额合计99.5万元,执行率95%。"}}
    )
    wide = {key: Cell(cell.ref, cell.text.translate(_WIDE)) for key, cell in narrow.narrative.items()}
    assert places(reviewed(narrow)) == places(reviewed(replace(narrow, narrative=wide)))
    assert places(reviewed(narrow)) == [("TXT101", "A101"), ("TXT103", "A101")]


_WIDE = {ord(sign): ord(sign) + 0xFEE0 for sign in "(),:;"}


def test_a_blank_form_is_asked_only_for_what_must_be_there() -> None:
    fields = dict.fromkeys(CASES["base"]["fields"], "")
    form = form_of(pack(), "", fields=fields)
    assert {finding.code for finding in reviewed(form)} == {"VAL103"}
    assert len(reviewed(form)) == len([path for path in pack().required if path in fields])


@pytest.mark.parametrize(
    "piece", ["数额", "共计", "1个", "2023年", "佐证1、", "一级项目", "江海市招商局2023年", "(", "3万元"]
)
def test_long_texts_are_read_in_passing(piece: str) -> None:
    """Nothing in a text of the greatest length a cell can hold makes the review slow; what is slow takes minutes."""
    text = "实际支出" + piece * (32_000 // len(piece)) + "3万元"
    started = time.perf_counter()
    narrative = {"spending": text, "goals": text}
    reviewed(form_of_case({"name": "", "fields": {"goal.expected": text, "legal_basis": text}, "narrative": narrative}))
    assert time.perf_counter() - started < 5


TEXT = st.text(
    st.sampled_from(
        "2024年一级项目招商引资预算数实际支出执行率达标未指标共项佐证满意度不适用%≥≤.,。:;()/1234567890万元亿\n "
    )
)


@given(TEXT, TEXT, TEXT, TEXT)
def test_whatever_is_written_the_review_answers(goal: str, prose: str, evidence: str, reason: str) -> None:
    form = form_of_case({"name": ""})
    fields = {**form.fields, "goal.expected": Cell("E8", goal), "goal.achieved": Cell("K8", prose)}
    first, *rest = form.indicators
    cells = {**first.cells, "evidence": Cell("L13", evidence), "shortfall_reason": Cell("J13", reason)}
    form = replace(
        form,
        fields=fields,
        indicators=(replace(first, cells=cells), *rest),
        narrative={"spending": Cell("A30", prose), "goals": Cell("A32", goal)},
    )
    for finding in reviewed(form):
        assert finding.message
        assert finding.fix


# ---- what we wrote ourselves


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_text_drafted_from_the_numbers_is_never_found_wanting(case: Mapping[str, Any]) -> None:
    form = form_of_case(case)
    form = replace(form, narrative={key: Cell(f"A{row}") for row, key in enumerate(pack().narrative, 101)})
    evaluation, _ = evaluate(form, pack())
    drafted = render(pack(), form, evaluation)
    narrative = {key: Cell(form.narrative[key].ref, text) for key, text in drafted.items() if key in form.narrative}
    assert any(cell.text for cell in narrative.values())
    before = places(review(form, evaluation, pack()))
    after = places(review(replace(form, narrative=narrative), evaluation, pack()))
    assert [place for place in after if place not in before] == []


def test_words_of_a_pack_are_found_in_either_width_the_longest_first() -> None:
    words = Words(("达标", "未达标", "(约)", "约"))
    assert words.within("共(约）3项")
    assert not words.within("共3项")
    assert words.find("共3项未达标", 2) == 3
    assert words.ends("未达标3项") == [3]
    assert words.begin("\uff08约)3项")
    assert words.all_in("2项达标,约1项未达标") == ["达标", "约", "未达标"]
    assert words.all_but_one("达标 了\n未达标")
    assert not words.all_but_one("已达标了")
    assert not Words(())
