"""Odd cells and odd workbooks on the whole way from the file: what Excel, WPS and people leave in them."""

from __future__ import annotations

import datetime as dt
import io
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from perfeval.findings import Severity
from perfeval.model import Basis, Kind
from perfeval.pack import load_pack
from perfeval.pipeline import FormOutcome, Options, Outcome, blank_form, fill, inspect, layout_of, produce
from perfeval.reader import read_form
from perfeval.workbook.grid import open_book
from tests.support.foreign import with_members
from tests.support.office import convert_all, requires_office
from tests.support.packs import write_pack
from tests.support.paper import Paper, differences, said, workbook_of

INBOX = Path(__file__).resolve().parents[1] / "samples" / "inbox"
BASE = Paper.of(INBOX / "江门市投资促进局" / "招商引资专项经费.xlsx")
SHEET = "xl/worksheets/sheet1.xml"


def outcome_of(data: bytes) -> Outcome:
    outcome, _ = produce(Path("自评表.xlsx"), data, Options(pack="jiangmen-2024"))
    assert outcome.bug is None, outcome.bug
    return outcome


def form_of(data: bytes) -> FormOutcome:
    (form,) = outcome_of(data).forms
    return form


def codes_at(outcome: FormOutcome, cell: str) -> list[str]:
    return [finding.code for finding in outcome.findings if finding.cell == cell]


EXPECTED: dict[str, Any] = said(form_of(BASE.workbook()).form)


def with_cell(ref: str, xml: str) -> bytes:
    """The base with the XML of one cell, as some program wrote it: `xml` begins after the cell's address."""
    row = re.search(r"[0-9]+", ref)
    assert row is not None
    paper = BASE.copy()
    paper.put(ref, "待换")

    def changed(sheet: bytes) -> bytes:
        text, count = re.subn(rf'<c r="{ref}"[^>]*>.*?</c>', lambda _: f'<c r="{ref}"{xml}', sheet.decode("utf-8"))
        assert count == 1
        return text.encode("utf-8")

    return with_members(paper.workbook(), {SHEET: changed})


def typed(changes: dict[str, tuple[Any, str]], *, mac: bool = False) -> bytes:
    """The base with values typed into cells under a number format, saved by openpyxl."""
    book = openpyxl.load_workbook(io.BytesIO(BASE.workbook()))
    if mac:
        book.epoch = CALENDAR_MAC_1904
    for ref, (value, number_format) in changes.items():
        cell = book.worksheets[0][ref]
        cell.value, cell.number_format = value, number_format
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# ---- numbers and their formats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number_format", "completion"),
    [
        (0.985, "0.0%", Decimal("98.5") / 85),
        (0.985, "0%", Decimal("98.5") / 85),  # shown as 99%: what counts is what the cell holds
        (98.5, "General", Decimal("98.5") / 85),
        ("98.5", "@", Decimal("98.5") / 85),
        ("98.5%", "General", Decimal("98.5") / 85),
        ("９８．５％", "General", Decimal("98.5") / 85),
    ],
)
def test_a_satisfaction_of_98_5_percent_in_many_cells(value: object, number_format: str, completion: Decimal) -> None:
    outcome = form_of(typed({"H28": (value, number_format)}))
    (row,) = [row for row in outcome.evaluation.rows if row.indicator.cell("actual").ref == "H28"]
    assert row.completion is not None
    assert float(row.completion) == pytest.approx(float(completion))
    assert [code for code in codes_at(outcome, "H28") if code.startswith("VAL")] == []


def test_a_share_without_percent_format_is_asked_about() -> None:
    outcome = form_of(typed({"H28": (0.985, "General")}))
    (row,) = [row for row in outcome.evaluation.rows if row.indicator.cell("actual").ref == "H28"]
    assert row.completion is None, "0.985 may be 98.5% or 0.985%"
    assert any(code.startswith("VAL0") for code in codes_at(outcome, "H28"))


@pytest.mark.parametrize("mac", [False, True])
def test_dates_are_dates_in_both_calendars(mac: bool) -> None:
    day = dt.datetime(2024, 11, 30)
    data = typed({"G16": ("2024年12月31日前", "General"), "H16": (day, 'yyyy"年"m"月"d"日"')}, mac=mac)
    (row,) = [row for row in form_of(data).form.indicators if row.cell("actual").ref == "H16"]
    assert (row.actual.kind, row.actual.date) == (Kind.DATE, dt.date(2024, 11, 30))
    assert row.target.date == dt.date(2024, 12, 31)


