"""Workbooks that go out, come back changed or not, and are filled again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import MergedCell

from perfeval import memory
from perfeval.memory import SHEET_NAME, read_memory
from perfeval.numbers import decimal_text
from perfeval.pack import load_pack
from perfeval.pipeline import FormOutcome, Options, Outcome, blank_form, fill, inspect
from perfeval.workbook.grid import open_book
from tests.support.clerk import filled
from tests.support.office import convert_all, requires_office
from tests.support.returns import Return

PACK = load_pack("jiangmen-2024")
FIELDS = {
    "unit_name": "澜江市甲局",
    "project": "乙项目专项经费",
    "contact.name": "联系人甲",
    "funds.budget": "100",
    "funds.allocated.own_level": "80",
    "funds.spent.own_level": "76",
    "goal.expected": "走访企业不少于100家",
    "goal.achieved": "如期实现",
}
# 走访 is stated wrong (SCR101), 论证 above its weight (SCR002), 活动 is right.
ROWS = """
| level1.name | level2.name | indicator.name | indicator.target | indicator.actual | indicator.score | indicator.shortfall_reason | indicator.evidence |
| 过程 | 立项管理 | 论证决策规范性 |  |  | 15 | / | 佐证1:会议纪要 |
| 过程 | 事项管理 | 监管有效性 |  |  | 8 | / | 佐证2:检查通报 |
| 产出 | 数量指标 | 走访企业数量(家) | ≥100家 | 90家 | 20 | 部分企业停产 | 佐证3:台账 |
| 产出 | 数量指标 | 举办活动场次(场) | ≥4场 | 4场 | 20 | / | 佐证4:通知 |
| 效益 | 社会效益指标 | 带动就业人数(人) | ≥50人 | 60人 |  | / | 佐证5:名册 |
| 效益 | 满意度指标 | 企业满意度(%) | ≥90% | 95% | 20 | / | 佐证6:问卷 |
"""  # noqa: E501


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "自评表.xlsx"
    path.write_bytes(filled(PACK, FIELDS, ROWS))
    return path


@pytest.fixture(scope="module")
def written(original: Path) -> Path:
    """The finished workbook as it goes out."""
    return done(original, original.with_name("完成.xlsx"))


def done(source: Path, target: Path) -> Path:
    outcome = fill(source, target, Options())
    assert outcome.output is not None, outcome.findings
    return outcome.output


def form_of(path: Path) -> FormOutcome:
    outcome = inspect(path, Options())
    assert outcome.forms and outcome.bug is None, outcome.findings
    return outcome.forms[0]


def codes(outcome: FormOutcome | Outcome, *wanted: str) -> list[tuple[str, str]]:
    """(code, label) of the findings, those whose code is wanted."""
    return [(f.code, f.label) for f in outcome.findings if not wanted or f.code in wanted]


def scores(outcome: FormOutcome) -> dict[str, str]:
    results = outcome.evaluation.rows
    return {
        r.indicator.name: "" if r.score is None else f"{float(r.score):.2f}".rstrip("0").rstrip(".") for r in results
    }


def total(outcome: FormOutcome) -> str:
    assert outcome.evaluation.total is not None
    return decimal_text(outcome.evaluation.total.shown)


# ---- nothing changed ------------------------------------------------------------------------------------------------


def test_the_original_has_something_to_remember(written: Path, original: Path) -> None:
    first = form_of(original)
    assert ("SCR101", "走访企业数量(家) / 自评分数") in codes(first)
    assert ("SCR002", "论证决策规范性 / 自评分数") in codes(first)
    back = form_of(written)
    assert back.unchanged and back.past is not None and set(back.past.drafts) == set(back.narrative)


def test_an_unchanged_return_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    assert done(written, tmp_path / "again.xlsx").read_bytes() == written.read_bytes()


def test_another_program_saved_it_and_nothing_else(written: Path, original: Path, tmp_path: Path) -> None:
    """openpyxl drops every calculated value: what we had computed must not be called missing."""
    back = form_of(Return(written).save(tmp_path / "back.xlsx"))
    assert back.unchanged and back.revision == 1
    assert codes(back) == codes(form_of(original))


@requires_office
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_libreoffice_saved_it_and_nothing_else(
    kind: str, written: Path, original: Path, finished: dict[str, Outcome], tmp_path: Path
) -> None:
    outputs = {path: outcome.output for path, outcome in finished.items() if outcome.output}
    sources = [written, *outputs.values()]
    saved = convert_all(sources, kind, tmp_path)
    for source, path in zip(sources, saved, strict=True):
        book = open_book(path.read_bytes())
        assert [s.state for s in book.sheets if s.name == SHEET_NAME] == ["hidden"], path.name
        before, after = form_of(source), form_of(path)
        assert after.unchanged, path.name
        assert (after.form_id, after.revision) == (before.form_id, before.revision)
        assert codes(after) == codes(before), path.name
        assert after.narrative == before.narrative
        assert scores(after) == scores(before)
    # Where the pack's own package is written into, even the bytes are those of before.
    again = done(saved[0], tmp_path / "again.xlsx")
    if kind != "xlsx":
        from_pack = done(again, tmp_path / "twice.xlsx")
        assert from_pack.read_bytes() == again.read_bytes()


# ---- something changed ----------------------------------------------------------------------------------------------

Edit = Callable[[Return], None]


def _type_actual(back: Return) -> None:
    back.row("走访企业")["actual"] = "100家"


def _overtype_computed(back: Return) -> None:
    back.row("走访企业")["score"] = 20


def _overtype_stated(back: Return) -> None:
    back.row("监管有效性")["score"] = 6


def _correct_contact(back: Return) -> None:
    back.type("contact.name", "联系人乙")


def _delete_row(back: Return) -> None:
    back.delete("举办活动")


def _insert_row(back: Return) -> None:
    back.insert_below("举办活动", {"name": "培训人次(人次)", "target": "≥10人次", "actual": "5人次"})


def _copy_row(back: Return) -> None:
    back.insert_below("举办活动", {"name": "培训人次(人次)", "target": "≥10人次", "actual": "5人次"}, copied=True)


def _swap_rows(back: Return) -> None:
    back.swap("走访企业", "举办活动")


def _rename_row(back: Return) -> None:
    back.row("举办活动")["name"] = "举办对接活动场次(场)"


# Edit → scores that are then right, the total, and what is said about scores and weights.
EDITS: list[tuple[str, Edit, Mapping[str, str], str, list[tuple[str, str]]]] = [
    ("实现值改正", _type_actual, {"走访企业数量(家)": "20"}, "100", []),
    (
        "改写算出的得分",
        _overtype_computed,
        {"走访企业数量(家)": "18"},
        "98",
        [("TPL042", "走访企业数量(家) / 自评分数")],
    ),
    ("改填报的得分", _overtype_stated, {"监管有效性": "6"}, "96", []),
    ("只改联系人", _correct_contact, {"走访企业数量(家)": "18", "论证决策规范性": "12"}, "98", []),
    ("删去一行", _delete_row, {"走访企业数量(家)": "36"}, "96", []),
    ("插入一行", _insert_row, {"走访企业数量(家)": "12", "培训人次(人次)": "6.67"}, "92", []),
    ("复制一行再改", _copy_row, {"走访企业数量(家)": "12", "培训人次(人次)": "6.67"}, "92", []),
    ("两行对调", _swap_rows, {"走访企业数量(家)": "18", "举办活动场次(场)": "20"}, "98", []),
    ("改名", _rename_row, {"举办对接活动场次(场)": "20"}, "98", []),
]
_ABOUT_SCORES = ("SCR001", "SCR002", "SCR101", "SCR102", "WGT102", "WGT103", "TPL042", "VAL201", "VAL206", "TPL043")


def check_edit(path: Path, expected: Mapping[str, str], wanted: str, said: list[tuple[str, str]]) -> FormOutcome:
    back = form_of(path)
    assert not back.unchanged and back.revision == 2
    found = scores(back)
    assert {name: found.get(name) for name in expected} == dict(expected)
    assert total(back) == wanted
    assert codes(back, *_ABOUT_SCORES) == said
    return back


@pytest.mark.parametrize(("edit", "expected", "wanted", "said"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_edited_with_openpyxl(
    edit: Edit, expected: Mapping[str, str], wanted: str, said: list[tuple[str, str]], written: Path, tmp_path: Path
) -> None:
    back = Return(written)
    edit(back)
    path = back.save(tmp_path / "back.xlsx")
    check_edit(path, expected, wanted, said)
    again = done(path, tmp_path / "again.xlsx")
    assert form_of(again).revision == 2
    assert done(again, tmp_path / "twice.xlsx").read_bytes() == again.read_bytes()


@requires_office
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_edited_and_saved_by_libreoffice(kind: str, written: Path, tmp_path: Path) -> None:
    """LibreOffice calculates anew what openpyxl left without values, wrong references included."""
    edited = []
    for number, (_, edit, *_rest) in enumerate(EDITS):
        back = Return(written)
        edit(back)
        edited.append(back.save(tmp_path / f"edit{number}.xlsx"))
    for (name, _, expected, wanted, said), path in zip(EDITS, convert_all(edited, kind, tmp_path / kind), strict=True):
        try:
            check_edit(path, expected, wanted, said)
        except AssertionError as error:
            raise AssertionError(name) from error


def test_a_draft_follows_the_numbers_and_a_text_by_hand_stays(written: Path, tmp_path: Path) -> None:
    before = form_of(written)
    section, other = "spending", "goals"
    assert "76万元" in before.narrative[section] and "未达标1项" in before.narrative[other]
    back = Return(written)
    back.row("走访企业")["actual"] = "100家"
    back.type("funds.spent.own_level", 70)
    by_hand = before.narrative[other] + "另有三项工作正在推进。"
    back.narrate(other, by_hand)
    path = back.save(tmp_path / "back.xlsx")
    after = form_of(path)
    assert "70万元" in after.narrative[section] and "76" not in after.narrative[section]
    assert after.narrative[other] == by_hand
    assert not after.form.narrative[section] and after.form.narrative[other].text == by_hand
    third = form_of(done(path, tmp_path / "again.xlsx"))
    assert third.unchanged and third.narrative == after.narrative


def test_a_draft_that_was_deleted_is_drafted_again(written: Path, tmp_path: Path) -> None:
    before = form_of(written)
    section = next(iter(before.narrative))
    back = Return(written)
    back.narrate(section, "")
    after = form_of(back.save(tmp_path / "back.xlsx"))
    assert after.narrative == before.narrative


def test_findings_about_typed_scores_vanish_once_something_was_changed(written: Path, tmp_path: Path) -> None:
    assert codes(form_of(written), "SCR101", "SCR002") != []
    back = Return(written)
    back.type("contact.name", "联系人乙")
    assert codes(form_of(back.save(tmp_path / "back.xlsx")), "SCR101", "SCR002") == []


# ---- which form is it -----------------------------------------------------------------------------------------------


def test_a_form_keeps_its_name(original: Path, written: Path, tmp_path: Path) -> None:
    name = form_of(original).form_id
    assert re.fullmatch("[0-9a-f]{16}", name)
    assert form_of(written).form_id == name
    back = Return(written)
    back.type("unit_name", "填报单位名称:澜江市甲局(更正)")
    assert form_of(back.save(tmp_path / "corrected.xlsx")).form_id == name


def test_a_form_copied_for_another_project_is_another_form(written: Path, tmp_path: Path) -> None:
    back = Return(written)
    title = back.sheet[back.form.cell("project").ref].value
    back.type("project", str(title).replace("乙项目", "丙工程"))
    for number, indicator in enumerate(back.form.indicators):
        if indicator.group != "过程":
            back.sheet[indicator.cell("name").ref] = f"丙工程指标{number}"
            back.sheet[indicator.cell("target").ref] = "≥7个"
    after = form_of(back.save(tmp_path / "copy.xlsx"))
    assert after.form_id != form_of(written).form_id and after.revision == 1


def test_revisions_count_changes_not_fills(written: Path, tmp_path: Path) -> None:
    path = written
    for number in range(2, 5):
        back = Return(path)
        back.type("contact.name", f"联系人{number}")
        path = done(back.save(tmp_path / f"back{number}.xlsx"), tmp_path / f"out{number}.xlsx")
        path = done(path, tmp_path / f"same{number}.xlsx")
        assert form_of(path).revision == number


def test_the_pack_is_known_where_words_leave_it_open(original: Path, tmp_path: Path) -> None:
    """A second pack that prints the same words: the form alone cannot tell, the workbook remembers."""
    twin = tmp_path / "packs" / "jiangmen-twin"
    shutil.copytree(PACK.folder, twin)
    rules = (twin / "rules.toml").read_text(encoding="utf-8")
    (twin / "rules.toml").write_text(rules.replace(f'id = "{PACK.id}"', 'id = "jiangmen-twin"'), encoding="utf-8")
    both = Options(templates=tmp_path / "packs")
    assert [f.code for f in inspect(original, both).findings] == ["TPL021"]
    named = fill(original, tmp_path / "twin.xlsx", Options(templates=tmp_path / "packs", pack="jiangmen-twin"))
    assert named.output is not None
    assert [form.pack.id for form in inspect(named.output, both).forms] == ["jiangmen-twin"]


def test_a_blank_form_names_its_pack_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "blank.xlsx"
    path.write_bytes(blank_form(PACK))
    found, faults = read_memory(open_book(path.read_bytes()))
    assert found is not None and faults == ()
    assert [(form.pack, form.id, form.revision, form.whole) for form in found.forms] == [(PACK.id, "", 0, False)]


# ---- the record itself ----------------------------------------------------------------------------------------------


def stored(path: Path) -> dict[str, Any]:
    """The record as anybody can read it."""
    sheet = openpyxl.load_workbook(path)[SHEET_NAME]
    head = json.loads(sheet["A2"].value)
    text = "".join(sheet.cell(3 + n, 1).value for n in range(head["cells"]))
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_record_is_very_hidden_readable_and_says_nothing_but_the_form(written: Path) -> None:
    book = openpyxl.load_workbook(written)
    assert book[SHEET_NAME].sheet_state == "veryHidden"
    record = stored(written)
    (form,) = record["forms"]
    assert form["pack"] == PACK.id and form["revision"] == 1
    assert form["rows"][2]["typed"] == {"score": ["20", "20"]}
    shown = " ".join(str(cell.value) for sheet in book.worksheets[:1] for row in sheet for cell in row if cell.value)
    said = [text for row in form["rows"] for text in row["texts"].values()] + list(form["fields"].values())
    assert [text for text in said if text not in shown] == []
    assert str(written.parent) not in json.dumps(record, ensure_ascii=False)


def test_other_programs_see_the_custom_properties(written: Path) -> None:
    properties = openpyxl.load_workbook(written).custom_doc_props
    assert properties["perfeval.pack"].value == PACK.id
    assert properties["perfeval.form"].value == form_of(written).form_id
    assert properties["perfeval.revision"].value == "1"


def forge(path: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A record that was changed by somebody who knows how it is secured."""
    record = stored(path)
    change(record)
    text = json.dumps(record, ensure_ascii=False)
    book = openpyxl.load_workbook(path)
    sheet = book[SHEET_NAME]
    sheet["A2"] = json.dumps({"perfeval": 1, "cells": 1, "digest": memory._digest(text)})
    sheet["A3"] = text
    book.save(target)
    return target


