"""Packs: the closed vocabulary, the sums, `extends`, and where packs are found."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import perfeval
from perfeval.errors import ExitCode, PackError
from perfeval.findings import Finding, catalogue
from perfeval.layout import compile_layout
from perfeval.pack import Pack, available, check_pack, load_folder, load_pack, templates_folders
from perfeval.pack.folders import ENVIRONMENT
from perfeval.pack.rules import WORDS
from tests.support.foreign import members, with_members
from tests.support.packs import pack_like, write_pack

TODAY = dt.date(2026, 12, 1)
BUILT_IN = load_pack("jiangmen-2024").folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the first pack that a test may spoil."""
    return Path(shutil.copytree(BUILT_IN, tmp_path / "jiangmen-2024"))


def spoil(folder: Path, old: str, new: str) -> tuple[Finding, ...]:
    path = folder / "rules.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return check_pack(folder, TODAY)


# ---- the built-in packs


@pytest.mark.parametrize("pack_id", available())
def test_every_built_in_pack_is_without_findings(pack_id: str) -> None:
    assert check_pack(load_pack(pack_id).folder, TODAY) == ()


def test_the_first_pack_says_what_the_form_says() -> None:
    pack = load_pack("jiangmen-2024")
    assert (pack.id, pack.year, pack.total, pack.money_unit) == ("jiangmen-2024", 2024, 100, "万元")
    assert [(group.name, group.points, group.weights, group.scoring) for group in pack.groups] == [
        ("过程", 20, "fixed", "stated"),
        ("产出", 40, "equal", "measured"),
        ("效益", 40, "equal", "measured"),
    ]
    assert [len(group.kinds) for group in pack.groups] == [2, 4, 5]
    assert [(i.name, i.weight) for k in pack.groups[0].kinds for i in k.indicators] == [
        ("论证决策规范性", 12),
        ("监管有效性", 8),
    ]
    assert [(band.low, band.high) for band in pack.scoring.bands] == [(80, 100), (60, 80), (0, 60)]
    assert {key: method.name for key, method in pack.scoring.methods.items()} == {
        "at_least": "ratio",
        "at_most": "target_over_actual",
        "equal": "ratio",
        "between": "range",
        "date": "by_date",
        "zero_target": "zero_target",
        "grade": "bands",
        "over": "none",
    }
    assert pack.rounding.digits == 2
    assert pack.sources["form"].checked_on == dt.date(2026, 11, 23)
    assert pack.form_path.name == "form.xlsx"


def test_a_pack_is_read_once_and_again_when_it_changed(folder: Path) -> None:
    first = load_folder(folder)
    assert load_folder(folder) is first
    spoil(folder, "value = 130", "value = 120.5")
    second = load_folder(folder)
    assert second is not first
    assert second.review["over_achievement"].value == Fraction(241, 2)


# ---- what the check finds