@pytest.mark.parametrize(
    ("value", "number_format"), [("95%", "@"), (0.95, "0%"), (0.955, "0.0%"), ("９５％", "General")]
)
def test_a_percentage_is_no_amount(value: object, number_format: str) -> None:
    outcome = form_of(typed({"F7": (value, number_format)}))
    assert outcome.form.amount("funds.spent.own_level") is None
    assert codes_at(outcome, "F7") == ["VAL204"]


@pytest.mark.parametrize(("text", "codes"), [("无", ["VAL204"]), ("/", ["VAL103"])])
def test_a_word_in_a_money_cell_that_must_be_filled_is_told_once(text: str, codes: list[str]) -> None:
    assert codes_at(form_of(typed({"E5": (text, "@")})), "E5") == codes


def test_a_project_without_name_is_asked_for_by_that_word() -> None:
    outcome = form_of(typed({"A1": ("项目绩效自评指标评分表()", "General")}))
    (finding,) = [finding for finding in outcome.findings if finding.cell == "A1"]
    assert (finding.message, finding.fix) == ("「项目名称」没有填写。", "请在 A1 填写项目名称。")


@pytest.mark.parametrize("text", ["105", "'105", " 105 ", "１０５"])
def test_numbers_stored_as_text(text: str) -> None:
    outcome = form_of(typed({"H15": (text.lstrip("'"), "@"), "E5": ("343.00", "@"), "I15": ("6.67", "@")}))
    (row,) = [row for row in outcome.form.indicators if row.cell("actual").ref == "H15"]
    assert row.actual.kind is Kind.NUMBER
    assert row.actual.value == 105
    assert row.stated_score == Decimal("6.67")
    assert outcome.form.amount("funds.budget") == 343


@pytest.mark.parametrize(
    "xml",
    [
        ' t="inlineStr"><is><t>105家</t></is></c>',
        ' t="inlineStr"><is><r><t>10</t></r><r><rPr><b/></rPr><t>5家</t></r></is></c>',
        ' t="inlineStr"><is><t>105家</t><rPh sb="0" eb="1"><t>いえ</t></rPh></is></c>',
        ' t="str"><f>"105"&amp;"家"</f><v>105家</v></c>',
        ' t="inlineStr"><is><t xml:space="preserve"> 105\n家_x000D_</t></is></c>',
    ],
)
def test_a_text_is_read_however_it_is_stored(xml: str) -> None:
    outcome = form_of(with_cell("H15", xml))
    (row,) = [row for row in outcome.form.indicators if row.cell("actual").ref == "H15"]
    assert row.actual.value == 105
    assert row.actual.unit == "家"


# ---- what has no value -----------------------------------------------------------------------------------------------

PROBLEMS = {
    "a formula never calculated": ("><f>50+55</f></c>", "VAL201"),
    "a formula with an empty value": ("><f>50+55</f><v></v></c>", "VAL201"),
    "an error": (' t="e"><f>#REF!+1</f><v>#REF!</v></c>', "VAL202"),
    "an error without formula": (' t="e"><v>#N/A</v></c>', "VAL202"),
    "a picture of WPS": (
        ' t="str"><f>_xlfn.DISPIMG("ID_1",1)</f><v>=DISPIMG("ID_1",1)</v></c>',
        "VAL203",
    ),
    "a picture nobody calculated": ('><f>DISPIMG("ID_1",1)</f></c>', "VAL203"),
}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("cell", ["H15", "G15", "F7"])
def test_what_has_no_value_is_never_zero(name: str, cell: str) -> None:
    xml, code = PROBLEMS[name]
    outcome = form_of(with_cell(cell, xml))
    assert codes_at(outcome, cell)[0] == code
    if cell == "F7":
        assert outcome.form.amount("funds.spent.own_level") is None
        return
    (row,) = [row for row in outcome.evaluation.rows if row.indicator.row == 15]
    assert row.completion is None
    assert row.indicator.actual.value != 0
    assert row.indicator.target.value != 0


