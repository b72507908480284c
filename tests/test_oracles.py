"""What programs that we did not write say about the finished workbooks."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from perfeval.pack import load_pack
from perfeval.pipeline import Outcome, blank_form
from tests.support.office import (
    convert_all,
    pdf_pages,
    recalculate,
    requires_office,
    requires_validator,
    validation_errors,
)

_NUMBER = re.compile(rb"(<c r=\"([A-Z]+[0-9]+)\"[^>]*>)<f>([^<]*)</f><v>([^<]*)</v>")


@requires_validator
def test_the_open_xml_sdk_finds_no_error(finished: dict[str, Outcome], tmp_path: Path) -> None:
    blank = tmp_path / "blank.xlsx"
    blank.write_bytes(blank_form(load_pack("jiangmen-2024")))
    paths = [outcome.output for outcome in finished.values() if outcome.output] + [blank]
    assert len(paths) >= 12
    assert {path.name: errors for path in paths if (errors := validation_errors(path))} == {}


@requires_office
def test_libreoffice_computes_every_number_we_wrote(finished: dict[str, Outcome], tmp_path: Path) -> None:
    checked = 0
    for outcome in finished.values():
        assert outcome.output is not None
        bare = tmp_path / outcome.output.name
        ours = _without_cached_values(outcome.output, bare)
        sheet = openpyxl.load_workbook(recalculate(bare, tmp_path / "computed"), data_only=True)[
            outcome.forms[0].form.sheet
        ]
        for cell, value in ours.items():
            assert sheet[cell].value == pytest.approx(float(value), rel=1e-14), (outcome.path.name, cell)
            checked += 1
    assert checked > 200


def _without_cached_values(source: Path, target: Path) -> dict[str, str]:
    """Copy a workbook with the values of its formulas taken out; returns them by cell of the form sheet."""
    values: dict[str, str] = {}
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            data = before.read(name)
            if name.startswith("xl/worksheets/sheet"):
                values |= {m[1].decode(): m[3].decode() for m in ((0, *m.groups()[1:]) for m in _NUMBER.finditer(data))}
                data = _NUMBER.sub(rb"\1<f>\3</f>", data)
            after.writestr(name, data)
    return values


def test_other_readers_see_the_total_without_calculating(finished: dict[str, Outcome]) -> None:
    outcome = finished["招商引资专项经费.xlsx"]
    assert outcome.output is not None
    sheet = openpyxl.load_workbook(outcome.output, data_only=True).active
    assert sheet is not None
    row = next(row for row in sheet.iter_rows(values_only=True) if row[0] == "合计:")
    assert row[8] == pytest.approx(98.854902, abs=1e-6)
    assert row[1] == row[3] == 100 and row[5] == pytest.approx(100)
    lines = CalamineWorkbook.from_path(str(outcome.output)).get_sheet_by_index(0).to_python()
    assert next(line for line in lines if line[0] == "合计:")[8] == row[8]
    frame = pd.read_excel(outcome.output, header=None, engine="calamine")
    assert frame.loc[frame[0] == "合计:", 8].item() == row[8]


@requires_office
def test_pages_are_one_wide_and_repeat_the_header(finished: dict[str, Outcome], tmp_path: Path) -> None:
    outcome = finished["招商引资专项经费.xlsx"]
    assert outcome.output is not None
    (pdf,) = convert_all([outcome.output], "pdf", tmp_path)
    pages = pdf_pages(pdf, tmp_path)
    assert 4 <= len(pages) <= 5  # the form, and the list of problems
