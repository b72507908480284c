"""What each rule of a pack does to a score, with the arithmetic; and that no value of any pack is read by nobody."""

# ruff: noqa: E501 - a rule, the form it meets and the total stand together

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree

import pytest

from perfeval.numbers import decimal_text
from perfeval.pack import available, check_pack, load_folder, load_pack
from perfeval.pipeline import Options, inspect
from tests.support.clerk import filled
from tests.support.packs import write_pack
from tests.test_pack import as_toml, contents, leaves, with_another_value
from tests.test_packs import CASES, HEADER, MONEY

TODAY = dt.date(2026, 12, 1)
FORM = CASES["national form"]  # 8 + 18 + 10 + 10 + 9.62 + 15 + 13.5 + 10 = 94.12
GROUPS = '[[groups]]\nname = "预算执行率"\n{0}[[groups]]\nname = "产出指标"\n{1}[[groups]]\nname = "效益指标"\n{2}[[groups]]\nname = "满意度指标"\n'
EXECUTION = 'execution = {{ base = "{base}", nothing = "{nothing}", source = "form" }}\nsource = "form"\n'
NOTHING = {"funds.allocated.total": "0", "funds.spent.total": "0", "funds.budget.total": "0"}

# Name: rules that differ from the national form, header fields, changes of the table, total ("" = none), a code.
RULES: Mapping[str, tuple[str, Mapping[str, str], tuple[str, str], str, str]] = {
    # 25 ÷ 26 × 10 = 9.6153… counts unrounded: 94.11538…
    "total of unrounded rows": ('[rounding]\ntotal = "unrounded"\ndigits = 3\nsource = "form"\n', {}, ("", ""), "94.115", ""),
    "rows of one decimal": ('[rounding]\ntotal = "rounded_rows"\ndigits = 1\nsource = "form"\n', {}, ("", ""), "94.1", ""),
    # (1 - (26 - 25) ÷ 25) × 10 = 9.6
    "excess deducted": ('[scoring]\nat_most = { method = "linear_excess", source = "form" }\n', {}, ("", ""), "94.1", ""),
    # (1 - (26 - 25) ÷ (150 % × 25 - 25)) × 10 = 9.2
    "zero from one and a half times": (
        '[scoring]\nat_most = { method = "linear_excess", zero_from = 150, source = "form" }\n', {}, ("", ""), "93.7", "",
    ),
    "at most or nothing": ('[scoring]\nat_most = { method = "exact", source = "form" }\n', {}, ("", ""), "84.5", ""),
    # 9 of 10 is nothing: 94.12 - 18
    "all or nothing": ('[scoring]\nat_least = { method = "exact", source = "form" }\n', {}, ("", ""), "76.12", ""),
    # 9 ÷ 10 = 90 % is below 95 %, 25 ÷ 26 = 96.15 % is not
    "floor": ("[scoring]\nfloor = { value = 95, source = \"form\" }\n", {}, ("", ""), "76.12", ""),
    # 3200 ÷ 3000 = 106.7 % and 93 ÷ 90 = 103.3 % lose a fifth of 15 and of 10
    "fixed deduction": (
        '[scoring]\nover = { method = "deduct", from = 103, share = 20, source = "form" }\n', {}, ("", ""), "89.12", "",
    ),
    "reason demanded": (
        '[scoring]\nover = { method = "require_reason", from = 103, source = "form" }\n[review]\nover_achievement = false\n',
        {}, ("", ""), "94.12", "SCR007",
    ),
    # 200 ÷ 300 × 10 = 6.67 in place of 8
    "spent against the first budget": (
        GROUPS.format(EXECUTION.format(base="funds.budget", nothing="ask"), "", ""), {}, ("", ""), "92.79", "",
    ),
    "nothing allotted, nothing spent: full": (
        GROUPS.format(EXECUTION.format(base="funds.allocated", nothing="full"), "", ""), NOTHING, ("", ""), "96.12", "",
    ),
    "nothing allotted, nothing spent: zero": (
        GROUPS.format(EXECUTION.format(base="funds.allocated", nothing="zero"), "", ""), NOTHING, ("", ""), "86.12", "",
    ),
    "nothing allotted, nothing spent: ask": ("", NOTHING, ("", ""), "", "SCR005"),
    # The other rows grow by 90 ÷ 75: 18 → 21.6, 10 → 12, 12, 11.54, 15 → 18, 12; with 8 of the funds 95.14
    "not applicable, rescaled": (
        '[not_applicable]\npolicy = "rescale"\nwords = ["不适用"]\nsource = "form"\n',
        {}, ('"基本达成预期指标"、完成比例90%', "不适用"), "95.14", "SCR008",
    ),
    "not applicable, forbidden": ("", {}, ('"基本达成预期指标"、完成比例90%', "不适用"), "", "VAL017"),
    # 50 ÷ 4 = 12.5: 11.25 + 12.5 + 12.5 + 12.02
    "equal weights": (
        GROUPS.format("", 'weights = "equal"\nsource = "form"\n', ""), {}, ("", ""), "94.77", "",
    ),
    # whole points, the remainder first: 13 13 12 12: 11.7 + 13 + 12 + 11.54
    "equal weights in whole points": (
        GROUPS.format("", 'weights = "equal"\nweights_digits = 0\nsource = "form"\n', ""), {}, ("", ""), "94.74", "",
    ),
    "points moved between groups": (
        GROUPS.format("", 'points = 45\nsource = "form"\n', 'points = 35\nsource = "form"\n'), {}, ("", ""), "94.12", "WGT005",
    ),
    "points shared by two groups": (
        GROUPS.format("", 'points = 80\nsource = "form"\n', 'points = false\npoints_with = "产出指标"\nsource = "form"\n'),
        {}, ("| 20 |", "| 15 |"), "89.62", "WGT005",  # 9 ÷ 10 × 15 = 13.5 in place of 18; 45 + 30 of 80
    ),
    # 3000 ÷ 3200 × 15 = 14.06: with <= a small result is good
    "bare targets are limits": (
        '[scoring]\ndefault_relation = { value = "<=", source = "form" }\n', {}, ("≥3000人次", "3000人次"), "93.18", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_rule_changes_the_score_as_worked_out_by_hand(name: str, tmp_path: Path) -> None:
    rules, fields, (old, new), total, code = RULES[name]
    write_pack(tmp_path / "other", rules, extends="mof-2020")
    path = tmp_path / "表.xlsx"
    assert old in FORM.rows
    path.write_bytes(filled(load_pack("mof-2020"), {**HEADER, **MONEY, **fields}, FORM.rows.replace(old, new)))
    outcome = inspect(path, Options(pack="other", templates=tmp_path))
    (form,) = outcome.forms
    found = form.evaluation.total
    assert (decimal_text(found.shown) if found else "") == total
    assert not code or code in {finding.code for finding in outcome.findings}


def test_the_grade_follows_the_scale_of_the_pack(tmp_path: Path) -> None:
    scale = "".join(
        f'[[grades]]\nname = "{name}"\nfrom = {low}\nsource = "form"\n'
        for name, low in (("优", 95), ("良", 90), ("差", 0))
    )
    write_pack(tmp_path / "other", scale, extends="mof-2020")
    path = tmp_path / "表.xlsx"
    path.write_bytes(filled(load_pack("mof-2020"), {**HEADER, **MONEY}, FORM.rows))
    (form,) = inspect(path, Options(pack="other", templates=tmp_path)).forms
    assert form.evaluation.total is not None
    assert form.evaluation.total.grade == "良"


# ---- no dead keys ---------------------------------------------------------------------------------------------------

OTHERS = [pack_id for pack_id in available() if pack_id.startswith("mof-")]


@pytest.mark.parametrize("pack_id", OTHERS)
def test_every_value_of_every_pack_matters(pack_id: str, tmp_path: Path) -> None:
    folder = Path(copytree(load_pack(pack_id).folder, tmp_path / pack_id))
    path = folder / "rules.toml"
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    original = contents(load_folder(folder))
    for leaf in leaves(values):
        changed = with_another_value(values, leaf)
        path.write_text("\n".join(f"{key} = {as_toml(value)}" for key, value in changed.items()), encoding="utf-8")
        if not check_pack(folder, TODAY):
            assert contents(load_folder(folder)) != original, leaf


@pytest.mark.parametrize("pack_id", OTHERS)
def test_no_key_of_any_pack_may_be_misspelt(pack_id: str, tmp_path: Path) -> None:
    folder = Path(copytree(load_pack(pack_id).folder, tmp_path / pack_id))
    path = folder / "rules.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        section = next((other for other in reversed(lines[:number]) if other.startswith("[")), "")
        if section != "[labels]" and re.match(r'^"?[a-z_.0-9]+"? *=', line):
            changed = [*lines[:number], re.sub(r'^("?)', r"\1zz_", line), *lines[number + 1 :]]
            path.write_text("\n".join(changed), encoding="utf-8")
            assert "PAK003" in {finding.code for finding in check_pack(folder, TODAY)}, line