TEXT_CELLS = ("E15", "J19", "K15", "L15", "C20", "A32")  # name, reason of a miss, criterion, evidence, kind, section


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("cell", TEXT_CELLS)
def test_a_text_without_value_is_named_once_and_not_called_blank(cell: str, name: str) -> None:
    xml, code = PROBLEMS[name]
    outcome = form_of(with_cell(cell, xml))
    silent = code == "VAL203" and cell in ("K15", "L15")  # a picture says enough there
    assert codes_at(outcome, cell) == ([] if silent else [code])
    others = [f for f in outcome.findings if f.cell != cell and f.severity is Severity.ERROR]
    assert others == []
    assert len(outcome.form.indicators) == 13
    assert "「」" not in "".join(finding.message for finding in outcome.findings)


def test_an_indicator_without_a_name_is_not_quoted_as_nothing() -> None:
    outcome = form_of(typed({"E15": (None, "General"), "L15": (None, "General"), "H15": ("90家左右", "@")}))
    told = {finding.code: finding for finding in outcome.findings if finding.cell in ("E15", "H15", "L15")}
    assert told.keys() >= {"TPL027", "EVD101", "VAL005"}
    assert told["EVD101"].message == "「未写名称的指标」没有列出佐证材料。"
    assert told["EVD101"].label == "未写名称的指标 / 参考佐证材料"
    assert not any(finding.label.startswith(" /") or "「」" in finding.message for finding in outcome.findings)


def test_formulas_nobody_calculated_stay_where_texts_belong() -> None:
    refs = ("C3", "E15", "E16", "J19", "K15", "C20", "L15", "A32", "E21")
    cells = {ref: f"A{number}" for number, ref in enumerate(refs, 90)}
    data = typed({ref: (f"={formula}", "General") for ref, formula in cells.items()})
    before, result = produce(Path("自评表.xlsx"), data, Options())
    assert result is not None
    assert {f.cell for f in before.findings if f.code == "VAL201"} == cells.keys()
    sheet = open_book(result).sheets[0]
    assert {f"={formula}" for formula in cells.values()} <= {cell.text for cell in sheet.cells.values()}
    again, twice = produce(Path("自评表_评分表.xlsx"), result, Options())
    assert twice == result
    told = [sorted((f.code, f.label) for f in outcome.findings) for outcome in (before, again)]
    assert told[0] == told[1]


def test_a_picture_as_evidence_is_nobodys_fault() -> None:
    outcome = form_of(with_cell("L15", PROBLEMS["a picture of WPS"][0]))
    assert [code for code in codes_at(outcome, "L15") if code.startswith("VAL")] == []


def test_a_stale_total_is_never_trusted() -> None:
    outcome = form_of(with_cell("I29", "><f>SUM(I13:I28)</f><v>12.34</v></c>"))
    assert outcome.form.text("total.score") == ""
    assert outcome.evaluation.total is not None
    assert str(outcome.evaluation.total.shown) == "98.85"


# ---- odd sheets ------------------------------------------------------------------------------------------------------


def test_hidden_rows_and_columns_count_and_are_told() -> None:
    paper = BASE.copy()
    paper.hidden_rows |= {16, 17, 40}
    paper.hidden_columns.add(10)
    outcome = form_of(paper.workbook())
    assert differences(outcome.form, EXPECTED) == {}
    told = [finding for finding in outcome.findings if finding.code == "TPL032"]
    assert [finding.cell for finding in told] == ["J13", "E16"]
    assert told[1].message.startswith("第16行、第17行是隐藏的,里面填写的内容(如 E16「招商推介活动场次(场次)」)")
    assert told[0].message.startswith("J列是隐藏的")