# Old text, new text, the code, and what message or 改法 must name.
FAULTS = [
    ("points = 20", "ponits = 20", "PAK003", "「points」"),
    ("points = 20", "ponits = 20", "PAK004", "groups.过程.points"),
    ("points = 20", 'points = "20"', "PAK006", '写 "20"'),
    ("points = 20", "points = true", "PAK006", "true"),
    ("points = 20", "points = -20", "PAK006", "不小于 0"),
    ("points = 20", "points = nan", "PAK006", "NaN"),
    ("points = 20", "points = 25", "PAK009", "25+40+40=105"),
    ("total = 100", "total = 110", "PAK009", "110"),
    ("weight = 8", "weight = 7.5", "PAK010", "12+7.5=19.5"),
    ('weights = "equal"', 'weights = "equals"', "PAK005", "「equal」"),
    ('scoring = "measured"', 'scoring = "guessed"', "PAK005", "stated"),
    ('method = "ratio", source = "form"', 'method = "ratoi", source = "form"', "PAK005", "「ratio」"),
    ('method = "ratio", source = "form"', 'method = "bands", source = "form"', "PAK005", "ratio、exact、steps"),
    ('method = "ratio", source = "form"', 'method = "ratio"', "PAK004", "scoring.at_least.source"),
    ('method = "ratio", source = "form"', 'method = "ratio", zero_from = 2, source = "form"', "PAK003", "zero_from"),
    ('method = "none", source', 'method = "remind", source', "PAK004", "scoring.over.from"),
    ('source = "inferred"', 'source = "infered"', "PAK007", "「inferred」"),
    (
        "[sources.house]",
        '[sources.notice]\ntitle = "通知"\nchecked_on = 2026-11-23\n[sources.house]',
        "PAK008",
        "notice",
    ),
    ("checked_on = 2026-11-23", 'checked_on = "2026-11-23"', "PAK006", "日期"),
    ("checked_on = 2026-11-23", "checked_on = 2025-11-23", "PAK020", "2025-11-23"),
    ("from = 60\nto = 80", "from = 65\nto = 80", "PAK011", "缺口"),
    ("from = 60\nto = 80", "from = 55\nto = 80", "PAK011", "重叠"),
    ("from = 60\nto = 80", "from = 80\nto = 60", "PAK011", "重叠"),
    ("from = 80\nto = 100", "from = 80\nto = 95", "PAK011", "应当接在 100"),
    ("digits = 2", "digits = 2.5", "PAK006", "0 到 6 的整数"),
    ('total = "unrounded"', 'total = "rows"', "PAK005", "rounded_rows"),
    ('value = ">="', 'value = "≥"', "PAK005", ">="),
    ('policy = "forbid"', 'policy = "drop"', "PAK005", "rescale"),
    ("execution_warn =", "execution_warm =", "PAK003", "「execution_warn」"),
    ('"indicator.score" =', '"indicator.scores" =', "PAK003", "「indicator.score」"),
    ('"分值", "指标权重(分)"', '"得分", "指标权重(分)"', "PAK015", "得分"),
    ('"总分", "总计"', '"合计", "总计"', "PAK015", "合计"),
    ('name = "质量指标"', 'name = "数量指标"', "PAK015", "数量指标"),
    ('groups = ["产出", "效益"]', 'groups = ["产出", "效果"]', "PAK005", "效果"),
    ('groups = ["产出", "效益"]', 'groups = "产出"', "PAK006", "一列文字"),
    ('id = "jiangmen-2024"', 'id = "jiangmen"', "PAK017", "jiangmen-2024"),
    ('title = "江门市', 'titel = "江门市', "PAK003", "「title」"),
    ("year = 2024", "year = 24", "PAK006", "1990"),
    ('version = "1"', "version = 1", "PAK006", "引号"),
    ('version = "1"', 'version = ""', "PAK006", "引号"),
    ("total = 100", "total = = 100", "PAK002", "第 7 行第 9 列"),
    ("total = 100", "total = 100\ntotal = 90", "PAK002", "rules.toml"),
    ("shortfall = [", "shortfal = [", "PAK003", "「shortfall」"),
    ('"misplaced.数量指标"', '"misplaced.数目指标"', "PAK005", "「数量指标」"),
    ("[rounding]", "[roundings]", "PAK003", "「rounding」"),
    ('weights = "fixed"', 'weights = "equal"', "PAK013", "印定"),
    ('weights = "fixed"', 'weights = "fixed"\nweights_digits = 2', "PAK013", "weights_digits"),
    ('scoring = "stated"', 'scoring = "execution"', "PAK013", "execution"),
    ('[[groups]]\nname = "产出"', '[groups]\nname = "产出"', "PAK002", "rules.toml"),
    ('over = { method = "none"', 'over = { method = "remind", from = 120', "PAK013", "over_achievement"),
]


@pytest.mark.parametrize(("old", "new", "code", "named"), FAULTS)
def test_a_spoiled_rule_is_named_with_its_place(folder: Path, old: str, new: str, code: str, named: str) -> None:
    findings = spoil(folder, old, new)
    texts = [finding.message + finding.fix for finding in findings if finding.code == code]
    assert any(named in text for text in texts), [(f.code, f.message) for f in findings]
    assert not any("{" in finding.message + finding.fix for finding in findings if "{ …" not in finding.message)


def test_every_pak_code_is_produced_here() -> None:
    produced = {code for _, _, code, _ in FAULTS} | {"PAK001", "PAK012", "PAK014", "PAK016"}
    assert produced == {code for code in catalogue() if code.startswith("PAK0")}


