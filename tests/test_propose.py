"""Packs made of official blank forms: what is recognised, what is left to do, and that the result works."""

from __future__ import annotations

import io
import json
import re
import shlex
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result
from openpyxl.styles import Border, Side
from openpyxl.worksheet.worksheet import Worksheet

from perfeval.cli import program
from perfeval.errors import ExitCode
from perfeval.files import TEMPORARY_PREFIX
from perfeval.pack import available, load_folder, load_pack
from perfeval.pipeline import Options, blank_form, inspect
from perfeval.propose import propose
from tests.support.clerk import filled
from tests.support.office import requires_validator, validation_errors
from tests.test_packs import CASES, HEADER, MONEY

THIN = Side(style="thin")


def run(*args: object) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args])


def placeholders(data: bytes | Path) -> list[str]:
    sheet = openpyxl.load_workbook(io.BytesIO(data) if isinstance(data, bytes) else data).worksheets[0]
    texts = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]
    return sorted(path for text in texts for path in re.findall(r"\{\{ ([\w.]+) \}\}", text))


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """A county's own form, unlike any that is known: own groups, money beside its labels, points in the names."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "自评表"
    lines = [
        ["云溪县项目绩效自评表(2026年度)"],
        ["填报单位名称:", "", "", "", "填报日期:"],
        ["项目名称", "", "", "", "项目负责人", ""],
        ["年初预算数", "", "全年预算数", "", "全年执行数", "", "执行率", ""],
        ["一级指标", "二级指标", "三级指标", "指标值", "完成值", "权重", "自评得分", "未完成原因分析"],
        ["决策(20分)", "项目立项", "立项程序规范性", "规范", "", 12, "", ""],
        ["", "", "绩效目标合理性", "合理", "", 8, "", ""],
        ["产出(40分)", "产出数量", "", "", "", "", "", ""],
        ["", "产出质量", "", "", "", "", "", ""],
        ["效果(40分)", "社会效果", "", "", "", "", "", ""],
        ["", "满意度", "", "", "", "", "", ""],
        ["合计", "", "", "", "", 100, "", ""],
        ["一、主要经验做法"],
        [""],
        ["填表人:", "", "", "", "联系电话:"],
    ]
    for line in lines:
        sheet.append([text or None for text in line])
    for area in ("A1:H1", "A2:D2", "E2:H2", "B3:D3", "F3:H3", "A6:A7", "B6:B7", "A8:A9", "A10:A11", "A12:E12"):
        sheet.merge_cells(area)
    for area in ("A13:H13", "A14:H14", "A15:D15", "E15:H15"):
        sheet.merge_cells(area)
    for row in sheet["A3:H14"]:
        for cell in row:
            cell.border = Border(THIN, THIN, THIN, THIN)
    path = tmp_path / "云溪县空白表.xlsx"
    book.save(path)
    return path


def test_brackets_of_either_width_are_remarks(blank: Path) -> None:
    book = openpyxl.load_workbook(blank)
    sheet = book.worksheets[0]
    for row in sheet.iter_rows():
        for cell in row:
            if isinstance(cell.value, str):
                cell.value = cell.value.replace("(", "\uff08").replace(")", "\uff09")
    sheet["A13"].value = "\uff08一\uff09主要经验做法"
    narrow, wide = propose(blank, "made"), blank.with_name("全角.xlsx")
    book.save(wide)
    assert [propose(wide, "made").found, propose(wide, "made").left] == [narrow.found, narrow.left]
    assert "points = 20" in propose(wide, "made").files["rules.toml"].decode()


@pytest.mark.parametrize("brackets", ["()", "(\u3000 )", "\uff08\uff09", "《__》", "(XXXX)"])
def test_what_is_left_open_and_remarks_are_no_part_of_titles(brackets: str, blank: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(blank)
    sheet = book.worksheets[0]
    sheet["A1"].value = f"云溪县项目绩效自评表{brackets}"
    sheet["H5"].value = "未完成原因分析\n(说明:按实际情况填写。)"
    sheet["F5"].value = "权重(%)"
    book.save(blank)
    assert run("packs", "new", blank, "--id", "made", "--out", tmp_path).exit_code == 0
    pack = load_folder(tmp_path / "made")
    assert pack.title == pack.sources["blank"].title == "云溪县项目绩效自评表"
    titles = ("未完成原因分析", "权重")
    assert tuple(pack.columns[f"indicator.{key}"][0] for key in ("shortfall_reason", "weight")) == titles


@pytest.mark.parametrize("out", [None, ".", "评分体系", "我的 评分体系/2026(新)"])
def test_the_rules_name_the_command_that_proofs_them(
    out: str | None, blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("packs", "new", blank, "--id", "made", *(() if out is None else ("--out", out))).exit_code == 0
    first = (tmp_path / (out or "") / "made" / "rules.toml").read_text(encoding="utf-8").splitlines()[0]
    _, *command = shlex.split(first.partition("运行:")[2])
    checked = run(*command)
    assert (checked.exit_code, checked.stdout.count("没有发现问题")) == (0, 1), checked.output


@pytest.mark.parametrize("pack_id", available())
def test_the_blank_form_of_a_pack_gives_its_places_back(pack_id: str, tmp_path: Path) -> None:
    pack = load_pack(pack_id)
    path = tmp_path / "表.xlsx"
    path.write_bytes(blank_form(pack))
    proposal = propose(path, "again")
    known = [place for place in placeholders(pack.form_path) if place != "total.grade"]  # nothing printed tells of it
    assert placeholders(proposal.files["form.xlsx"]) == known
    assert len(openpyxl.load_workbook(io.BytesIO(proposal.files["form.xlsx"])).sheetnames) == 1
    if pack_id == "mof-split-2022":  # 90 points that nothing printed tells of
        assert [line for line in proposal.left if "points" in line]
    else:
        assert proposal.left == ()


@pytest.mark.parametrize("name", ["national form", "cost apart, satisfaction by steps"])
def test_a_proposed_pack_scores_like_the_one_the_form_is_from(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    pack = load_pack(case.pack)
    source, path = tmp_path / "空白.xlsx", tmp_path / "表.xlsx"
    source.write_bytes(blank_form(pack))
    assert run("packs", "new", source, "--id", "copy", "--out", tmp_path / "packs").exit_code == 0
    path.write_bytes(filled(load_folder(tmp_path / "packs" / "copy"), {**HEADER, **MONEY, **case.fields}, case.rows))
    totals = []
    for options in (Options(pack=pack.id), Options(pack="copy", templates=tmp_path / "packs")):
        (form,) = inspect(path, options).forms
        total = form.evaluation.total
        assert total is not None
        totals.append(total.exact)
    # Only the steps for 满意度 stand in no cell of the form: 86 % of 90 % earns 9.56 in place of 8.
    assert totals[1] - totals[0] == (0 if pack.id == "mof-2020" else pytest.approx(1.56))


def test_a_form_nobody_knows_becomes_a_pack_that_works(blank: Path, tmp_path: Path) -> None:
    packs = tmp_path / "评分体系"
    made = run("packs", "new", blank, "--id", "yunxi-2026", "--out", packs)
    assert made.exit_code == 0, made.output
    assert "没有发现问题" in made.stdout
    places = """
        contact.phone field_1 field_2 field_3 funds.allocated funds.budget funds.execution_rate funds.spent
        indicator.actual indicator.name indicator.score indicator.shortfall_reason indicator.target indicator.weight
        level1.name level2.name narrative.section_1 project total.score total.weight unit_name year
    """
    assert placeholders(packs / "yunxi-2026" / "form.xlsx") == places.split()
    for label in ("填报日期", "项目负责人", "填表人"):
        assert label in made.stdout
    pack = load_folder(packs / "yunxi-2026")
    assert [(group.name, group.printed, group.points, group.weights) for group in pack.groups] == [
        ("决策", "决策(20分)", 20, "fixed"),
        ("产出", "产出(40分)", 40, "stated"),
        ("效果", "效果(40分)", 40, "stated"),
    ]
    assert [(i.name, i.weight) for k in pack.groups[0].kinds for i in k.indicators] == [
        ("立项程序规范性", 12),
        ("绩效目标合理性", 8),
    ]

    listed = json.loads(run("packs", "list", "--templates", packs, "--json").stdout)
    assert "yunxi-2026" in [entry["id"] for entry in listed]
    page = run("packs", "show", "yunxi-2026", "--templates", packs)
    assert "效果 40 分" in page.stdout
    handed_out = tmp_path / "发放.xlsx"
    assert run("new", "--pack", "yunxi-2026", "--templates", packs, "--out", handed_out).exit_code == 0
    assert [form.pack.id for form in inspect(handed_out, Options(templates=packs)).forms] == ["yunxi-2026"]

    # 12 + 8; 9 ÷ 10 × 25 = 22.5; 15; 20; 81 ÷ 90 × 20 = 18; in all 95.5
    inbox = tmp_path / "收件箱"
    inbox.mkdir()
    fields = {"year": "2026", "unit_name": "云溪县水务局", "project": "河道整治", "field_2": "甲", "funds.spent": "90"}
    rows = """
    | level1.name | level2.name | indicator.name | indicator.target | indicator.actual | indicator.weight |
    | 决策(20分) | 项目立项 | 立项程序规范性 | 规范 | "全部达成预期指标"、完成比例100% | 12 |
    | | | 绩效目标合理性 | 合理 | "全部达成预期指标"、完成比例100% | 8 |
    | 产出(40分) | 产出数量 | 整治河道长度 | ≥10公里 | 9公里 | 25 |
    | | 产出质量 | 工程合格率 | 100% | 100% | 15 |
    | 效果(40分) | 社会效果 | 受益人口 | ≥2万人 | 2.2万人 | 20 |
    | | 满意度 | 群众满意度 | ≥90% | 81% | 20 |
    """
    data = filled(pack, {"funds.budget": "100", "funds.allocated": "100", **fields}, rows)
    (inbox / "河道整治.xlsx").write_bytes(data)
    out = tmp_path / "结果"
    done = run("fill", inbox, "--templates", packs, "--out", out)
    assert done.exit_code == 0, done.output
    assert "95.5" in done.output
    (finished,) = out.glob("*.xlsx")
    sheet = openpyxl.load_workbook(finished, data_only=True).worksheets[0]
    values = {cell.value for row in sheet.iter_rows() for cell in row}
    assert {"决策(20分)", "甲", 95.5, 0.9} <= values
    rate = next(cell for row in sheet.iter_rows() for cell in row if cell.value == 0.9)
    assert rate.number_format == "0.00%"
    checked = run("check", finished, "--templates", packs, "--json")
    (entry,) = json.loads(checked.stdout)["files"]
    assert entry["pack"] == "yunxi-2026"
    assert entry["total"]["shown"] == "95.5"
    assert entry["form"]["year"] == 2026


@requires_validator
def test_a_stamped_form_is_valid(blank: Path, tmp_path: Path) -> None:
    run("packs", "new", blank, "--id", "made", "--out", tmp_path)
    before = validation_errors(blank)
    assert [error for error in validation_errors(tmp_path / "made" / "form.xlsx") if error not in before] == []


REFUSED = {
    "no table": ("随便写的一页", "表头"),
    "no total": ("total", "合计"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_gives_nothing_to_go_on_is_refused_with_the_way_out(name: str, blank: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(blank)
    sheet = book.worksheets[0]
    if name == "no table":
        sheet.delete_rows(5)
    else:
        sheet["A12"].value = "签字"
    book.save(blank)
    result = run("packs", "new", blank, "--id", "made", "--out", tmp_path)
    assert result.exit_code == ExitCode.PACK
    assert REFUSED[name][1] in result.output
    assert not (tmp_path / "made").exists()


def test_names_that_cannot_be_and_folders_that_are_there_are_refused(blank: Path, tmp_path: Path) -> None:
    assert run("packs", "new", blank, "--id", "云溪", "--out", tmp_path).exit_code == ExitCode.USAGE
    assert run("packs", "new", tmp_path / "没有.xlsx", "--id", "made", "--out", tmp_path).exit_code == ExitCode.PATH
    assert run("packs", "new", blank, "--id", "made", "--out", tmp_path).exit_code == 0
    again = run("packs", "new", blank, "--id", "made", "--out", tmp_path)
    assert again.exit_code == ExitCode.USAGE
    assert "已经存在" in again.output


@pytest.mark.parametrize("where", ["built-in", "--templates", "PERFEVAL_TEMPLATES"])
def test_an_id_that_a_pack_has_is_refused(
    where: str, blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = tmp_path / "别处"
    taken, options = "mof-2020", ("--out", tmp_path / "评分体系")
    if where != "built-in":
        taken = "yunxi-2025"
        assert run("packs", "new", blank, "--id", taken, "--out", others).exit_code == 0
    if where == "--templates":
        options += ("--templates", others)
    elif where == "PERFEVAL_TEMPLATES":
        monkeypatch.setenv(where, str(others))
    result = run("packs", "new", blank, "--id", taken, *options)
    assert result.exit_code == ExitCode.PACK
    assert f"「{taken}」" in result.output
    assert "换一个 --id" in result.output
    assert not (tmp_path / "评分体系").exists()


def test_another_format_is_asked_to_be_saved_as_xlsx(tmp_path: Path) -> None:
    path = tmp_path / "表.docx"
    path.write_bytes(b"PK\x03\x04 no workbook")
    result = run("packs", "new", path, "--id", "made", "--out", tmp_path)
    assert result.exit_code == ExitCode.PACK
    assert "xlsx" in result.output


def test_a_pack_that_was_cut_off_while_being_written_is_none(blank: Path, tmp_path: Path) -> None:
    assert run("packs", "new", blank, "--id", "cut-2026", "--out", tmp_path).exit_code == 0
    (tmp_path / "cut-2026").rename(tmp_path / f"{TEMPORARY_PREFIX}0f.tmp")
    assert set(available(tmp_path)) == set(available())
    assert run("packs", "new", blank, "--id", "cut-2026", "--out", tmp_path).exit_code == 0
    assert "cut-2026" in available(tmp_path)


# ---- the page for authors, followed to the letter -------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_page_for_authors_can_be_followed(readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / readme).read_text(encoding="utf-8").partition("<!-- packs -->")[2].partition("<!-- /packs -->")[0]
    commands = [line.split() for block in re.findall(r"```sh\n(.*?)```", page, re.S) for line in block.splitlines()]
    assert [words[1:3] for words in commands][:2] == [["packs", "new"], ["packs", "check"]]
    monkeypatch.chdir(tmp_path)
    case = CASES["national form"]
    Path("官方空白表.xlsx").write_bytes(blank_form(load_pack(case.pack)))
    for words in commands:
        if words[1] == "check":  # the page says: fill it in
            pack = load_folder(Path("评分体系/mycity-2026"))
            Path("试填.xlsx").write_bytes(filled(pack, {**HEADER, **MONEY}, case.rows))
        result = run(*words[1:])
        assert result.exit_code == 0, (words, result.output)
    assert case.total in result.output
    (rules,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    folder = Path("评分体系/mycounty-2026")
    folder.mkdir()
    (folder / "rules.toml").write_text(rules, encoding="utf-8")
    checked = run("packs", "check", folder)
    assert (checked.exit_code, checked.stdout.count("没有发现问题")) == (0, 1), checked.output


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_names_on_the_page_are_those_the_proof_knows(readme: str, tmp_path: Path) -> None:
    page = (ROOT / readme).read_text(encoding="utf-8").partition("<!-- packs -->")[2].partition("<!-- /packs -->")[0]
    named = set(re.findall(r"`((?:funds|level1|level2|indicator|total|contact|goal)\.[a-z_]+)`", page))
    assert len(named) > 12
    known = {path for pack_id in available() for path in placeholders(load_pack(pack_id).form_path)}
    parts = {path.rpartition(".")[0] for path in known}
    assert named <= known | parts
