"""Everything that can arrive instead of a filled form: each is named with a way out, and nothing else suffers."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result

from perfeval.assemble import blank_form as blank_of
from perfeval.cli import program
from perfeval.findings import code
from perfeval.pack import load_pack
from perfeval.pipeline import Options, inspect, layout_of

LAYOUT = layout_of(load_pack("jiangmen-2024"))
GOOD = "澜江市文化广电旅游局/公共图书馆免费开放.xlsx"


def other_workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"] = "会议签到表"
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_part(name: str, data: bytes) -> bytes:
    """The blank form with one member replaced."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(blank_of(LAYOUT, {}))) as source, zipfile.ZipFile(stream, "w", 8) as target:
        for member in source.namelist():
            target.writestr(member, data if member == name else source.read(member))
    return stream.getvalue()


def sheet_name() -> str:
    return LAYOUT.blueprint.part


ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet>&e;</worksheet>'
BOMB = b"<worksheet><sheetData>" + b" " * 300_000_000

CASES = {
    "空文件.xlsx": (b"", "TPL001"),
    "网页.xls": (b"<html><body><table><tr><td>1</td></tr></table></body></html>", "TPL002"),
    "文稿.xlsx": (b"%PDF-1.7\n%\xe2\xe3", "TPL002"),
    "截断.xlsx": (blank_of(LAYOUT, {})[:4000], "TPL003"),
    "签到表.xlsx": (other_workbook(), "TPL020"),
    "空白表.xlsx": (blank_of(LAYOUT, {}), "SCR009"),
    "外部实体.xlsx": (with_part(sheet_name(), ENTITY), "TPL007"),
    "炸弹.xlsx": (with_part(sheet_name(), BOMB), "TPL006"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_wrong_file_is_named(name: str, tmp_path: Path) -> None:
    data, expected = CASES[name]
    path = tmp_path / name
    path.write_bytes(data)
    outcome = inspect(path, Options())
    assert outcome.bug is None
    assert expected in [finding.code for finding in outcome.findings], [finding.message for finding in outcome.findings]
    assert code(expected).fix


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args])


def test_one_bad_file_never_stops_the_others(tmp_path: Path, inbox: Path) -> None:
    folder = tmp_path / "收件箱"
    folder.mkdir()
    for name, (data, _) in CASES.items():
        (folder / name).write_bytes(data)
    (folder / "~$图书馆.xlsx").write_bytes(b"lock")
    (folder / "图书馆.xlsx").write_bytes((inbox / GOOD).read_bytes())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = run("fill", folder, "--out", tmp_path / "结果")
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert (tmp_path / "结果" / "图书馆_评分表.xlsx").exists()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not [
        path for path in (tmp_path / "结果").rglob("*") if path.name.startswith((".~", "~$")) or path.suffix == ".tmp"
    ]


def test_two_forms_in_one_workbook_are_both_filled(tmp_path: Path, inbox: Path) -> None:
    book = openpyxl.load_workbook(inbox / GOOD)
    book.copy_worksheet(book.active).title = "第二张"
    path = tmp_path / "两张.xlsx"
    book.save(path)
    outcome = inspect(path, Options())
    assert [form.form.sheet for form in outcome.forms] == [book.worksheets[0].title, "第二张"]
    assert [str(form.evaluation.total.shown) for form in outcome.forms if form.evaluation.total] == ["99.60", "99.60"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that this user may not write to")
def test_output_folder_without_rights(tmp_path: Path, inbox: Path) -> None:
    closed = tmp_path / "只读"
    closed.mkdir()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    result = run("fill", inbox / GOOD, "--out", closed)
    assert result.exit_code in (1, 4) and "OUT" in result.output


def test_an_output_that_is_a_folder_of_the_same_name(tmp_path: Path, inbox: Path) -> None:
    blocked = tmp_path / "结果" / "公共图书馆免费开放_评分表.xlsx"
    blocked.mkdir(parents=True)
    result = run("fill", inbox / GOOD, "--out", tmp_path / "结果", "--on-exists", "overwrite")
    assert result.exit_code != 0 and "Traceback" not in result.output
    assert list(blocked.parent.rglob("*.xlsx")) == [blocked]


@pytest.mark.parametrize(
    ("args", "exit_code", "words"),
    [
        (("fill", "{inbox}", "--out", "{inbox}/结果"), 2, "--out"),
        (("fill", "{inbox}", "--out", "{tmp}", "--pack", "jiangmen-2042"), 3, "jiangmen-2024"),
        (("check", "{tmp}/没有这个文件.xlsx"), 4, "没有这个文件.xlsx"),
        (("fill", "{inbox}"), 2, "--out"),
    ],
)
def test_wrong_use_is_refused_with_a_way_out(
    args: tuple[str, ...], exit_code: int, words: str, tmp_path: Path, inbox: Path
) -> None:
    result = run(*(arg.format(inbox=inbox, tmp=tmp_path) for arg in args))
    assert result.exit_code == exit_code, result.output
    assert words in result.output and "Traceback" not in result.output


def test_a_form_without_its_total_row_or_columns_is_still_read(tmp_path: Path, inbox: Path) -> None:
    book = openpyxl.load_workbook(inbox / GOOD)
    sheet = book.active
    row = next(cell.row for cell in sheet["A"] if cell.value == "合计:")
    for column in range(1, 13):
        sheet.cell(row, column).value = None
    path = tmp_path / "无合计.xlsx"
    book.save(path)
    outcome = inspect(path, Options())
    total = outcome.forms[0].evaluation.total
    assert total is not None and str(total.shown) == "99.60"