def leaves(table: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all values of a TOML document."""
    if isinstance(table, dict):
        for key, value in table.items():
            yield from leaves(value, (*path, key))
    elif isinstance(table, list) and table and isinstance(table[0], dict):
        for place, value in enumerate(table):
            yield from leaves(value, (*path, place))
    else:
        yield path


def with_another_value(table: Any, path: tuple[str | int, ...]) -> Any:
    """The document with the value at `path` replaced by a similar one."""
    if path:
        changed = copy.copy(table)
        changed[path[0]] = with_another_value(table[path[0]], path[1:])
        return changed
    if isinstance(table, dt.date):
        return table.replace(day=1)
    if isinstance(table, list):
        return table[1:] or ["别的"]
    return table + ("x" if isinstance(table, str) else 1)


def as_toml(value: Any) -> str:
    """A value in TOML; tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def contents(pack: Pack) -> dict[str, object]:
    return {key: getattr(pack, key) for key in Pack.__slots__ if key not in ("folder", "form_folder", "__weakref__")}


def test_every_value_matters(folder: Path) -> None:
    """Each value of the file, changed, is refused or makes another pack: no value is read by nobody."""
    path = folder / "rules.toml"
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    original = contents(load_folder(folder))
    paths = list(leaves(values))
    assert len(paths) > 150
    for leaf in paths:
        changed = with_another_value(values, leaf)
        path.write_text("\n".join(f"{key} = {as_toml(value)}" for key, value in changed.items()), encoding="utf-8")
        findings = check_pack(folder, TODAY)
        if findings:
            continue
        assert contents(load_folder(folder)) != original, leaf


def test_no_key_is_dead_and_none_may_be_misspelt(folder: Path) -> None:
    """Each key of the file, misspelt, is refused: as unknown, as missing, or because the rules then disagree."""
    path = folder / "rules.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    keyed = [n for n, line in enumerate(lines) if re.match(r'^"?[a-z_.0-9]+"? *=', line)]
    assert len(keyed) > 80
    for n in keyed:
        section = next((line for line in reversed(lines[:n]) if line.startswith("[")), "")
        if section == "[labels]":  # there every key is a word of the form
            continue
        changed = [*lines[:n], re.sub(r'^("?)', r"\1zz_", lines[n]), *lines[n + 1 :]]
        path.write_text("\n".join(changed), encoding="utf-8")
        codes = {finding.code for finding in check_pack(folder, TODAY)}
        assert "PAK003" in codes, lines[n]


def test_every_topic_of_words_is_asked_for_by_the_review() -> None:
    package = Path(perfeval.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in (package / "review").glob("*.py"))
    dynamic = ("amount.", "rate.")  # the review makes these of the names of the sums
    unused = [topic for topic in WORDS if f'"{topic}"' not in source and not topic.startswith(dynamic)]
    assert unused == []


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "form.xlsx").unlink()
    assert [(f.code, f.params["value"]) for f in check_pack(folder, TODAY)] == [("PAK001", "form.xlsx")]
    (folder / "rules.toml").unlink()
    assert [(f.code, f.params["value"]) for f in check_pack(folder, TODAY)] == [("PAK001", "rules.toml")]
    with pytest.raises(PackError, match="不存在"):
        check_pack(folder / "nowhere")


def test_rules_in_another_encoding_are_named(folder: Path) -> None:
    path = folder / "rules.toml"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    (finding,) = check_pack(folder, TODAY)
    assert finding.code == "PAK002"
    assert "UTF-8" in finding.message


def test_a_byte_order_mark_does_no_harm(folder: Path) -> None:
    path = folder / "rules.toml"
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert check_pack(folder, TODAY) == ()


@pytest.mark.parametrize(
    "grades", [(("优", 90), ("良", 80)), (("良", 80), ("优", 90), ("差", 0)), (("优", 101), ("差", 0))]
)
def test_grades_cover_every_total(folder: Path, grades: tuple[tuple[str, int], ...]) -> None:
    tables = "".join(f'[[grades]]\nname = "{name}"\nfrom = {low}\nsource = "form"\n' for name, low in grades)
    assert [f.code for f in spoil(folder, "[rounding]", tables + "[rounding]")] == ["PAK012"]


# ---- extends


def test_an_extending_pack_states_only_what_differs(tmp_path: Path) -> None:
    pack = pack_like(
        tmp_path / "child",
        """
year = 2025
[sources.notice]
title = "2025年度通知"
checked_on = 2026-11-23
[scoring]
at_most = { method = "linear_excess", zero_from = 150, source = "notice" }
[review]
outrun = { value = 10, source = "notice" }
idle_execution = false
[[groups]]
name = "过程"
[[groups]]
name = "效益"
points = 30
source = "notice"
[[groups]]
name = "产出"
points = 50
source = "notice"
kinds = [{ name = "质量指标" }, { name = "绿色指标", words = ["环保指标"] }]
""",
    )
    base = load_pack("jiangmen-2024")
    assert (pack.id, pack.title, pack.year) == ("child", "测试用评分体系", 2025)
    assert pack.scoring.methods["at_most"].params == {"zero_from": 150}
    assert pack.scoring.methods["at_least"] == base.scoring.methods["at_least"]
    assert [(group.name, group.points, group.source) for group in pack.groups] == [
        ("过程", 20, "form"),
        ("效益", 30, "notice"),
        ("产出", 50, "notice"),
    ]
    assert pack.groups[1].kinds == base.group("效益").kinds
    assert [kind.name for kind in pack.groups[2].kinds] == ["质量指标", "绿色指标"]
    assert pack.groups[2].weights_text == base.group("产出").weights_text
    assert pack.review["outrun"].value == 10
    assert "idle_execution" not in pack.review
    assert pack.review["execution_warn"] == base.review["execution_warn"]
    assert pack.columns == base.columns
    assert pack.form_path == base.form_path
    assert pack.narrative == base.narrative
    assert check_pack(pack.folder, TODAY) == ()


