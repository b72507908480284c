"""The summary: figures equal to the finished workbooks, texts that stay texts, sheets that filter and print."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from perfeval.cli import program
from perfeval.errors import ExitCode, PathError
from perfeval.numbers import decimal_text, round_half_up
from perfeval.pipeline import Options, Outcome, inspect
from perfeval.roster import Roster, RosterRow
from perfeval.summary import Collection, Digest, digest, making, rendered, summarise, write
from perfeval.summary.book import workbook
from perfeval.summary.digest import FormDigest, Funds, GroupScore, IndicatorLine, ProblemLine
from perfeval.summary.packed import packed
from perfeval.summary.sheetdata import Cells, filled, rows_xml, texts_xml
from perfeval.summary.tables import Link, Table
from perfeval.summary.text import LONGEST, cell_text, csv_text
from tests.support.office import convert, pdf_pages, requires_office, requires_validator, validation_errors

LINE = IndicatorLine(
    "产出", "数量指标", "场次", "40", "≥3场", "2场", "0.6667", "26.67", "13.33", "计算", "否", "下雨", "", "I9"
)


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args])


def form(unit: str = "甲局", project: str = "A项目", score: str | None = "98.85", **changes: Any) -> FormDigest:
    made = FormDigest(
        sheet="表",
        form_id="",
        revision=1,
        pack="一",
        pack_title="第一种表",
        full_marks=Fraction(100),
        unit=unit,
        department="",
        project=project,
        year=2024,
        status="ok",
        funds=Funds("万元", Decimal(100), Decimal("90.5"), Decimal("45.25")),
        groups=(GroupScore("产出", Fraction(60), Decimal(50)), GroupScore("效益", Fraction(40), Decimal("38.85"))),
        exact=score or "",
        shown=None if score is None else Decimal(score),
        grade="",
        errors=0,
        warnings=1,
        lines=(LINE,),
    )
    return replace(made, **changes)


def file(*forms: FormDigest, path: str = "收/一.xlsx", **changes: Any) -> Digest:
    problem = ProblemLine("提醒", "SCR106", "表", "J9", "场次 / 原因", "问题。", "改法。")
    made = Digest(path, None, "ok" if forms else "failed", 10**18, forms, (problem,))
    return replace(made, **changes)


def collected(*files: Digest) -> Collection:
    collection = Collection()
    for number, entry in enumerate(files):
        collection.add(entry if entry.path != "收/一.xlsx" else replace(entry, path=f"收/{number}.xlsx"))
    return collection


def of_forms(*forms: FormDigest) -> Collection:
    return collected(*map(file, forms))


def table(collection: Collection, key: str, roster: Roster | None = None) -> list[dict[str, Any]]:
    """The rows of a table by the keys of its columns."""
    (found,) = (entry for entry in summarise(collection, roster).tables if entry.key == key)
    keys = [column.key for column in found.columns]
    rows = [dict(zip(keys, row, strict=True)) for row in found.rows()]
    assert len(rows) == found.count
    return rows


def column(collection: Collection, key: str, name: str) -> list[Any]:
    return [row[name] for row in table(collection, key)]


def as_book(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def as_xlsx(collection: Collection, roster: Roster | None = None) -> bytes:
    target = Path("汇总.xlsx")
    return rendered(summarise(collection, roster), target)[target]


@pytest.fixture(scope="module")
def samples(finished: dict[str, Outcome]) -> Collection:
    """The finished samples, read back."""
    return collected(*(digest(inspect(out.output, Options())) for out in finished.values() if out.output is not None))


# ---- figures ---------------------------------------------------------------------------------------------------------


def test_totals_are_those_of_the_finished_workbooks(finished: dict[str, Outcome], samples: Collection) -> None:
    """Read from the cells of both workbooks by another program: what the eye sees is the same to the digit."""
    totals: dict[str, float | None] = {}
    for outcome in finished.values():
        assert outcome.output is not None
        sheet = openpyxl.load_workbook(outcome.output, data_only=True)[outcome.forms[0].form.sheet]
        total = next(row for row in sheet.iter_rows() if str(row[0].value).startswith("合计"))
        totals[outcome.forms[0].form.text("project")] = total[8].value or None
    shown = {name: None if value is None else round_half_up(Fraction(repr(value)), 2) for name, value in totals.items()}
    data = as_xlsx(samples)
    sheet = as_book(data)["总表"]
    heads = [cell.value for cell in sheet[3]]
    rows = {row[heads.index("项目名称")].value: row for row in sheet.iter_rows(min_row=4)}
    found = {name: row[heads.index("合计")].value for name, row in rows.items()}
    assert {name: None if value is None else Decimal(repr(value)) for name, value in found.items()} == shown
    exact = {name: row[heads.index("合计(未四舍五入)")].value for name, row in rows.items()}
    assert {name: float(Fraction(text)) if text else None for name, text in exact.items()} == totals
    assert Decimal("98.85") in shown.values()
    # openpyxl alone would write 98.84999999999999.
    assert b"<v>98.85</v>" in zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")


def test_the_scores_of_a_form_add_up_to_its_unrounded_total(samples: Collection) -> None:
    scores: dict[str, Decimal] = {}
    for row in table(samples, "indicators"):
        scores[row["project"]] = scores.get(row["project"], Decimal(0)) + (row["score"] or 0)
    for row in table(samples, "forms"):
        if row["total"] is not None:
            assert abs(scores[row["project"]] - row["total"]) < Decimal("0.05")
            assert abs(Fraction(row["exact"]) - Fraction(row["total"])) <= Fraction(1, 200)
            assert sum(row[key] for key in row if key.startswith("group:")) - row["total"] < Decimal("0.02")


@pytest.mark.parametrize(
    ("scores", "ranks"),
    [
        (["90", "95", "95", "80"], {"95": 1, "90": 3, "80": 4}),
        (["98.85", "98.850", None], {"98.85": 1, "98.850": 1, None: None}),
        ([None], {None: None}),
    ],
)
def test_equal_totals_share_a_rank(scores: Sequence[str | None], ranks: dict[str | None, int | None]) -> None:
    collection = of_forms(*(form(project=f"项目{n}", score=score) for n, score in enumerate(scores)))
    rows = table(collection, "forms")
    assert {row["total"]: row["rank"] for row in rows} == {
        None if score is None else Decimal(score): rank for score, rank in ranks.items()
    }
    known = [row["total"] for row in rows if row["total"] is not None]
    assert known == sorted(known, reverse=True)
    assert rows[-1]["total"] == (None if None in scores else min(known))


def test_a_unit_is_one_however_its_name_is_written() -> None:
    written = (("甲局", "90"), ("甲 局(一级)", "91"), ("甲局(一级)", "91"))
    forms = [form(unit, f"项目{n}", mark) for n, (unit, mark) in enumerate(written)]
    first, last = table(of_forms(*forms, form("乙局", "丙", None)), "units")[0], table(of_forms(*forms), "units")[-1]
    assert (first["projects"], first["average"], first["highest"], first["lowest"]) == (
        3,
        Decimal("90.67"),  # 272 ÷ 3, rounded once
        Decimal(91),
        Decimal(90),
    )
    assert (last["unit"], last["spent"], last["rate"]) == ("合计", Decimal("135.75"), Decimal("0.5"))


def test_a_blank_amount_is_not_zero() -> None:
    blank = Funds("万元", None, None, Decimal(5))
    collection = of_forms(form(), form(project="B", funds=blank), form("乙局", "C", funds=blank))
    rows = {row["unit"]: row for row in table(collection, "units")}
    assert rows["甲局"]["budget"] == 100
    assert rows["甲局"]["rate"] == Decimal("0.5"), "only forms that say both count"
    assert rows["乙局"]["budget"] is None
    assert rows["乙局"]["rate"] is None
    assert [row["budget"] for row in table(collection, "forms")] == [100, None, None]


def test_several_packs_share_one_table() -> None:
    other = form(
        "乙局",
        "B项目",
        "180",
        pack="二",
        pack_title="第二种表",
        full_marks=Fraction(200),
        groups=(GroupScore("成本", Fraction(40), Decimal(36)), GroupScore("产出", Fraction(160), Decimal(144))),
        funds=Funds("元", Decimal(1_000_000), Decimal(905_000), Decimal(452_500)),
        grade="优",
    )
    collection = of_forms(form(), other)
    (whole,) = (entry for entry in summarise(collection).tables if entry.key == "forms")
    titles = [entry.title for entry in whole.columns]
    assert [title for title in titles if title[:2] in ("产出", "效益", "成本")] == ["产出", "效益(40)", "成本(40)"]
    first, second = table(collection, "forms")
    assert (first["pack"], first["group:成本"], first["grade"]) == ("第一种表", None, "")
    assert (second["pack"], second["group:成本"], second["grade"]) == ("第二种表", 36, "优")
    assert (second["budget"], second["spent"]) == (100, Decimal("45.25")), "in one unit of money"
    assert [first["rank"], second["rank"]] == [1, 2], "180 of 200 is less than 98.85 of 100"
    assert {row["unit"]: row["average"] for row in table(collection, "units")}["乙局"] == 90


def test_files_without_a_form_stand_at_the_end() -> None:
    collection = collected(file(path="收/坏.xlsx"), file(form()))
    last = table(collection, "forms")[-1]
    assert (last["project"], last["status"], last["file"]) == ("(文件)坏.xlsx", "失败", Link("收/坏.xlsx"))
    assert column(collection, "problems", "file") == ["收/1.xlsx", "收/坏.xlsx"]


def test_shortfalls_are_misses_and_lost_points() -> None:
    met = LINE._replace(met="是", lost="0", name="全")
    lost = LINE._replace(met="是", lost="2", name="扣")
    unknown = LINE._replace(met="无法判断", lost="", score="", name="不知")
    collection = of_forms(form(lines=(met, lost, LINE, unknown)))
    assert column(collection, "shortfalls", "name") == ["扣", "场次"]
    assert column(collection, "shortfalls", "reason") == ["下雨", "下雨"]
    assert column(collection, "forms", "missed") == [2]
    assert column(collection, "indicators", "score")[-1] is None


# ---- duplicates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        ({}, {}, 2),
        ({"modified": 5}, {"modified": 3}, 1),
        ({"unit": "甲局(一级)"}, {"unit": " 甲局"}, 2),
        ({"form_id": "f", "revision": 3, "modified": 1}, {"form_id": "f", "revision": 2, "modified": 9}, 1),
        ({"form_id": "f", "project": "旧名"}, {"form_id": "f", "project": "新名"}, 2),
        ({"form_id": "f", "revision": 9, "modified": 1}, {"form_id": "g", "modified": 9}, 2),
        ({"year": 2023}, {"year": 2024}, None),
        ({"pack": "一"}, {"pack": "二"}, None),
        ({"project": ""}, {"project": ""}, None),
        ({"project": "B"}, {"project": "C"}, None),
    ],
)
def test_the_newest_of_several_versions_counts(one: dict[str, Any], other: dict[str, Any], kept: int | None) -> None:
    times = [changes.pop("modified", number) for number, changes in enumerate((one, other), 1)]
    files = [
        file(form(**changes), path=f"{number}.xlsx", modified=time)
        for number, (changes, time) in enumerate(zip((one, other), times, strict=True), 1)
    ]
    summary = summarise(collected(*files))
    links = [row["file"] for row in table(collected(*files), "forms")]
    if kept is None:
        assert len(links) == 2
        assert not summary.findings
    else:
        assert links == [Link(f"{kept}.xlsx")]
        assert [finding.code for finding in summary.findings] == ["BAT101"]
        assert column(collected(*files), "duplicates", "counts") == ["计入", "不计入"]
        assert len(column(collected(*files), "indicators", "name")) == 1
        assert len(column(collected(*files), "problems", "code")) == 2, "what is wrong with either is still listed"


def test_versions_are_one_family_through_a_third() -> None:
    """The second has the id of the first and the names of the third."""
    forms = [
        form(project="旧", form_id="f"),
        form(project="新", form_id="g"),
        form(project="新", form_id="f"),
        form(project="另"),
    ]
    files = [file(entry, path=f"{number}.xlsx", modified=number) for number, entry in enumerate(forms)]
    rows = table(collected(*files), "forms")
    assert sorted(row["file"].path for row in rows) == ["2.xlsx", "3.xlsx"]


def test_thousands_of_copies_are_told_in_one_line() -> None:
    files = [file(form(), path=f"{number}.xlsx", modified=number) for number in range(3000)]
    (finding,) = summarise(collected(*files)).findings
    assert "3000 份" in finding.message
    assert "「2999.xlsx」" in finding.message
    assert "「4.xlsx」等 2999 份" in finding.message
    assert len(finding.message) < 200


# ---- texts stay texts ------------------------------------------------------------------------------------------------

DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "=1+1", "＠x", " =1", "#N/A", "TRUE"]
ODD = [
    "a\x00b",
    "\x1b[31m",
    "\ud800",
    "\ufffe",
    "_x0041_",
    "]]>",
    "<f>1</f>",
    "&amp;",
    " 前后 ",
    "行\r\n行",
    "x" * 40_000,
]


@pytest.mark.parametrize("text", DANGEROUS + ODD, ids=lambda text: ascii(text)[:20])
def test_no_text_becomes_a_formula_or_breaks_the_file(text: str) -> None:
    line = LINE._replace(name=text, reason=text, target=text, evidence=text)
    problem = ProblemLine(text, text, text, text, text, text, text)
    entry = form(text, text, department=text, lines=(line,), groups=(GroupScore(text, Fraction(1), None),))
    collection = collected(file(entry, path=f"{text}.xlsx", problems=(problem,)))
    roster = Roster(Path("名册"), (RosterRow(2, {"unit_name": text, "contact.name": text}),))
    data = as_xlsx(collection, roster)
    archive = zipfile.ZipFile(io.BytesIO(data))
    for name in archive.namelist():
        if name.startswith("xl/worksheets/sheet"):
            xml = archive.read(name)
            assert b"<f>" not in xml
            assert b"<f " not in xml
    book = as_book(data)
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n", "inlineStr"), f"{sheet.title}!{cell.coordinate}"
                if isinstance(cell.value, str) and csv_text(cell.value) != cell.value:
                    assert cell.quotePrefix, "typing Enter in the cell must not make a formula of it"
    assert book["指标明细"]["F2"].value == cell_text(text)


CELLS = st.one_of(
    st.sampled_from(["", "甲", *DANGEROUS, *ODD]),
    st.text(st.sampled_from("甲a 1=+-@\uff1d\uff0b\uff0d\uff20<>&_x0041_%\0\1\n\t\u3000\U00020000"), max_size=40),
)


@given(st.lists(st.tuples(CELLS, CELLS, st.sampled_from(["", "0", "8", "98.85", "-3"]), CELLS), max_size=40))
def test_a_list_of_texts_is_written_as_cell_by_cell(rows: list[tuple[str, ...]]) -> None:
    columns = [Cells("A", 1, 2, 12), Cells("B", 1, 2), Cells("C", 3, 4, numeric=True), Cells("D", 1, 2, 30)]
    typed = [(first, second, Decimal(number) if number else None, last) for first, second, number, last in rows]
    assert b"".join(texts_xml(rows, 2, columns)) == b"".join(rows_xml(typed, 2, columns))


@given(st.text(st.characters(codec=None), max_size=30))
def test_any_text_fits_a_cell(text: str) -> None:
    written = cell_text(text)
    assert len(written) <= LONGEST
    assert re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", written) == written
    plain = [char for char in text if char in written]
    assert [char for char in written if char in plain] or not plain


@settings(max_examples=200)
@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_csv_never_starts_a_formula(text: str) -> None:
    guarded = csv_text(text)
    assert guarded.lstrip(" \n\r\t")[:1] not in tuple("=+-@=+-@")
    assert guarded in (text, f"'{text}") or "\ufffd" in guarded


def test_csv_and_json_hold_what_the_workbook_holds(tmp_path: Path) -> None:
    collection = of_forms(form("=甲", '逗号,引号"和\n换行'), form("乙", "B", None))
    summary = summarise(collection)
    files = rendered(summary, tmp_path / "汇总.csv", "csv")
    assert sorted(path.name for path in files) == sorted(
        f"汇总{name}.csv" for name in ("", "_按单位", "_指标明细", "_未达标指标", "_问题清单")
    )
    text = files[tmp_path / "汇总.csv"].decode("utf-8-sig")
    assert files[tmp_path / "汇总.csv"].startswith(b"\xef\xbb\xbf"), "or Excel takes it for GBK"
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert (first["填报单位"], first["合计"], first["项目名称"]) == ("'=甲", "98.85", '逗号,引号"和\n换行')
    assert second["合计"] == "", "no score is not 0"
    (data,) = rendered(summary, tmp_path / "汇总.json", "json").values()
    document = json.loads(data)
    assert document["version"] == 1
    assert document["forms"][0]["unit"] == "=甲", "JSON has types and needs no guard"
    assert document["forms"][0]["total"] == "98.85"
    assert document["forms"][1]["total"] is None
    assert len(document["indicators"]) == 2
    assert set(document) == {"version", "forms", "units", "indicators", "shortfalls", "problems", "findings"}


# ---- the workbook ----------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes_in_any_order() -> None:
    files = [file(form(project=f"项目{n}", score=f"9{n}"), path=f"收/{n}.xlsx") for n in (2, 10, 1)]
    assert as_xlsx(collected(*files)) == as_xlsx(collected(*reversed(files)))
    assert column(collected(*files), "indicators", "project") == ["项目1", "项目2", "项目10"]


@pytest.mark.parametrize(
    ("score", "format_"), [("98.85", "0.00"), ("7.60", "0.0"), ("8", "0"), ("8.00", "0"), ("100", "0")]
)
def test_numbers_show_no_trailing_zeros(score: str, format_: str) -> None:
    sheet = as_book(as_xlsx(of_forms(form(score=score))))["总表"]
    heads = [cell.value for cell in sheet[3]]
    cell = sheet.cell(4, heads.index("合计") + 1)
    assert (Decimal(repr(cell.value)), cell.number_format) == (Decimal(score), format_)
    rate = sheet.cell(4, heads.index("执行率") + 1)
    assert (rate.value, rate.number_format) == (0.5, "0%")


def test_every_sheet_filters_freezes_and_prints_on_a4(samples: Collection) -> None:
    roster = Roster(Path("名册"), (RosterRow(2, {"unit_name": "甲局", "project": "A"}),))
    book = as_book(as_xlsx(samples, roster))
    assert book.sheetnames == ["总表", "按单位", "指标明细", "未达标指标", "问题清单", "缺报名单", "图表"]
    for sheet in book:
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.oddFooter.center.text == "第 &P 页 共 &N 页"
        if sheet.title == "图表":
            continue
        heading = 3 if sheet.title in ("总表", "按单位", "缺报名单") else 1
        first, last = sheet.auto_filter.ref.split(":")
        assert first == f"A{heading}"
        assert re.sub(r"\D", "", last) == str(sheet.max_row - (sheet.title == "按单位"))
        assert sheet.freeze_panes[1:] == str(heading + 1)
        assert sheet.print_title_rows == f"${heading}:${heading}"
        assert all(sheet.row_dimensions[row].height for row in range(1, sheet.max_row + 1))
        widths = [sheet.column_dimensions[cell.column_letter].width for cell in sheet[heading]]
        assert all(6 <= width <= 50 for width in widths)
    assert len(book["图表"]._charts) == 3


def test_links_lead_to_the_files_wherever_the_folder_goes(tmp_path: Path) -> None:
    names = ["一.xlsx", "有 空格#和%.xlsx"]
    folder = tmp_path / "结果"
    folder.mkdir()
    entries = [file(form(project=name), path=str(folder / name)) for name in names]
    (data,) = rendered(summarise(collected(*entries)), tmp_path / "汇总.xlsx").values()
    sheet = as_book(data)["总表"]
    links = [cell.hyperlink.target for row in sheet.iter_rows(min_row=4) for cell in row if cell.hyperlink]
    assert links == ["结果/一.xlsx", "结果/有%20空格%23和%25.xlsx"]


def test_a_list_longer_than_a_sheet_goes_on_on_the_next() -> None:
    lines = tuple(LINE._replace(name=str(number)) for number in range(25))
    summary = summarise(of_forms(form(lines=lines)))
    book = as_book(workbook(summary.tables, summary.figures, Path(), most_rows=11))
    names = [name for name in book.sheetnames if name.startswith("指标明细")]
    assert names == ["指标明细", "指标明细(2)", "指标明细(3)"]
    assert [book[name].max_row for name in names] == [11, 11, 6]
    found = [row[5] for name in names for row in book[name].iter_rows(min_row=2, values_only=True)]
    assert found == [line.name for line in lines]


def test_long_lists_keep_every_row_and_its_number() -> None:
    """Rows are written some hundred at a time, and cells kept for further rows are given up now and then."""
    lines = tuple(LINE._replace(name=f"指标{number}", score=f"{number}.5") for number in range(1234))
    sheet = as_book(as_xlsx(of_forms(form(lines=lines))))["指标明细"]
    found = [(row[5].value, row[5].coordinate, row[10].value) for row in sheet.iter_rows(min_row=2)]
    assert found == [(f"指标{number}", f"F{number + 2}", number + 0.5) for number in range(1234)]


def test_rows_are_as_high_as_their_wrapped_texts() -> None:
    long = LINE._replace(reason="长" * 200)
    sheet = as_book(as_xlsx(of_forms(form(lines=(LINE, long)))))["未达标指标"]
    heights = [sheet.row_dimensions[row].height for row in (2, 3)]
    lines = 400 / sheet.column_dimensions["M"].width
    assert heights[0] < 25
    assert heights[1] > 13 * lines


def test_nothing_scored_gives_a_summary_without_charts() -> None:
    assert "图表" not in as_book(as_xlsx(of_forms(form(score=None)))).sheetnames
    assert as_book(as_xlsx(collected(file()))).sheetnames[0] == "总表"


@pytest.mark.parametrize("units", [1, 24, 25, 60, 200])
def test_units_are_charted_on_pages(units: int) -> None:
    collection = of_forms(*(form(f"单位{n}", score=str(n % 100)) for n in range(units)))
    sheet = as_book(as_xlsx(collection))["图表"]
    bars = [chart for chart in sheet._charts if chart.tagname == "barChart" and chart.type == "bar"]
    shown = 0
    for chart in bars:
        rows = [int(row) for row in re.findall(r"\$(\d+)", chart.series[0].val.numRef.f)]
        shown += rows[-1] - rows[0] + 1
    assert shown == min(units, 48) if units > 96 else units
    # No page break goes through a chart.
    ends = [(chart.anchor._from.row, chart.anchor.to.row) for chart in sheet._charts]
    assert not [(top, bottom) for top, bottom in ends for row in sheet.row_breaks.brk if top < row.id <= bottom]
    pages = [0, *(row.id for row in sheet.row_breaks.brk)]
    assert all(min(bottom - page for page in pages if page <= top) < 36 for top, bottom in ends), "each fits a page"


@requires_validator
def test_valid_for_excel(samples: Collection, tmp_path: Path) -> None:
    roster = Roster(Path("名册"), (RosterRow(2, {"unit_name": "甲局", "project": "A"}),))
    path = tmp_path / "汇总.xlsx"
    path.write_bytes(as_xlsx(samples, roster))
    assert validation_errors(path) == []


@requires_office
def test_libreoffice_shows_the_figures_as_the_form_prints_them(samples: Collection, tmp_path: Path) -> None:
    path = tmp_path / "汇总.xlsx"
    path.write_bytes(as_xlsx(samples))
    text = convert(path, "csv", tmp_path / "csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    heads = next(row for row in rows if "合计" in row)
    shown = {row[heads.index("项目名称")]: row for row in rows[rows.index(heads) + 1 :]}
    for row in table(samples, "forms"):
        for key, head in (("total", "合计"), ("group:过程", "过程(20)"), ("group:效益", "效益(40)")):
            expected = "" if row[key] is None else decimal_text(row[key])
            assert shown[row["project"]][heads.index(head)] == expected
        rate = "" if row["rate"] is None else decimal_text(row["rate"] * 100) + "%"
        assert shown[row["project"]][heads.index("执行率")] == rate
    pages = pdf_pages(convert(path, "pdf", tmp_path / "pdf"), tmp_path / "png", dpi=20)
    assert 5 <= len(pages) <= 30, "one page for a sheet at least, none for columns that do not fit"


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def few(inbox: Path, tmp_path: Path) -> Path:
    """A folder with three samples and something that is no form."""
    folder = tmp_path / "收"
    folder.mkdir()
    for name in ("招商引资专项经费.xlsx", "高标准农田建设.xls", "校舍安全排查.xlsx"):
        (source,) = inbox.rglob(name)
        (folder / name).write_bytes(source.read_bytes())
    (folder / "坏.xlsx").write_bytes(b"x")
    return folder


def test_summary_over_filled_forms(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "出" / "汇总.xlsx"
    result = run("summary", few, "--out", out)
    assert result.exit_code == ExitCode.FOUND_ERRORS
    assert result.stdout.splitlines() == [str(out), "共 4 个文件:完成 1,有提醒 1,需修改 1,失败 1"]
    sheet = openpyxl.load_workbook(out)["总表"]
    projects = [row[2] for row in sheet.iter_rows(min_row=4, values_only=True)]
    assert projects == ["高标准农田建设", "招商引资专项经费", "校舍安全排查", "(文件)坏.xlsx"]


def test_summary_of_the_finished_forms_is_the_same(few: Path, tmp_path: Path) -> None:
    assert run("fill", few, "--out", tmp_path / "出").exit_code == ExitCode.FOUND_ERRORS
    of_fill = openpyxl.load_workbook(tmp_path / "出" / "汇总.xlsx")["总表"]
    result = run("summary", tmp_path / "出", "--out", tmp_path / "二.xlsx")
    assert "失败 0" in result.stdout, "the first summary lies in the folder and is no form"
    again = openpyxl.load_workbook(tmp_path / "二.xlsx")["总表"]
    for number, row in enumerate(again.iter_rows(min_row=4, max_col=12, values_only=True), 4):
        assert row == tuple(cell.value for cell in of_fill[number][:12])


def test_a_summary_is_known_by_its_mark_not_by_its_name(few: Path, tmp_path: Path) -> None:
    run("summary", few, "--out", tmp_path / "汇总.xlsx")
    (few / "汇总_2.xlsx").write_bytes((tmp_path / "汇总.xlsx").read_bytes())
    (few / "别名.xlsx").write_bytes((tmp_path / "汇总.xlsx").read_bytes())
    (few / "招商引资专项经费.xlsx").rename(few / "汇总后的表.xlsx")
    result = run("summary", few, "--out", tmp_path / "二.xlsx")
    assert result.stdout.splitlines()[-1] == "共 4 个文件:完成 1,有提醒 1,需修改 1,失败 1"
    assert "汇总_2" not in run("check", few).stdout


def test_nothing_is_overwritten_unasked(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "汇总.csv"
    (tmp_path / "汇总_按单位.csv").write_text("我的")
    for paths in ([few], [few], [few / "招商引资专项经费.xlsx"]):  # the very same is not written a second time
        run("summary", *paths, "--out", out)
    assert (tmp_path / "汇总_按单位.csv").read_text() == "我的"
    assert sorted(path.name for path in tmp_path.glob("汇总*.csv") if path.name.count("_") < 2) == [
        "汇总_2.csv",
        "汇总_3.csv",
        "汇总_按单位.csv",
    ]
    run("summary", few, "--out", out, "--on-exists", "overwrite")
    assert "高标准" not in (tmp_path / "汇总_按单位.csv").read_text(encoding="utf-8-sig")
    assert out.exists()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--out", "汇总.pdf"], ExitCode.USAGE),
        (["--out", "汇总.xlsx", "--format", "json"], ExitCode.USAGE),
        (["--out", "汇总.xlsx", "--roster", "没有.xlsx"], ExitCode.PATH),
        (["--out", "收/坏.xlsx/汇总.xlsx"], ExitCode.PATH),
    ],
)
def test_wrong_uses_are_told(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: ExitCode
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("summary", "收", *args)
    assert result.exit_code == code
    assert "错误" in result.stderr
    assert "Traceback" not in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["收"]


def test_an_empty_folder_makes_no_summary(tmp_path: Path) -> None:
    (tmp_path / "空").mkdir()
    result = run("summary", tmp_path / "空", "--out", tmp_path / "汇总.xlsx")
    assert result.exit_code == ExitCode.PATH
    assert "BAT006" in result.stderr
    assert not (tmp_path / "汇总.xlsx").exists()


def test_a_path_that_cannot_be_read_is_told(few: Path, tmp_path: Path) -> None:
    alone = run("summary", tmp_path / "没有", "--out", tmp_path / "汇总.xlsx")
    assert alone.exit_code == ExitCode.PATH
    assert "BAT002" in alone.stderr and str(tmp_path / "没有") in alone.stderr
    assert not (tmp_path / "汇总.xlsx").exists(), "a summary of nothing"
    beside = run("summary", few, tmp_path / "没有.xlsx", "--out", tmp_path / "汇总.xlsx")
    assert beside.exit_code == ExitCode.PATH and beside.stderr.count("BAT002") == 1
    assert "失败 2" in beside.stdout and (tmp_path / "汇总.xlsx").exists()


# ---- beside fill -----------------------------------------------------------------------------------------------------


def test_fill_sums_up_more_than_one_file(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "出"
    run("fill", few / "招商引资专项经费.xlsx", "--out", tmp_path / "一")
    assert not (tmp_path / "一" / "汇总.xlsx").exists()
    result = run("fill", few, "--out", out)
    assert f"汇总:{out / '汇总.xlsx'}\n" in result.stdout
    sheet = openpyxl.load_workbook(out / "汇总.xlsx")["总表"]
    links = [cell.hyperlink.target for row in sheet.iter_rows(min_row=4) for cell in row if cell.hyperlink]
    assert links[:2] == ["高标准农田建设_评分表.xlsx", "招商引资专项经费_评分表.xlsx"]
    assert links[-1] == "../收/坏.xlsx"


def test_a_second_fill_counts_what_it_skips(few: Path, tmp_path: Path, inbox: Path) -> None:
    out = tmp_path / "出"
    run("fill", few, "--out", out)
    before = (out / "汇总.xlsx").read_bytes()
    run("fill", few, "--out", out)
    assert (out / "汇总.xlsx").read_bytes() == before
    assert [path.name for path in out.glob("汇总*")] == ["汇总.xlsx"], "nothing new, no new summary"
    (source,) = inbox.rglob("公交运营补贴.xlsx")
    (few / source.name).write_bytes(source.read_bytes())
    result = run("fill", few, "--out", out, "--json")
    assert json.loads(result.stdout)["summary"] == str(out / "汇总_2.xlsx")
    sheet = openpyxl.load_workbook(out / "汇总_2.xlsx")["总表"]
    assert {row[2] for row in sheet.iter_rows(min_row=4, values_only=True)} == {
        "招商引资专项经费",
        "高标准农田建设",
        "公交运营补贴",
        "校舍安全排查",
        "(文件)坏.xlsx",
    }


def test_a_summary_that_a_cut_off_run_did_not_come_to_is_made_by_the_next(
    few: Path, tmp_path: Path, inbox: Path
) -> None:
    out = tmp_path / "出"
    (few / "坏.xlsx").unlink()  # it would be tried again each time
    run("fill", few, "--out", out)
    (source,) = inbox.rglob("公交运营补贴.xlsx")
    (few / source.name).write_bytes(source.read_bytes())
    run("fill", few, "--out", out)
    (out / "汇总_2.xlsx").unlink()
    for _ in range(2):  # the second time it is there, and nothing has changed since
        result = run("fill", few, "--out", out)
        assert f"汇总:{out / '汇总_2.xlsx'}\n" in result.stdout
        sheet = openpyxl.load_workbook(out / "汇总_2.xlsx")["总表"]
        assert "公交运营补贴" in {row[2] for row in sheet.iter_rows(min_row=4, values_only=True)}
    assert len(list(out.glob("汇总*"))) == 2


def test_a_sheet_that_was_cut_off_in_its_temporary_file_is_a_fault_of_the_disk() -> None:
    made = summarise(Collection())
    book = rendered(made, Path("汇总.xlsx"))[Path("汇总.xlsx")]
    cut = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as source, zipfile.ZipFile(cut, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[: len(data) // 2] if name == "xl/worksheets/sheet2.xml" else data)
    assert filled(book, {})
    with pytest.raises(OSError, match="error"):
        filled(cut.getvalue(), {})


def test_of_several_files_of_a_summary_all_or_none_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = making.write_atomic

    def full(path: Path, data: bytes, **options: bool) -> None:
        if path.name == "汇总_三.csv":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, data, **options)

    files = {tmp_path / f"汇总{name}.csv": name.encode() for name in ("", "_二", "_三")}
    (tmp_path / "汇总_二.csv").write_bytes("_二".encode())  # the very same, from before
    with monkeypatch.context() as patch:
        patch.setattr(making, "write_atomic", full)
        with pytest.raises(PathError, match="空间"):
            making.write(files)
    assert [path.name for path in tmp_path.iterdir()] == ["汇总_二.csv"]
    making.write(files)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_fill_says_when_the_summary_cannot_be_written(few: Path, tmp_path: Path) -> None:
    (tmp_path / "文件").write_text("")
    result = run("fill", few, "--out", tmp_path / "出", "--summary", tmp_path / "文件" / "汇总.xlsx")
    assert result.exit_code == ExitCode.PATH
    assert "汇总没有写成" in result.stderr
    assert len(list((tmp_path / "出").glob("*_评分表.xlsx"))) == 3, "the results stand"
    refused = run("fill", few, "--out", tmp_path / "出", "--summary", few / "汇总.xlsx")
    assert refused.exit_code == ExitCode.USAGE
    assert "输入文件夹" in refused.stderr


def test_a_full_disk_for_temporary_files_stops_no_form(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    result = run("fill", few, "--out", tmp_path / "出")
    assert result.exit_code == ExitCode.PATH
    assert result.stderr.count("汇总没有写成") == 1
    assert "空间" in result.stderr
    assert len(list((tmp_path / "出").glob("*_评分表.xlsx"))) == 3
    refused = run("summary", few, "--out", tmp_path / "汇总.xlsx")
    assert refused.exit_code == ExitCode.PATH
    assert not (tmp_path / "汇总.xlsx").exists()


def test_our_own_fault_in_one_file_is_logged_and_the_others_are_summed_up(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perfeval import pipeline

    real = pipeline.read_form

    def broken(sheet: Any, *rest: Any) -> Any:
        if "高标准" in str(sheet.at(1, 1).text):
            raise KeyError("oops")
        return real(sheet, *rest)

    monkeypatch.setattr(pipeline, "read_form", broken)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    result = run("summary", few, "--out", tmp_path / "汇总.xlsx", "--jobs", "1")
    assert result.exit_code == ExitCode.BUG
    assert result.stdout.splitlines()[-1] == "共 4 个文件:完成 0,有提醒 1,需修改 1,失败 2"
    assert "KeyError" in next(tmp_path.glob("*.log")).read_text(encoding="utf-8")


def test_digests_cross_processes_small_and_whole(finished: dict[str, Outcome]) -> None:
    import pickle

    for outcome in finished.values():
        made = digest(outcome)
        data = pickle.dumps(packed(made))
        assert len(data) < 25_000
        collection = Collection()
        collection.take(pickle.loads(data))
        assert [entry.form for entry in collection.entries] == [replace(form, lines=()) for form in made.forms]
        assert [(entry.path, entry.output, entry.modified) for entry in collection.entries] == [
            (made.path, made.output, made.modified) for _ in made.forms
        ]
        assert [tuple(lines) for _, lines in collection.indicators()] == [form.lines for form in made.forms]
        assert [tuple(problems) for _, _, problems in collection.details()] == [made.problems]
        assert collection.files == {made.status: 1}


def test_files_that_come_after_a_look_are_counted_too() -> None:
    collection = of_forms(form(project="A"))
    assert column(collection, "forms", "project") == ["A"]
    collection.add(file(form(project="B", score="99"), path="收/二.xlsx"))
    assert column(collection, "forms", "project") == ["B", "A"]


def test_writing_fails_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    files = rendered(summarise(of_forms(form())), tmp_path / "汇总.xlsx")
    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("pathlib.Path.replace", full)
    monkeypatch.setattr("os.link", full)
    with pytest.raises(Exception, match="空间"):
        write(files, overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_tables_can_be_read_side_by_side() -> None:
    """The lists come from one store on disk; reading one must not move the other."""
    summary = summarise(of_forms(*(form(project=f"项目{n}") for n in range(5))))
    by_key: dict[str, Table] = {entry.key: entry for entry in summary.tables}
    pairs = list(zip(by_key["indicators"].rows(), by_key["problems"].rows(), strict=True))
    assert [(one[1], other[1]) for one, other in pairs] == [(f"项目{n}", f"项目{n}") for n in range(5)]


def test_a_name_that_another_run_takes_in_the_last_instant_is_not_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, free = tmp_path / "汇总.xlsx", tmp_path / "汇总_2.xlsx"
    real = making.write_atomic

    def late(target: Path, data: bytes, *, overwrite: bool = True, durable: bool = False) -> None:
        if target == taken:
            taken.write_bytes(b"theirs")
        real(target, data, overwrite=overwrite, durable=durable)

    monkeypatch.setattr(making, "write_atomic", late)
    assert making.write_free([{taken: b"ours"}, {free: b"ours"}]) == {free: b"ours"}
    assert (taken.read_bytes(), free.read_bytes()) == (b"theirs", b"ours")
