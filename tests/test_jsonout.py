"""The JSON contract of design §6, member by member, on the real form of domain.md 1.3."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from perfeval.calculator import evaluate
from perfeval.findings import Finding
from perfeval.jsonout import document, dumps, file_object, file_text
from perfeval.model import Cell, Form
from perfeval.pack import Pack, load_pack
from perfeval.pipeline import FormOutcome, Outcome
from tests.support.forms import form_of, real_form


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("jiangmen-2024")


def outcome_of(form: Form, pack: Pack, *findings: Finding, **changes: Any) -> Outcome:
    evaluation, _ = evaluate(form, pack)
    entry = FormOutcome(pack, form, evaluation, {"spending": "年初预算数343万元。"}, ())
    return replace(Outcome(Path("收/表.xlsx"), forms=(entry,), findings=findings), **changes)


@pytest.fixture
def entry(pack: Pack) -> dict[str, Any]:
    finding = Finding(
        "OUT006", "H21", "甲 / 实现值", {"path": "a.xlsx", "output": "b.xlsx", "option": "…"}, "指标评分表"
    )
    value = json.loads(file_text(outcome_of(real_form(pack), pack, finding, output=Path("出/表_评分表.xlsx"))))
    assert isinstance(value, dict)
    return value


def test_members_of_a_file(entry: dict[str, Any]) -> None:
    promised = {"path", "output", "pack", "status", "form", "groups", "indicators", "total", "narrative", "findings"}
    assert promised <= set(entry)
    assert entry["path"] == "收/表.xlsx"
    assert entry["output"] == "出/表_评分表.xlsx"
    assert entry["pack"] == "jiangmen-2024"
    assert entry["status"] == "ok"
    assert entry["narrative"] == {"spending": "年初预算数343万元。"}


def test_header_and_funds(entry: dict[str, Any]) -> None:
    form = entry["form"]
    assert (form["unit_name"], form["project"], form["year"]) == ("江门市投资促进局", "招商引资专项经费", 2024)
    assert form["contact"] == {"name": "张三", "phone": "0750-0000000", "email": "zhangsan@example.org"}
    assert form["funds"] == {
        "budget": "343",
        "allocated": {"own_level": "257.33", "transferred": None, "total": "257.33"},
        "spent": {"own_level": "213.92", "transferred": None, "total": "213.92"},
        "execution_rate": "0.831306105001…",
    }
    assert set(form["goal"]) == {"expected", "achieved"}


def test_scores_are_exact_and_shown(entry: dict[str, Any]) -> None:
    assert [(group["level1"], group["weight"]["shown"], group["score"]["shown"]) for group in entry["groups"]] == [
        ("过程", "20", "20"),
        ("产出", "40", "39.25"),
        ("效益", "40", "39.6"),
    ]
    exact = 20 + 5 * Fraction(40, 6) + Fraction(151, 170) * Fraction(40, 6) + Fraction("39.6")
    assert Fraction(entry["total"].pop("exact")) == exact
    assert entry["total"] == {"shown": "98.85", "grade": None}


def test_an_indicator(entry: dict[str, Any]) -> None:
    row = next(row for row in entry["indicators"] if row["name"].startswith("全市项目评审数量"))
    assert row["weight"] == {"exact": "20/3", "shown": "6.67"}
    assert row["target"] == {
        "text": "≥170个", "relation": ">=", "value": "170", "upper": None, "unit": "个", "kind": "number"
    }  # fmt: skip
    assert (row["actual"]["value"], row["actual"]["relation"]) == ("151", None)
    assert row["completion"] == "0.888235294117…"
    assert row["score"] == {"exact": "302/51", "shown": "5.92"}
    assert row["stated_score"] is None
    assert row["shortfall_reason"].startswith("受市场环境等因素影响")
    assert row["cells"]["target"] == "G19"
    assert row["cells"]["actual"] == "H19"
    assert "151" in row["explanation"]
    stated = entry["indicators"][0]
    assert stated["stated_score"] == "12"
    assert stated["target"]["kind"] == "none"


def test_a_finding(entry: dict[str, Any]) -> None:
    assert entry["findings"] == [
        {
            "code": "OUT006",
            "severity": "note",
            "sheet": "指标评分表",
            "cell": "H21",
            "label": "甲 / 实现值",
            "message": Finding("OUT006", params={"path": "a.xlsx", "output": "b.xlsx"}).message,
            "fix": Finding("OUT006", params={"option": "…"}).fix,
        }
    ]


def test_a_row_without_score_leaves_no_total(pack: Pack) -> None:
    form = form_of(pack, "| 一级 | 二级 | 三级 | 预期值 | 实现值 |\n| 产出 | 数量指标 | 甲(个) | ≥5个 | |")
    entry = file_object(outcome_of(form, pack))
    assert entry["indicators"][0]["score"] is None
    assert entry["total"] is None
    assert entry["form"]["funds"] == {
        "budget": None,
        "allocated": {"own_level": None, "transferred": None, "total": None},
        "spent": {"own_level": None, "transferred": None, "total": None},
        "execution_rate": None,
    }


def test_a_money_part_that_cannot_be_read_gives_no_total(pack: Pack) -> None:
    form = real_form(pack)
    fields = {**form.fields, "funds.spent.transferred": Cell("F7", "约三百万")}
    entry = file_object(outcome_of(replace(form, fields=fields), pack))
    assert entry["form"]["funds"]["spent"] == {"own_level": "213.92", "transferred": None, "total": None}
    assert entry["form"]["funds"]["execution_rate"] is None


def test_nothing_allocated_gives_no_rate(pack: Pack) -> None:
    form = real_form(pack)
    fields = {**form.fields, "funds.allocated.own_level": Cell("C6", "0", Decimal(0))}
    assert file_object(outcome_of(replace(form, fields=fields), pack))["form"]["funds"]["execution_rate"] is None


def test_a_file_that_holds_no_form(pack: Pack) -> None:
    outcome = Outcome(Path("坏.xlsx"), findings=(Finding("BAT002", params={"path": "坏.xlsx"}),))
    entry = file_object(outcome)
    assert (entry["status"], entry["form"], entry["pack"], entry["output"]) == ("failed", None, None, None)
    assert (entry["groups"], entry["indicators"], entry["narrative"], entry["total"]) == ([], [], {}, None)
    assert "forms" not in entry
    assert "bug" not in entry


def test_several_forms_in_a_workbook(pack: Pack) -> None:
    one = outcome_of(real_form(pack), pack)
    second = replace(one.forms[0], form=replace(one.forms[0].form, sheet="第二张"))
    entry = file_object(replace(one, forms=(*one.forms, second)))
    assert [form["sheet"] for form in entry["forms"]] == ["指标评分表", "第二张"]
    assert entry["form"] == entry["forms"][0]["form"]
    assert entry["total"] == entry["forms"][1]["total"]


def test_our_own_fault_is_named_without_traceback() -> None:
    entry = file_object(Outcome(Path("x"), bug='Traceback …\n  File "x.py"\nKeyError: 3\n'))
    assert entry["bug"] == "KeyError: 3"
    assert entry["status"] == "failed"


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("after", [{}, {"interrupted": True}])
def test_the_document_is_valid_however_many_files(number: int, after: dict[str, object]) -> None:
    text = "".join(document((dumps({"n": n}) for n in range(number)), lambda: after))
    assert json.loads(text) == {"version": 1, "files": [{"n": n} for n in range(number)], **after}


def test_nothing_is_written_before_the_first_file_is_there() -> None:
    def breaks() -> Any:
        raise RuntimeError
        yield ""

    with pytest.raises(RuntimeError):
        next(document(breaks()))


@pytest.mark.parametrize("text", ["坏\udcff字节.xlsx", '引号"反斜杠\\', "控制\x00\x1f", "表情😀", "\u2028"])
def test_any_text_survives_as_utf8(text: str) -> None:
    encoded = dumps({"path": text}).encode("utf-8")
    assert json.loads(encoded) == {"path": text}