def test_an_extending_pack_may_bring_its_own_form_and_texts(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "child")
    (folder / "narrative").mkdir()
    (folder / "narrative" / "spending.j2").write_text("另写一段", encoding="utf-8")
    (folder / "form.xlsx").write_bytes(b"")
    pack = load_folder(folder)
    assert pack.narrative["spending"] == "另写一段"
    assert pack.form_path == folder / "form.xlsx"


def other_format(form: bytes, kind: str) -> bytes:
    """A form.xlsx that is none, or that no program wrote."""
    if kind in ("xls", "ods"):
        (sample,) = (Path(__file__).parents[1] / "samples" / "inbox").rglob(f"*.{kind}")
        return sample.read_bytes()
    sheet = "xl/worksheets/sheet1.xml"
    return with_members(form, {sheet: members(form)[sheet].replace(b' ht="', b' ht="abc')})


@pytest.mark.parametrize("kind", ["xls", "ods", "heights"])
def test_a_form_in_another_format_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    folder = write_pack(tmp_path / "child")
    (folder / "form.xlsx").write_bytes(other_format(load_pack("jiangmen-2024").form_path.read_bytes(), kind))
    with pytest.raises(PackError, match=r"form\.xlsx:这不是可以使用的"):
        compile_layout(load_folder(folder))


@pytest.mark.parametrize(
    ("rules", "code", "named"),
    [
        (
            'groups = [{ name = "过程" }, { name = "产出", points = 40 }, { name = "效益" }]',
            "PAK014",
            "groups.产出.points",
        ),
        ('[[scoring.bands]]\nname = "甲"\nfrom = 0\nto = 100\n', "PAK004", "scoring.bands.甲.source"),
        ("[scoring]\nfloor = { value = 5 }\n", "PAK004", "scoring.floor.source"),
        ('[[groups]]\nname = "过程"\n', "PAK009", "20"),
        ('[sources.notice]\ntitle = "甲"\nchecked_on = 2026-11-23\n', "PAK008", "notice"),
        ("[scoring]\nat_least = false\n", "PAK004", "scoring.at_least"),
    ],
)
def test_faults_of_an_extending_pack(tmp_path: Path, rules: str, code: str, named: str) -> None:
    findings = check_pack(write_pack(tmp_path / "child", rules), TODAY)
    assert any(f.code == code and named in f.message for f in findings), [(f.code, f.message) for f in findings]


def test_extending_goes_one_deep_and_only_to_packs_that_exist(tmp_path: Path) -> None:
    write_pack(tmp_path / "child")
    (finding,) = check_pack(write_pack(tmp_path / "grandchild", extends="child"), TODAY)
    assert (finding.code, finding.params["value"]) == ("PAK016", "child")
    (finding,) = check_pack(write_pack(tmp_path / "orphan", extends="jiangmen2024"), TODAY)
    assert finding.code == "PAK016"
    assert "是不是「jiangmen-2024」?" in finding.message
    (finding,) = check_pack(write_pack(tmp_path / "self", extends="self"), TODAY)
    assert finding.code == "PAK016"


# ---- where packs are found


def test_own_packs_come_before_those_of_the_environment_and_the_built_in_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    write_pack(near / "town-2025", "year = 2025\n")
    write_pack(far / "town-2025", "year = 2026\n")
    write_pack(far / "village-2025")
    (far / "no-pack").mkdir()
    monkeypatch.setenv(ENVIRONMENT, str(far))
    assert load_pack("town-2025", near).year == 2025
    assert load_pack("town-2025").year == 2026
    ids = available(near)
    assert {"town-2025", "village-2025", "jiangmen-2024"} <= set(ids)
    assert "no-pack" not in ids
    assert templates_folders(near)[:2] == (near, far)


def test_an_unknown_pack_is_refused_with_the_nearest_id() -> None:
    with pytest.raises(PackError, match=r"是不是「jiangmen-2024」?") as caught:
        load_pack("jiangmen-2042")
    assert caught.value.exit_code is ExitCode.PACK


def test_a_folder_of_packs_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="--templates"):
        available(tmp_path / "nowhere")


def test_an_invalid_pack_is_refused_with_its_faults(folder: Path) -> None:
    spoil(folder, "points = 20", "points = 25")
    with pytest.raises(PackError, match=r"(?s)PAK009.*105.*packs check") as caught:
        load_pack("jiangmen-2024", folder.parent)
    assert "Traceback" not in str(caught.value)


def test_numbers_keep_every_digit(folder: Path) -> None:
    spoil(folder, "value = 130", "value = 130.10")
    pack: Pack = load_folder(folder)
    assert pack.review["over_achievement"].value == Fraction(Decimal("130.10"))


def test_the_rules_are_plain_toml_with_dates(folder: Path) -> None:
    values = tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8"))
    assert values["sources"]["form"]["checked_on"] == dt.date(2026, 11, 23)