def _set(*keys: Any) -> Callable[[dict[str, Any]], None]:
    *way, last, value = keys

    def change(record: dict[str, Any]) -> None:
        place: Any = record
        for key in way:
            place = place[key]
        place[last] = value

    return change


DAMAGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "rows is no list": _set("forms", 0, "rows", "x"),
    "a row without name": lambda record: record["forms"][0]["rows"][0].pop("name"),
    "score is no number": _set("forms", 0, "rows", 0, "score", "九十"),
    "score is huge": _set("forms", 0, "rows", 0, "score", "1e99999999"),
    "score divided by nothing": _set("forms", 0, "rows", 0, "score", "1/0"),
    "typed number is endless": _set("forms", 0, "rows", 0, "typed", {"score": ["1", "1E+99999999"]}),
    "typed number is none": _set("forms", 0, "rows", 0, "stated", {"score": "NaN"}),
    "unknown problem": _set("forms", 0, "problems", {"project": "bewitched"}),
    "unknown code": _set("forms", 0, "findings", [["ZZZ999", "", "", {}, ""]]),
    "known code without its words": _set("forms", 0, "findings", [["SCR101", "", "", {}, ""]]),
    "a flood of findings": _set("forms", 0, "findings", [["TPL041", "", "", {}, ""]] * 500),
    "a text that is a number": _set("forms", 0, "fields", {"project": 5}),
    "revision is a word": _set("forms", 0, "revision", "two"),
    "nested without end": _set("forms", json.loads("[" * 500 + "]" * 500)),
    "no forms at all": lambda record: record.pop("forms"),
}


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_is_ignored_with_a_finding(
    change: Callable[[dict[str, Any]], None], written: Path, tmp_path: Path
) -> None:
    path = forge(written, tmp_path / "forged.xlsx", change)
    outcome = inspect(path, Options())
    assert outcome.bug is None
    assert codes(outcome, "TPL040") == [("TPL040", "")]
    assert outcome.forms[0].past is None
    assert done(path, tmp_path / "out.xlsx")


