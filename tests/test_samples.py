"""The samples are what their script makes of their cases, and hold nobody's real data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import python_calamine

from perfeval.calculator import evaluate
from perfeval.layout import compile_layout
from perfeval.pack import load_pack
from perfeval.reader import read_form
from perfeval.workbook.grid import open_book
from tests.support.office import convert, requires_office, requires_validator, validation_errors

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
INBOX = SAMPLES / "inbox"
FILES = sorted(path.relative_to(INBOX).as_posix() for path in INBOX.rglob("*") if path.is_file())
DAMAGED = {
    case["file"]
    for case in (tomllib.loads(path.read_text(encoding="utf-8")) for path in (SAMPLES / "cases").glob("*.toml"))
    if case.get("damaged")
}
READABLE = [name for name in FILES if name not in DAMAGED]
PHONE = re.compile(r"0\d{3}-000000\d")
PHONE_LIKE = re.compile(r"(?<![\d.])(?:1[3-9]\d{9}|0\d{2,3}[- ]?\d{7,8}|400[- ]?\d{3}[- ]?\d{4})(?!\d)")
MAIL_LIKE = re.compile(r"[\w.+-]+@[\w.-]+")


def run(script: str, *arguments: str) -> str:
    """Runs a script of samples/ as a person would, without leaving byte code beside it."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, str(SAMPLES / script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples")
    run("make_samples.py", "--out", str(out))
    return out


def values(path: Path) -> dict[str, list[list[object]]]:
    """Everything a second, independent reader finds in all sheets."""
    with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
        return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}


def texts(path: Path) -> str:
    """All text of a file: cells, and for packages every XML part (comments, properties)."""
    found = [str(cell) for sheet in values(path).values() for row in sheet for cell in row]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as package:
            found += [package.read(name).decode("utf-8") for name in package.namelist() if name.endswith(".xml")]
    return "\n".join(found)


def look(path: Path) -> dict[str, object]:
    """Merges, widths, rules, drop-downs, print set-up, and every cell with its format, sheet by sheet."""
    book = openpyxl.load_workbook(path)
    return {
        sheet.title: (
            sorted(map(str, sheet.merged_cells.ranges)),
            {key: dimension.width for key, dimension in sheet.column_dimensions.items()},
            {key: dimension.height for key, dimension in sheet.row_dimensions.items()},
            sorted((str(item.sqref), [rule.formula for rule in item.rules]) for item in sheet.conditional_formatting),
            sorted((str(item.sqref), item.formula1) for item in sheet.data_validations.dataValidation),
            (sheet.print_title_rows, sheet.print_area, sheet.page_setup.orientation, sheet.page_setup.fitToHeight),
            [
                (cell.coordinate, cell.value, cell.number_format, cell.font.name, cell.font.sz, cell.border.left.style)
                for row in sheet.iter_rows()
                for cell in row
            ],
        )
        for sheet in book.worksheets
    }


def test_the_script_makes_the_files_that_are_here(made: Path) -> None:
    assert sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()) == FILES


@pytest.mark.parametrize("name", READABLE)
def test_a_sample_says_what_its_case_says(made: Path, name: str) -> None:
    assert values(INBOX / name) == values(made / name)


@pytest.mark.parametrize("name", [name for name in READABLE if name.endswith(("xlsx", "xlsm"))])
def test_a_sample_looks_as_the_script_makes_it(made: Path, name: str) -> None:
    assert look(INBOX / name) == look(made / name)


@pytest.mark.parametrize("name", FILES)
def test_a_second_run_gives_the_same_bytes(made: Path, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    again = tmp_path_factory.getbasetemp() / "again"
    if not again.exists():
        run("make_samples.py", "--out", str(again))
    assert (again / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_samples_are_small(name: str) -> None:
    assert (INBOX / name).stat().st_size < 40_000


@pytest.mark.parametrize("name", sorted(DAMAGED))
def test_the_damaged_sample_is_damaged(name: str) -> None:
    with pytest.raises(python_calamine.CalamineError):
        values(INBOX / name)


@pytest.mark.parametrize("name", READABLE)
def test_contact_data_is_invented(name: str) -> None:
    text = texts(INBOX / name)
    assert [hit for hit in PHONE_LIKE.findall(text) if not PHONE.fullmatch(hit)] == []
    assert [hit for hit in MAIL_LIKE.findall(text) if not hit.endswith("@example.invalid")] == []


def test_the_search_for_contact_data_finds_some() -> None:
    assert PHONE_LIKE.findall("电话13800138000,0750-3123456 或 07503123456") == [
        "13800138000",
        "0750-3123456",
        "07503123456",
    ]
    assert MAIL_LIKE.findall("a.b@jiangmen.gov.cn") == ["a.b@jiangmen.gov.cn"]


def test_no_placeholder_is_left() -> None:
    assert [name for name in READABLE if "{{" in texts(INBOX / name)] == []


def test_formats_are_what_their_bytes_say() -> None:
    starts = {name: (INBOX / name).read_bytes()[:4] for name in FILES}
    old = {name for name, start in starts.items() if start == b"\xd0\xcf\x11\xe0"}
    assert {Path(name).suffix for name in old} == {".xls", ".et"}
    assert {start for name, start in starts.items() if name not in old} == {b"PK\x03\x04"}
    assert {Path(name).suffix for name in FILES} == {".xlsx", ".xlsm", ".xls", ".et", ".ods"}


def test_the_readme_tells_every_sample() -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([^`]+)`", readme, re.MULTILINE) != []
    assert sorted(re.findall(r"^\| `([^`]+)`", readme, re.MULTILINE)) == FILES


@requires_validator
@pytest.mark.parametrize("name", [name for name in READABLE if name.endswith(("xlsx", "xlsm"))])
def test_samples_are_valid_packages(name: str) -> None:
    assert validation_errors(INBOX / name) == []


@requires_office
def test_the_macro_is_a_macro(tmp_path: Path) -> None:
    [name] = [name for name in FILES if name.endswith(".xlsm")]
    text = convert(INBOX / name, "ods", tmp_path)
    with zipfile.ZipFile(text) as package:
        modules = [package.read(part).decode("utf-8") for part in package.namelist() if part.endswith("/Module1.xml")]
    assert ["Public Sub PrintForm()" in module for module in modules] == [True]


def cases() -> Iterator[tuple[str, Decimal]]:
    """Samples whose typed total is right: worked out by hand when the case was written."""
    for path in sorted((SAMPLES / "cases").glob("*.toml")):
        case = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        if "total" in case and path.stem not in {"10-课后服务补助", "13-妇幼健康服务"}:
            yield case["file"], Decimal(case["total"])


@pytest.mark.parametrize(("name", "total"), list(cases()), ids=str)
def test_the_program_gets_the_total_worked_out_by_hand(name: str, total: Decimal) -> None:
    layout = compile_layout(load_pack("jiangmen-2024"))
    form, _ = read_form(open_book((INBOX / name).read_bytes()).sheets[0], layout)
    evaluation, _ = evaluate(form, layout.pack)
    assert evaluation.total is not None
    assert evaluation.total.shown == total