def test_hidden_blank_rows_are_not_worth_a_word() -> None:
    paper = BASE.copy()
    paper.hidden_rows |= {21, 22}  # kinds nobody filled in
    assert [f for f in form_of(paper.workbook()).findings if f.code == "TPL032"] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'),
        lambda xml: re.sub(rb'<dimension ref="[^"]*"/>', b'<dimension ref="A1:B2"/>', xml),
        lambda xml: re.sub(rb'<dimension ref="[^"]*"/>', b'<dimension ref="A1:XFD1048576"/>', xml),
        lambda xml: xml.replace(b"<mergeCells", b'<autoFilter ref="A12:L28"/><mergeCells'),
        lambda xml: re.sub(rb'<row r="2[0-9]"', lambda m: m[0] + b' hidden="0"', xml),
    ],
    ids=["far cell", "dimension too small", "dimension too large", "filter", "shown rows"],
)
def test_what_stands_around_the_cells_changes_nothing(change: Any) -> None:
    data = with_members(BASE.workbook(), {SHEET: change})
    assert differences(form_of(data).form, EXPECTED) == {}


def test_a_merge_over_everything_takes_no_longer() -> None:
    merge = b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    data = with_members(
        BASE.workbook(), {SHEET: lambda xml: re.sub(rb"<mergeCells.*</mergeCells>", lambda _: merge, xml)}
    )
    begun = time.monotonic()
    outcome, _ = produce(Path("自评表.xlsx"), data, Options())
    assert outcome.bug is None
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("position", [(1048576, 1), (1048576, 16384), (12, 16384), (3, 16384), (1048576, 5)], ids=str)
def test_a_far_text_takes_no_longer(position: tuple[int, int]) -> None:
    paper = BASE.copy()
    paper.put(position, "远处的字")
    paper.replace("合计:", "")
    begun = time.monotonic()
    outcome, _ = produce(Path("自评表.xlsx"), paper.workbook(), Options())
    assert outcome.bug is None
    assert time.monotonic() - begun < 5
    assert [row.name for row in outcome.forms[0].form.indicators] == [EXPECTED[f"row {n}"][3] for n in range(13)]


# ---- several sheets --------------------------------------------------------------------------------------------------


def notes(name: str) -> Paper:
    paper = Paper(name, {}, [])
    paper.put("A1", "工作底稿")
    paper.put("B2", "自评分数")
    return paper


def named(name: str) -> Paper:
    paper = BASE.copy()
    paper.name = name
    return paper


def test_the_form_is_found_by_its_words_whatever_the_sheet_is_called() -> None:
    outcome = form_of(workbook_of(notes("指标评分表"), named("Sheet3"), notes("说明")))
    assert outcome.form.sheet == "Sheet3"
    assert differences(outcome.form, EXPECTED) == {}


def test_every_form_of_a_workbook_is_filled(tmp_path: Path) -> None:
    second = named("乙项目")
    second.replace("项目绩效自评指标评分表(招商引资专项经费)", "项目绩效自评指标评分表(乙项目)")
    second.put("H15", "50家")
    source, target = tmp_path / "两张表.xlsx", tmp_path / "结果.xlsx"
    source.write_bytes(workbook_of(named("甲项目"), notes("说明"), second))
    outcome = fill(source, target, Options())
    assert [form.form.text("project") for form in outcome.forms] == ["招商引资专项经费", "乙项目"]
    assert {finding.sheet for finding in outcome.findings if finding.cell} == {"甲项目", "乙项目"}
    book = openpyxl.load_workbook(target, data_only=True)
    assert {"甲项目", "说明", "乙项目"} <= set(book.sheetnames)
    for name, total in (("甲项目", 98.854902), ("乙项目", 98.854902 - 40 / 6 / 2)):
        (row,) = [row for row in book[name].iter_rows(values_only=True) if row[0] == "合计:"]
        assert row[8] == pytest.approx(total, abs=1e-6)
    again = inspect(target, Options())
    for before, after in zip(outcome.forms, again.forms, strict=True):
        assert differences(after.form, said(before.form), without=("stated", "row", "score of", "field total")) == {}


def test_a_form_on_a_hidden_sheet_is_pointed_at_and_not_filled() -> None:
    hidden = named("自评表")
    hidden.state = "hidden"
    outcome = outcome_of(workbook_of(notes("封面"), hidden))
    assert outcome.forms == ()
    (finding,) = outcome.findings
    assert finding.code == "TPL020"
    assert "工作表“自评表”像是自评表,但它是隐藏的" in finding.message


@pytest.mark.parametrize("name", ["指标评分", "指标评分表(2)", "绩效指标评分表"])
def test_a_sheet_that_is_only_called_like_the_form_is_pointed_at(name: str) -> None:
    (finding,) = outcome_of(workbook_of(notes("封面"), notes(name))).findings
    assert (finding.code, f"工作表“{name}”的名称像“指标评分表”" in finding.message) == ("TPL020", True)