def test_a_record_that_was_cut_is_ignored(written: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(written)
    book[SHEET_NAME]["A3"] = book[SHEET_NAME]["A3"].value[:-5]
    book.save(tmp_path / "cut.xlsx")
    assert codes(inspect(tmp_path / "cut.xlsx", Options()), "TPL040") == [("TPL040", "")]


def test_a_record_that_is_gone_is_missed(written: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(written)
    del book[SHEET_NAME]
    book.save(tmp_path / "gone.xlsx")
    outcome = inspect(tmp_path / "gone.xlsx", Options())
    assert codes(outcome, "TPL041") == [("TPL041", "")]
    again = done(tmp_path / "gone.xlsx", tmp_path / "again.xlsx")
    assert done(again, tmp_path / "twice.xlsx").read_bytes() == again.read_bytes()


@pytest.mark.parametrize("score", ["0", "12", "8"])
def test_a_forged_score_never_becomes_a_score(score: str, written: Path, tmp_path: Path) -> None:
    """The cell shows 8 points; whatever the record claims the clerk had typed, 8 points are counted."""

    def change(record: dict[str, Any]) -> None:
        row = record["forms"][0]["rows"][1]
        row["typed"], row["stated"] = {"score": [score, score]}, {"score": score}

    outcome = inspect(forge(written, tmp_path / "forged.xlsx", change), Options())
    assert scores(outcome.forms[0])["监管有效性"] == "8"
    # 12 of 8 points are kept to 8, which is what the cell says: that can have been so.
    assert bool(codes(outcome, "TPL043")) == (score == "0")


def test_a_record_never_grows_without_bound(tmp_path: Path) -> None:
    path = tmp_path / "huge.xlsx"
    path.write_bytes(filled(PACK, FIELDS, ROWS))
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    for number in range(20):
        sheet.cell(3 + number, 20).value = "长" * 30000
    book.save(path)
    out = done(path, tmp_path / "out.xlsx")
    assert out.stat().st_size < 200_000
    back = form_of(out)
    assert back.past is not None and not back.past.whole
    assert back.form_id == form_of(path).form_id
    assert done(out, tmp_path / "again.xlsx")


# ---- nothing typed is ever lost -------------------------------------------------------------------------------------

_TYPED = ("name", "target", "actual", "shortfall_reason", "evidence")
_FIELDS = ("contact.name", "contact.phone", "legal_basis", "goal.expected", "goal.achieved", "project_level")
_ACTIONS = st.one_of(
    st.tuples(st.just("row"), st.integers(0, 30), st.sampled_from(_TYPED)),
    st.tuples(st.just("field"), st.sampled_from(_FIELDS), st.just("")),
    st.tuples(st.just("narrate"), st.integers(0, 9), st.sampled_from(("replace", "append"))),
    st.tuples(st.just("insert"), st.integers(0, 30), st.sampled_from(("new", "copy"))),
    st.tuples(st.just("delete"), st.integers(0, 30), st.just("")),
    st.tuples(st.just("beside"), st.integers(1, 40), st.integers(14, 20)),
    st.tuples(st.just("fill"), st.just(0), st.just("")),
)
_TOKEN = re.compile("词[0-9]{4}")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=st.lists(_ACTIONS, min_size=1, max_size=12))
@example(actions=[("delete", 0, "")])  # links of the list of problems were once moved twice
def test_no_sequence_of_edits_and_fills_loses_a_word(
    actions: list[tuple[str, Any, Any]], written: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    path = written
    expected: set[str] = set()
    for number, (action, where, how) in enumerate(actions):
        if action == "fill":
            path = done(path, folder / f"{number}.xlsx")
            continue
        token = f"词{number:04}"
        back = Return(path)
        gone = _acted(back, action, where, how, token)
        if gone is None:
            continue
        path = back.save(folder / f"{number}.xlsx")
        expected = (expected - gone) | ({token} if action != "delete" else set())
    out = done(path, folder / "out.xlsx")
    sheet = openpyxl.load_workbook(out).worksheets[0]
    found = set(_TOKEN.findall(" ".join(str(cell.value) for row in sheet for cell in row if cell.value)))
    assert expected <= found
    assert done(out, folder / "again.xlsx").read_bytes() == out.read_bytes()


def _acted(back: Return, action: str, where: Any, how: Any, token: str) -> set[str] | None:
    """Do one edit; the words it overwrites or deletes, None when there was nothing to do it to."""
    rows = back.form.indicators
    if action == "field":
        cell = back.sheet[back.form.cell(where).ref]
    elif action == "narrate":
        sections = sorted(back.form.narrative)
        cell = back.sheet[back.form.narrative[sections[where % len(sections)]].ref]
        if how == "append":
            cell.value = f"{cell.value or ''}{token}"
            return set()
    elif action == "beside":
        cell = back.sheet.cell(where, how)
    elif not rows:
        return None
    else:
        row = rows[where % len(rows)]
        if action == "row":
            cell = back.sheet[row.cell(how).ref]
        elif action == "insert":
            back.insert_below(
                row.name, {"name": f"新增{token}", "target": "≥5个", "actual": "5个"}, copied=how == "copy"
            )
            return set()
        else:
            number = back.row(row.name).number
            own = " ".join(str(c.value) for c in back.sheet[number] if c.value)
            back.delete(row.name)
            return set(_TOKEN.findall(own))
    gone = set(_TOKEN.findall(str(cell.value)))
    cell.value = token
    return gone


_DAMAGE = st.tuples(
    st.integers(1, 34),
    st.integers(1, 14),
    st.sampled_from(
        (
            "词{n:04}",
            "#REF!",
            5,
            3.3,
            "=1/3",
            "=SUM(A1:A3)",
            None,
            "约12个",
            "不适用",
            "优",
            "6.67",
            " 词{n:04}\n二行 ",
            "数量指标",
        )
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage=st.lists(_DAMAGE, min_size=1, max_size=6))
@example(damage=[(10, 8, "词0000")])  # a column whose head is gone
@example(damage=[(15, 3, "数量"), (16, 3, "词0001")])  # rows that are printed in another order
@example(damage=[(16, 1, "词{n:04}")])  # a row of an unknown group
@example(damage=[(25, 10, "词0000")])  # words in the total row
@example(damage=[(3, 16, "=1/3")])  # a formula beside the form that no program has calculated
def test_whatever_was_typed_anywhere_filling_settles_at_once(
    damage: list[tuple[int, int, object]], original: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The first result, filled again, is the same to the byte: labels may be gone and formulas broken."""
    folder = tmp_path_factory.mktemp("damage")
    book = openpyxl.load_workbook(original)
    sheet = book.worksheets[0]
    for number, (row, column, value) in enumerate(damage):
        cell = sheet.cell(row, column)
        if not isinstance(cell, MergedCell):
            cell.value = value.format(n=number) if isinstance(value, str) else value
    book.save(folder / "in.xlsx")
    first = fill(folder / "in.xlsx", folder / "first.xlsx", Options())
    assert first.bug is None
    if first.output is None:
        return  # no longer recognised as a form
    assert done(first.output, folder / "again.xlsx").read_bytes() == first.output.read_bytes()
    words = {word for row in sheet.iter_rows(min_col=7) for cell in row for word in _TOKEN.findall(str(cell.value))}
    result = openpyxl.load_workbook(first.output)
    found = {word for s in result for row in s for cell in row for word in _TOKEN.findall(str(cell.value))}
    assert words <= found
