"""A pack proofed as a whole: what is wrong with the form is named by cell, with what may stand there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from perfeval.findings import Finding, Severity, catalogue
from perfeval.pack import available, load_pack
from perfeval.proof import proof


def spoiled(tmp_path: Path, change: Callable[[Worksheet], None], pack_id: str = "mof-2020") -> tuple[Finding, ...]:
    folder = Path(copytree(load_pack(pack_id).folder, tmp_path / pack_id))
    book = openpyxl.load_workbook(folder / "form.xlsx")
    change(book.worksheets[0])
    book.save(folder / "form.xlsx")
    return proof(folder)


@pytest.mark.parametrize("pack_id", available())
def test_built_in_packs_are_without_fault(pack_id: str) -> None:
    assert proof(load_pack(pack_id).folder) == ()


def put(address: str, text: str | None) -> Callable[[Worksheet], None]:
    def change(sheet: Worksheet) -> None:
        sheet[address].value = text

    return change


# Change of the national form, code, cell, and what message or 改法 must name.
FAULTS = {
    "no total": (put("H14", None), "PAK101", "", "total."),
    "broken braces": (put("C3", "{{ project"), "PAK101", "", "C3"),
    "unknown column": (put("F13", "{{ indicator.actaul }}"), "PAK102", "F13", "「indicator.actual」"),
    "unknown sum": (put("F6", "{{ funds.spend.total }}"), "PAK102", "F6", "funds.spent"),
    "nearly a known name": (put("C3", "{{ projcet }}"), "PAK103", "C3", "「project」"),
    "twice": (put("C4", "{{ unit_name }}"), "PAK104", "G4", "C4"),
    "no score": (put("H13", None), "PAK105", "", "indicator.score"),
    "no weight where the unit states it": (put("G13", None), "PAK105", "", "indicator.weight"),
    "asked for but not there": (put("C4", None), "PAK106", "", "department"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_form_is_named(name: str, tmp_path: Path) -> None:
    change, code, cell, named = FAULTS[name]
    if name == "no total":
        findings = spoiled(tmp_path, lambda sheet: [put("H14", None)(sheet), put("G14", None)(sheet)])
    else:
        findings = spoiled(tmp_path, change)
    found = [finding for finding in findings if finding.code == code]
    assert found, [(f.code, f.message) for f in findings]
    assert any(finding.cell.startswith(cell) and named in finding.message + finding.fix for finding in found)
    assert not any("{}" in finding.message + finding.fix for finding in found)


def test_a_group_scored_from_money_that_the_form_does_not_show(tmp_path: Path) -> None:
    def change(sheet: Worksheet) -> None:
        for row in sheet["F6:F9"]:
            row[0].value = None

    findings = spoiled(tmp_path, change)
    assert "funds.spent" in next(f.message for f in findings if f.code == "PAK107")


def test_a_name_of_ones_own_is_kept_without_a_word(tmp_path: Path) -> None:
    def change(sheet: Worksheet) -> None:
        sheet["A15"].value, sheet["C15"].value = "项目编码", "{{ budget_code }}"

    assert spoiled(tmp_path, change) == ()


def test_faults_of_the_rules_come_first_and_alone(tmp_path: Path) -> None:
    folder = Path(copytree(load_pack("mof-2020").folder, tmp_path / "mof-2020"))
    path = folder / "rules.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("points = 50", "points = 55"), encoding="utf-8")
    (folder / "form.xlsx").write_bytes(b"")
    assert {finding.code for finding in proof(folder)} == {"PAK009"}


def test_every_code_for_forms_of_packs_is_produced_here() -> None:
    produced = {code for _, code, _, _ in FAULTS.values()} | {"PAK107"}
    assert produced == {entry for entry in catalogue() if entry.startswith("PAK1")}
    assert all(catalogue()[entry].severity in (Severity.ERROR, Severity.WARNING) for entry in produced)
