"""The roster: read whatever its heading, matched without guessing, handed out as forms that read back."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from perfeval.cli import program
from perfeval.errors import ExitCode
from perfeval.pack import available, load_pack
from perfeval.pipeline import Options, inspect
from perfeval.planning import OnExists
from perfeval.roster import Roster, RosterRow, match, near, read_roster, same_name
from perfeval.roster.handout import hand_out, unplaced
from perfeval.roster.names import distance
from tests.test_summary import collected as collection_of
from tests.test_summary import column, file, form, of_forms, table

PACK = "jiangmen-2024"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args])


def saved(folder: Path, *rows: Sequence[Any], name: str = "名册.xlsx", merges: Sequence[str] = ()) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    for span in merges:
        sheet.merge_cells(span)
    book.save(folder / name)
    return folder / name


def fields(roster: Roster) -> list[dict[str, str]]:
    return [dict(row.fields) for row in roster.rows]


def codes(roster: Roster) -> list[tuple[str, str]]:
    return [(finding.code, finding.params.get("row", "")) for finding in roster.findings]


# ---- reading ---------------------------------------------------------------------------------------------------------

HEADING = ("单位", "项目", "联系人", "邮箱", "电话", "预算(万元)")
FIRST = ("甲局", "A项目", "张三", "a@example.invalid", "0750-0000000", 343.5)
READ = {
    "unit_name": "甲局",
    "project": "A项目",
    "contact.name": "张三",
    "contact.email": "a@example.invalid",
    "contact.phone": "0750-0000000",
    "funds.budget": "343.5",
}


@pytest.mark.parametrize(
    "heading",
    [
        HEADING,
        ("填报单位名称", "项目名称", "经办人", "电子邮箱", "联系电话", "年初预算数(万元)"),
        ("单 位", "项目\n名称*", "联系人(姓名)", "E-mail", "手机号", "预算金额"),
        ("预算单位", "预算项目", "填报人", "Email", "联系方式", "资金安排（万元）"),
    ],
    ids=lambda heading: heading[0],
)
def test_columns_are_known_by_many_words(tmp_path: Path, heading: Sequence[str]) -> None:
    roster = read_roster(saved(tmp_path, heading, FIRST))
    assert fields(roster) == [READ]
    assert not roster.findings


def test_order_title_and_further_columns_do_not_matter(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        ["2024年度绩效自评名册"],
        [],
        ["序号", "科室", *reversed(HEADING), "备注"],
        [1, "行财科", *reversed(FIRST), "x"],
        ["合计", None, 343.5],
        ["序号", "科室", *reversed(HEADING), "备注"],
    )
    roster = read_roster(path)
    assert fields(roster) == [READ]
    assert roster.rows[0].row == 4
    assert [finding.code for finding in roster.findings] == ["BAT114"]
    assert "「科室」" in roster.findings[0].message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_csv_in_every_encoding(tmp_path: Path, encoding: str, separator: str) -> None:
    lines = [HEADING, FIRST, ("乙局", "B项目")]
    path = tmp_path / "名册.csv"
    path.write_bytes("\r\n".join(separator.join(map(str, line)) for line in lines).encode(encoding))
    roster = read_roster(path)
    assert fields(roster) == [READ, {"unit_name": "乙局", "project": "B项目"}]


def test_old_binary_workbooks_and_numbers_as_numbers(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("名册")
    for row, values in enumerate([HEADING, (*FIRST[:4], 13800000000, 12.3456)]):
        for place, value in enumerate(values):
            sheet.write(row, place, value)
    book.save(str(tmp_path / "名册.xls"))
    (row,) = read_roster(tmp_path / "名册.xls").rows
    assert (row.fields["contact.phone"], row.fields["funds.budget"]) == ("13800000000", "12.3456")


def test_a_unit_merged_over_its_projects(tmp_path: Path) -> None:
    rows = [("单位", "项目"), ("甲局", "A"), (None, "B"), (None, "C")]
    merged = read_roster(saved(tmp_path, *rows, merges=["A2:A4"]))
    blank = read_roster(saved(tmp_path, *rows))
    assert [(row.unit, row.project) for row in merged.rows] == [("甲局", name) for name in "ABC"]
    assert fields(blank) == fields(merged)


@pytest.mark.parametrize(
    ("heading", "written", "budget", "unit"),
    [
        ("预算", 343, "343", ""),
        ("预算(元)", 3430000, "3430000", "元"),
        ("预算(万元)", "1,234.50", "1234.5", "万元"),
        ("预算(元)", "5万元", "5", "万元"),
        ("预算", "1.2亿元", "1.2", "亿元"),
        ("预算(元)", "1.2亿", "1.2", "亿元"),
        ("预算(元)", "5万", "5", "万元"),
        ("预算", "¥100", "100", "元"),
        ("预算(单位:元)", 3430000, "3430000", "元"),
        ("预算数\n（金额单位：元）", 3430000, "3430000", "元"),
        ("预算(人民币元)", 3430000, "3430000", "元"),
        ("预算(2024年)(千元)", 3430, "3430", "千元"),
        ("预算", "约300", None, ""),
        ("预算", "≥300", None, ""),
        ("预算", "待定", None, ""),
        # Nobody can tell whether these are 万, 亿 of the unit of the form or of 元: as in the form itself.
        ("预算", "1.2亿", None, ""),
        ("预算", "5万", None, ""),
        ("预算(万元)", "1.2亿", None, ""),
        # No amounts of money.
        ("预算", "100人", None, ""),
        ("预算(元)", "100人", None, ""),
        ("预算(万元)", "300元/人", None, ""),
        ("预算", "100美元", None, ""),
        ("预算(美元)", 100, None, ""),
        ("预算(万元)", "50%", None, ""),
    ],
)
def test_budgets_are_plain_numbers_or_left_out(
    tmp_path: Path, heading: str, written: Any, budget: str | None, unit: str
) -> None:
    roster = read_roster(saved(tmp_path, ("单位", "项目", heading), ("甲局", "A", written)))
    (row,) = roster.rows
    assert row.fields.get("funds.budget") == budget
    assert codes(roster) == ([("BAT113", "2")] if budget is None else [])
    if budget is not None:
        assert row.money_unit == unit


def test_a_share_shown_in_percent_is_no_budget(tmp_path: Path) -> None:
    path = saved(tmp_path, ("单位", "项目", "预算"), ("甲局", "A", 0.5))
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["C2"].number_format = "0%"
    book.save(path)
    assert codes(read_roster(path)) == [("BAT113", "2")]


@pytest.mark.parametrize("said", ["单位:元", "（金额单位： 元）", "预算明细(单位:人民币元)"])
def test_the_unit_of_money_may_stand_above_the_table(tmp_path: Path, said: str) -> None:
    rows = [["2024年名册"], ["单位:甲局", None, said], ("单位", "项目", "预算"), ("甲局", "A", 3430000)]
    (row,) = read_roster(saved(tmp_path, *rows)).rows
    assert (row.fields["funds.budget"], row.money_unit) == ("3430000", "元")
    rows[2] = ("单位", "项目", "预算(万元)")
    (row,) = read_roster(saved(tmp_path, *rows)).rows
    assert row.money_unit == "万元"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("单位", "项目"), ("甲局", "A"), ("甲局", "A"), ("甲 局(一级)", "A ")], [("BAT112", "3"), ("BAT112", "4")]),
        (
            [("单位", "项目", "年度"), ("甲局", "A", 2023), ("甲局", "A", "2024年度"), ("甲局", "A", "2024")],
            [("BAT112", "4")],
        ),
        ([("单位", "项目"), (None, "A"), ("甲局", "B")], [("BAT111", "2")]),
        ([("单位", "项目")], [("BAT115", "")]),
        ([("甲", "乙"), ("丙", "丁")], [("BAT110", "")]),
        ([], [("BAT110", "")]),
    ],
    ids=["doubles", "years", "no unit", "heading only", "no heading", "blank"],
)
def test_faults_of_a_roster(tmp_path: Path, rows: Sequence[Sequence[Any]], found: list[tuple[str, str]]) -> None:
    assert codes(read_roster(saved(tmp_path, *rows))) == found


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04xx", b"\xd0\xcf\x11\xe0", b"\x00\xff" * 50, b'"' * 99, b"a,b\n" * 9])
def test_no_bytes_are_too_odd(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "名册").write_bytes(data)
    roster = read_roster(tmp_path / "名册")
    assert not roster.rows
    assert len(roster.findings) == 1
    assert roster.findings[0].message


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("澜江市教育局(一级)", "澜江市 教育局", True),
        ("甲(公司)", "甲（公司）", True),
        ("文化广电旅游局", "澜江市文化广电旅游局", True),
        ("澜江水务集团", "澜江水务集团有限公司", True),
        ("招商引资专项", "招商引资专项经费", True),
        ("农业农村局", "农业农邨局", True),
        ("澜江市卫生健康局", "澜江市卫生健康委", True),
        ("第一小学", "第二小学", False),
        ("城东小学", "城西小学", False),
        ("澜江市教育局", "澜江县教育局", False),
        ("公路养护一期工程", "公路养护二期工程", False),
        ("2023年设备购置", "2024年设备购置", False),
        ("教育局", "体育局", False),
        ("财政局", "民政局", False),
        ("甲", "乙", False),
        ("", "甲局", False),
    ],
)
def test_names_that_are_nearly_the_same(one: str, other: str, alike: bool) -> None:
    assert near(same_name(one), same_name(other)) == alike
    assert near(same_name(other), same_name(one)) == alike


@given(st.text("甲乙丙丁", max_size=6), st.text("甲乙丙丁", max_size=6), st.integers(0, 3))
def test_edit_distance(one: str, other: str, limit: int) -> None:
    def slow(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        return min(slow(a[1:], b) + 1, slow(a, b[1:]) + 1, slow(a[1:], b[1:]) + (a[0] != b[0]))

    if len(one) + len(other) < 9:
        assert distance(one, other, limit) == min(slow(one, other), limit + 1)


def test_same_name_is_stable() -> None:
    for text in ("甲局(一级)", "「甲局」", "甲 局", "(一级)", "", "甲局(本级)"):
        assert same_name(same_name(text)) == same_name(text)


# ---- matching --------------------------------------------------------------------------------------------------------


def roster_of(*names: tuple[str, ...]) -> Roster:
    rows = []
    for number, texts in enumerate(names, 2):
        known = dict(zip(("unit_name", "project", "year"), texts, strict=False))
        rows.append(RosterRow(number, {key: text for key, text in known.items() if text}))
    return Roster(Path("名册.xlsx"), tuple(rows))


@pytest.mark.parametrize(
    ("rows", "sent", "found"),
    [
        # row found, whether only near, number of candidates
        ([("甲局", "A项目")], ("甲局(一级)", "A 项目"), (2, False, 0)),
        ([("甲局", "")], ("甲局", "随便什么"), (2, False, 0)),
        ([("", "高标准农田建设")], ("甲局", "高标准农田建设"), (2, False, 0)),
        ([("澜江市农业局", "高标准农田建设")], ("农业局", "高标准农田建设"), (2, True, 0)),
        ([("甲局", "高标准农田建设")], ("甲局", "高标准农田建设专项资金"), (2, True, 0)),
        (
            [("甲局", "高标准农田建设"), ("甲局", "高标准农田建设资金")],
            ("甲局", "高标准农田建设经费"),
            (None, False, 2),
        ),
        ([("甲局", "道路养护"), ("乙局", "道路养护")], ("乙局", "道路养护"), (3, False, 0)),
        ([("甲局", "道路养护")], ("乙局", "道路养护"), (None, False, 0)),
        ([("第一小学", "设备购置")], ("第二小学", "设备购置"), (None, False, 0)),
        ([("甲局", "A项目")], ("", ""), (None, False, 0)),
        ([("甲局", "高标准农田")], ("", "高标准农田"), (2, True, 0)),
    ],
)
def test_where_a_submission_belongs(
    rows: Sequence[tuple[str, str]], sent: tuple[str, str], found: tuple[int | None, bool, int]
) -> None:
    (result,) = match(roster_of(*rows).rows, [(*sent, 2024)])
    assert (result.row and result.row.row, result.near, len(result.candidates)) == found


def test_a_row_claimed_by_its_own_name_is_not_given_away() -> None:
    rows = roster_of(("甲局", "高标准农田建设")).rows
    own, alike = ("甲局", "高标准农田建设", 2024), ("甲局", "高标准农田建设资金", 2024)
    exact, other = match(rows, [own, alike])
    assert exact.row is rows[0]
    assert other.row is None
    assert other == match(rows, [alike, own])[0]


@pytest.mark.parametrize(
    ("years", "sent", "found", "candidates"),
    [
        # years on the roster, year of the form, row found, number of candidates
        (["2023", "2024"], 2024, 3, 0),
        (["2024", "2023"], 2024, 2, 0),
        (["2023"], 2024, None, 0),
        (["2023", ""], 2024, 3, 0),
        (["2024", ""], 2024, 2, 0),
        ([""], 2024, 2, 0),
        (["2023"], None, 2, 0),
        (["2023", "2024"], None, None, 2),
        (["2023", ""], None, 3, 0),
        (["二〇二三"], 2024, 2, 0),
        (["2023-2025"], 2024, 2, 0),  # a year that is not certain is none
    ],
)
@pytest.mark.parametrize("project", ["高标准农田建设", "高标准农田建设资金", ""])
def test_a_year_on_the_roster_tells_rows_apart(
    years: list[str], sent: int | None, found: int | None, candidates: int, project: str
) -> None:
    roster = roster_of(*(("甲局", project, year) for year in years))
    (result,) = match(roster.rows, [("甲局", "高标准农田建设", sent)])
    assert (result.row and result.row.row, len(result.candidates)) == (found, candidates)


def test_a_year_makes_no_choice_between_other_names() -> None:
    roster = roster_of(("甲局", "高标准农田建设", "2024"), ("甲局", "高标准农田建设资金"))
    (result,) = match(roster.rows, [("甲局", "高标准农田建设经费", 2024)])
    assert result.candidates == roster.rows


def test_last_years_row_is_not_settled_by_this_years_form() -> None:
    from perfeval.summary import summarise

    roster = roster_of(("甲局", "A项目", "2023"), ("甲局", "A项目", "2024"), ("乙局", "B项目", "2023"))
    collection = of_forms(form("甲局", "A项目"), form("乙局", "B项目"))
    rows = [(row["state"], row["unit"], row["year"]) for row in table(collection, "roster", roster)]
    assert rows == [
        ("未报送", "甲局", 2023),
        ("未报送", "乙局", 2023),
        ("已完成", "甲局", 2024),
        ("名册外", "乙局", 2024),
    ]
    (finding,) = summarise(collection, roster).findings
    assert finding.code == "BAT104"
    assert "「乙局 / B项目 / 2024年度」" in finding.message
    assert "year" not in table(collection, "roster", roster_of(("甲局", "A项目")))[0]


def test_who_has_not_sent_who_must_correct_who_is_done() -> None:
    roster = roster_of(
        ("甲局", "已做"), ("甲局", "要改的项目"), ("乙局", "没有送"), ("丙局", "送得不全的项目"), ("丁局", "")
    )
    collection = collection_of(
        file(form("甲局", "已做")),
        file(form("甲局", "要改的项目", None, status="error")),
        file(form("丙局", "送得不全的项目资金", status="warning")),
        file(form("丁局", "一")),
        file(form("丁局", "二", status="error")),
        file(form("戊局", "生人")),
        file(path="收/坏.xlsx"),
    )
    rows = [(row["state"], row["unit"], row["project"]) for row in table(collection, "roster", roster)]
    assert rows == [
        ("未报送", "乙局", "没有送"),
        ("需修改", "甲局", "要改的项目"),
        ("已完成", "丁局", "一"),
        ("需修改", "丁局", "二"),
        ("已完成", "甲局", "已做"),
        ("已完成", "丙局", "送得不全的项目"),
        ("名册外", "戊局", "生人"),
    ]
    from perfeval.summary import summarise

    summary = summarise(collection, roster)
    assert [(finding.code, finding.params.get("row")) for finding in summary.findings] == [
        ("BAT102", "5"),
        ("BAT104", None),
    ]
    (shown,) = (entry for entry in summary.tables if entry.key == "roster")
    assert "未报送 1" in shown.remark
    assert "需修改 2" in shown.remark
    assert "已完成 2" in shown.remark
    assert "1 个文件读不出来" in shown.remark
    written = [row["written"] for row in table(collection, "roster", roster)]
    assert [text for text in written if text] == ["丙局 / 送得不全的项目资金"]


def test_a_newer_version_settles_an_older_one() -> None:
    old = file(form("甲局", "A项目", None, status="error"), path="旧.xlsx", modified=1)
    new = file(form("甲局", "A项目"), path="新.xlsx", modified=2)
    collection = collection_of(old, new)
    roster = roster_of(("甲局", "A项目"))
    assert [row["state"] for row in table(collection, "roster", roster)] == ["已完成"]


def test_several_alike_rows_are_named_and_none_is_chosen() -> None:
    from perfeval.summary import summarise

    roster = roster_of(("甲局", "高标准农田建设"), ("甲局", "高标准农田建设资金"))
    (finding,) = summarise(of_forms(form("甲局", "高标准农田建设经费")), roster).findings
    assert finding.code == "BAT103"
    assert "「甲局 / 高标准农田建设」「甲局 / 高标准农田建设资金」" in finding.message
    assert column(of_forms(form("甲局", "高标准农田建设经费")), "forms", "unit") == ["甲局"]


# ---- handing out -----------------------------------------------------------------------------------------------------


def test_a_form_handed_out_says_what_the_roster_says(tmp_path: Path) -> None:
    roster = read_roster(saved(tmp_path, (*HEADING, "主管部门"), (*FIRST, "甲委")))
    pack = load_pack(PACK)
    (handed,) = hand_out(roster, pack, tmp_path / "发")
    assert handed.path == tmp_path / "发" / "甲局_A项目.xlsx"
    outcome = inspect(handed.path, Options())
    (read,) = outcome.forms
    for path, text in READ.items():
        assert read.form.text(path) == text, path
    assert read.form.amount("funds.budget") is not None
    assert [finding.code for finding in unplaced(roster, pack)] == ["BAT116"]
    assert "主管部门" in unplaced(roster, pack)[0].message


@pytest.mark.parametrize(("written", "budget"), [(3435000, "343.5"), ("1.2亿", "12000"), ("100人", "")])
def test_a_budget_in_yuan_is_handed_out_in_the_unit_of_the_form(tmp_path: Path, written: Any, budget: str) -> None:
    roster = read_roster(saved(tmp_path, ("单位", "项目", "预算(元)"), ("甲局", "A", written)))
    (handed,) = hand_out(roster, load_pack(PACK), tmp_path)
    assert inspect(handed.path, Options()).forms[0].form.text("funds.budget") == budget


@pytest.mark.parametrize("pack_id", available())
def test_every_pack_has_a_place_for_the_budget_and_the_names(tmp_path: Path, pack_id: str) -> None:
    heading, first = ("单位", "项目", "年度", "预算(元)"), ("甲局", "A项目", "2024年度", 3435000)
    pack = load_pack(pack_id)
    (handed,) = hand_out(read_roster(saved(tmp_path, heading, first)), pack, tmp_path / "发")
    (read,) = inspect(handed.path, Options()).forms
    assert read.pack.id == pack.id
    assert (read.form.text("unit_name"), read.form.text("project"), read.form.year) == ("甲局", "A项目", 2024)
    budgets = {path: cell.text for path, cell in read.form.fields.items() if path.startswith("funds.budget") and cell}
    assert list(budgets.values()) == ["343.5"]


def test_every_year_of_a_project_gets_its_own_form(tmp_path: Path) -> None:
    rows = [("单位", "项目", "年度"), ("甲局", "A", 2023), ("甲局", "A", 2024), ("甲局", "B", 2024)]
    handed = list(hand_out(read_roster(saved(tmp_path, *rows)), load_pack("mof-2020"), tmp_path / "发"))
    assert [entry.path.name for entry in handed] == ["甲局_A_2023.xlsx", "甲局_A_2024.xlsx", "甲局_B.xlsx"]
    assert [inspect(entry.path, Options()).forms[0].form.year for entry in handed] == [2023, 2024, 2024]


def test_names_of_forms_are_safe_and_none_replaces_another(tmp_path: Path) -> None:
    names = [("../外", "a/b"), ("甲:局", "x"), ("甲?局", "x"), ("CON", ""), ("Ａ局", "y"), ("a局", "y")]
    rows = tuple(RosterRow(n, {"unit_name": unit, "project": project}) for n, (unit, project) in enumerate(names))
    folder = tmp_path / "发"
    handed = list(hand_out(Roster(Path("名册"), rows), load_pack(PACK), folder))
    assert len({entry.path for entry in handed}) == len(names)
    assert all(entry.path.parent == folder and entry.path.is_file() for entry in handed)
    assert "甲_局_x_2.xlsx" in {entry.path.name for entry in handed}
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("on_exists", "files", "kept"), [("suffix", 2, True), ("skip", 1, True), ("overwrite", 1, False)]
)
def test_forms_handed_out_before_are_not_replaced_unasked(
    tmp_path: Path, on_exists: str, files: int, kept: bool
) -> None:
    roster = roster_of(("甲局", "A"))
    (tmp_path / "甲局_A.xlsx").write_bytes(b"filled by somebody")
    (handed,) = hand_out(roster, load_pack(PACK), tmp_path, OnExists(on_exists))
    assert len(list(tmp_path.iterdir())) == files
    assert ((tmp_path / "甲局_A.xlsx").read_bytes() == b"filled by somebody") == kept
    assert handed.written == (on_exists != "skip")


def test_new_with_a_roster(tmp_path: Path) -> None:
    path = saved(tmp_path, HEADING, FIRST, ("乙局", "B项目", None, None, None, "待定"))
    result = run("new", "--roster", path, "--pack", PACK, "--out", tmp_path / "发")
    assert result.exit_code == 0
    assert [Path(line).name for line in result.stdout.splitlines()] == ["甲局_A项目.xlsx", "乙局_B项目.xlsx"]
    assert "BAT113" in result.stderr
    assert "生成 2 份" in result.stderr
    bad = run("new", "--roster", tmp_path / "没有.csv", "--pack", PACK, "--out", tmp_path / "二")
    assert bad.exit_code == ExitCode.PATH
    assert not (tmp_path / "二").exists()


def test_summary_with_a_roster(tmp_path: Path, inbox: Path) -> None:
    (source,) = inbox.rglob("招商引资专项经费.xlsx")
    folder = tmp_path / "收"
    folder.mkdir()
    (folder / "表.xlsx").write_bytes(source.read_bytes())
    unit = inspect(source, Options()).forms[0].form.text("unit_name").removesuffix("(一级)")
    roster = saved(tmp_path, ("单位", "项目", "邮箱"), (unit, "招商引资专项", "a@b"), ("乙局", "没有送", "c@d"))
    result = run("summary", folder, "--out", tmp_path / "汇总.xlsx", "--roster", roster)
    assert result.exit_code == 0
    assert "BAT102" in result.stderr
    sheet = openpyxl.load_workbook(io.BytesIO((tmp_path / "汇总.xlsx").read_bytes()))["缺报名单"]
    rows = [row[:3] for row in sheet.iter_rows(min_row=4, values_only=True)]
    assert rows == [("未报送", "乙局", "没有送"), ("已完成", unit, "招商引资专项")]