def test_half_a_form_is_pointed_at_with_its_share() -> None:
    paper = BASE.copy()
    paper.delete_rows(9, 40)
    paper.delete_columns(6, 6)
    (finding,) = outcome_of(paper.workbook()).findings
    assert finding.code == "TPL020"
    assert re.search(r"与「.*」有\d+%的表头文字相同", finding.message)


def test_a_missing_column_is_named_once_and_not_again_in_every_row() -> None:
    paper = BASE.copy()
    paper.replace("评价年度实现值", "评价年度完成情况")
    outcome = form_of(paper.workbook())
    assert [finding.cell for finding in outcome.findings if finding.code == "TPL023"] == ["H10"]
    assert [finding.code for finding in outcome.findings if finding.code.startswith("VAL") and not finding.cell] == []
    measured = [row for row in outcome.evaluation.rows if row.indicator.group != "过程"]
    assert {row.basis for row in measured} == {Basis.UNVERIFIED}, "the clerk's own scores, until a person looked"


def test_something_else_gets_no_hint() -> None:
    (finding,) = outcome_of(workbook_of(notes("封面"))).findings
    assert "--pack" not in finding.fix, "a pack that was named is none the more found"
    assert (finding.code, finding.params["hint"]) == ("TPL020", "")


def test_two_packs_of_the_same_form_are_not_chosen_between(tmp_path: Path) -> None:
    write_pack(tmp_path / "jiangmen-copy")
    options = Options(templates=tmp_path)
    outcome, _ = produce(Path("自评表.xlsx"), BASE.workbook(), options)
    assert [finding.code for finding in outcome.findings] == ["TPL021"]
    chosen, _ = produce(Path("自评表.xlsx"), BASE.workbook(), Options(templates=tmp_path, pack="jiangmen-copy"))
    assert "TPL021" not in [finding.code for finding in chosen.findings]


@requires_office
def test_other_sheets_of_an_old_workbook_are_announced(tmp_path: Path) -> None:
    source = tmp_path / "自评表.xlsx"
    source.write_bytes(workbook_of(named("自评表"), notes("佐证目录")))
    (old,) = convert_all([source], "xls", tmp_path / "old")
    outcome = fill(old, tmp_path / "结果.xlsx", Options())
    assert [finding.params["sheets"] for finding in outcome.findings if finding.code == "TPL030"] == ["佐证目录"]
    assert "TPL030" not in [finding.code for finding in fill(source, tmp_path / "新.xlsx", Options()).findings]


# ---- the same form in every format -----------------------------------------------------------------------------------


@requires_office
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_every_form_saved_by_libreoffice_reads_the_same(
    kind: str, inbox: Path, finished: dict[str, Outcome], tmp_path: Path
) -> None:
    sources = []
    for number, outcome in enumerate(finished.values()):
        assert outcome.output is not None
        for title, path in (("收到", outcome.path), ("写出", outcome.output)):
            copy = tmp_path / "in" / f"{number}{title}{path.suffix}"
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
            sources.append(copy)
    blank = tmp_path / "in" / "空白.xlsx"
    blank.write_bytes(blank_form(load_pack("jiangmen-2024")))
    saved = convert_all([*sources, blank], kind, tmp_path / "out")
    assert len(saved) >= 25
    wrong = {}
    for before, after in zip([*sources, blank], saved, strict=True):
        expected, now = inspect(before, Options()), inspect(after, Options())
        assert (now.bug, len(now.forms)) == (None, len(expected.forms)), after.name
        for first, second in zip(expected.forms, now.forms, strict=True):
            if different := differences(second.form, said(first.form)):
                wrong[before.name] = different
    assert {name: list(different.items())[:3] for name, different in wrong.items()} == {}


def test_the_base_is_read_the_same_from_memory_and_from_a_file() -> None:
    form, _ = read_form(BASE.sheet(), layout_of(load_pack("jiangmen-2024")))
    assert differences(form, EXPECTED) == {}
    assert open_book(BASE.workbook()).sheets[0].name == BASE.name
