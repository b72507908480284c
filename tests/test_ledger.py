"""The ledger: what need not be done again, which version counts, and what a damaged or missing one costs (nothing)."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from perfeval.cli import program
from perfeval.errors import ExitCode, PathError
from perfeval.ledger import (
    Entry,
    FormLine,
    Ledger,
    entry_of,
    file_key,
    ledger_path,
    open_ledger,
    options_key,
    store,
    submissions,
)
from perfeval.pipeline import Options, Outcome, fill, filling
from perfeval.stages import Staged

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples" / "inbox"
SAMPLE = next(SAMPLES.rglob("招商引资专项经费.xlsx"))
OTHER = next(SAMPLES.rglob("公交运营补贴.xlsx"))
LONG_AGO = 10**18


def opened(out: Path) -> Ledger:
    ledger, remarks = open_ledger(out)
    assert ledger is not None
    assert not remarks
    return ledger


# ---- done and unchanged ----------------------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Path, Path]:
    """An inbox with one file, and the folder for results."""
    (tmp_path / "收").mkdir()
    shutil.copyfile(SAMPLE, tmp_path / "收" / "表.xlsx")
    os.utime(tmp_path / "收" / "表.xlsx", ns=(LONG_AGO, LONG_AGO))
    return tmp_path / "收", tmp_path / "出"


def run(inbox: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(program, ["fill", str(inbox), "--out", str(out), *options])


def results(out: Path) -> list[str]:
    return sorted(path.name for path in out.rglob("*评分表*"))


def touch(inbox: Path, _out: Path) -> None:
    os.utime(inbox / "表.xlsx")


def correct(inbox: Path, _out: Path) -> None:
    shutil.copyfile(OTHER, inbox / "表.xlsx")
    os.utime(inbox / "表.xlsx", ns=(LONG_AGO, LONG_AGO))


def same_size_at_once(inbox: Path, _out: Path) -> None:
    """Changed within the tick of the clock, to something of the same length."""
    data = bytearray((inbox / "表.xlsx").read_bytes())
    data[-1] ^= 1
    (inbox / "表.xlsx").write_bytes(data)
    os.utime(inbox / "表.xlsx", ns=(LONG_AGO + 1, LONG_AGO + 1))


def take_away(_inbox: Path, out: Path) -> None:
    (out / "表_评分表.xlsx").unlink()


def edit_result(_inbox: Path, out: Path) -> None:
    path = out / "表_评分表.xlsx"
    before = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def move_results(_inbox: Path, out: Path) -> None:
    """The folder is renamed and renamed back; what matters is where a result lies in it."""
    out.rename(out.with_name("别处"))
    out.with_name("别处").rename(out)


def lose_ledger(_inbox: Path, out: Path) -> None:
    shutil.rmtree(out / store.FOLDER)


@pytest.mark.parametrize(
    ("change", "options", "skipped", "names"),
    [
        (None, [], True, ["表_评分表.xlsx"]),
        (None, ["--on-exists", "overwrite"], True, ["表_评分表.xlsx"]),
        (touch, [], True, ["表_评分表.xlsx"]),
        (move_results, [], True, ["表_评分表.xlsx"]),
        (None, ["--force"], False, ["表_评分表.xlsx"]),  # the very same result is not written a second time
        (None, ["--force", "--on-exists", "overwrite"], False, ["表_评分表.xlsx"]),
        (None, ["--findings", "none"], False, ["表_评分表.xlsx", "表_评分表_2.xlsx"]),
        (None, ["--pack", "jiangmen-2024"], False, ["表_评分表.xlsx"]),
        (correct, [], False, ["表_评分表.xlsx", "表_评分表_2.xlsx"]),
        (correct, ["--on-exists", "overwrite"], False, ["表_评分表.xlsx"]),
        (same_size_at_once, [], False, None),
        (take_away, [], False, ["表_评分表.xlsx"]),
        (edit_result, [], False, ["表_评分表.xlsx", "表_评分表_2.xlsx"]),
        (lose_ledger, [], False, ["表_评分表.xlsx"]),
    ],
)
def test_what_is_done_again(
    desk: tuple[Path, Path],
    change: Callable[[Path, Path], None] | None,
    options: list[str],
    skipped: bool,
    names: list[str] | None,
) -> None:
    inbox, out = desk
    assert run(inbox, out).exit_code == 0
    first = (out / "表_评分表.xlsx").read_bytes()
    if change is not None:
        change(inbox, out)
    again = run(inbox, out, *options)
    assert again.exit_code == 0 or names is None
    assert ("跳过 1 个上次做完" in again.stderr) == skipped
    assert "合计" not in again.stdout if skipped else "收/表.xlsx" in again.stdout
    if names is not None:
        assert results(out) == names
    if change not in (correct, edit_result) and names is not None:
        assert (out / "表_评分表.xlsx").read_bytes() == first


def test_a_changed_pack_means_doing_it_again(tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    shutil.copytree(ROOT / "templates" / "jiangmen-2024", packs / "our-2024")
    options = Options(pack="our-2024", templates=packs)
    before = options_key(options)
    assert options_key(options) == before
    assert options_key(replace(options, password="x")) == before
    for path in (packs / "our-2024").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes() + b"\n")
            after = options_key(options)
            assert after != before, path
            before = after
    assert options_key(replace(options, mark=False)) != before
    assert options_key(replace(options, pack=None)) != before


def test_another_version_of_the_program_does_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = options_key(Options())
    monkeypatch.setattr("perfeval.ledger.records.__version__", "99.0")
    assert options_key(Options()) != before


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "收").mkdir()
    (tmp_path / "收" / "坏.xlsx").write_bytes(b"no workbook")
    for _ in range(2):
        result = run(tmp_path / "收", tmp_path / "出")
        assert result.exit_code == ExitCode.FOUND_ERRORS
        assert "TPL" in result.stdout


def test_skipped_files_that_must_be_corrected_keep_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "收").mkdir()
    shutil.copyfile(next(SAMPLES.rglob("校舍安全排查.xlsx")), tmp_path / "收" / "表.xlsx")
    assert run(tmp_path / "收", tmp_path / "出").exit_code == ExitCode.FOUND_ERRORS
    again = run(tmp_path / "收", tmp_path / "出")
    assert "跳过 1" in again.stderr
    assert again.exit_code == ExitCode.FOUND_ERRORS


def test_a_skipped_file_keeps_its_result_from_a_newcomer_of_the_same_name(desk: tuple[Path, Path]) -> None:
    """表.xls comes before 表.xlsx and would like the name that is taken by a result which is not made anew."""
    inbox, out = desk
    run(inbox, out)
    first = (out / "表_评分表.xlsx").read_bytes()
    shutil.copyfile(next(SAMPLES.rglob("高标准农田建设.xls")), inbox / "表.xls")
    assert run(inbox, out, "--on-exists", "overwrite").exit_code == 0
    assert (out / "表_评分表.xlsx").read_bytes() == first
    assert results(out) == ["表_评分表.xlsx", "表_评分表_2.xlsx"]


def test_what_the_ledger_knows_of_a_file(desk: tuple[Path, Path]) -> None:
    inbox, out = desk
    run(inbox, out)
    ledger = opened(out)
    (entry,) = ledger.entries()
    ledger.close()
    outcome = fill(inbox / "表.xlsx", out / "别.xlsx", Options())
    assert entry.path == file_key(inbox / "表.xlsx")
    assert (entry.digest, entry.output_digest) == (outcome.digest, outcome.output_digest)
    assert entry.output == out / "表_评分表.xlsx"
    assert (entry.status, entry.settled) == (outcome.status, True)
    assert entry.codes == tuple(finding.code for finding in outcome.findings)
    assert entry.errors + entry.warnings + entry.notes == len(entry.codes)
    (form,) = entry.forms
    assert (form.unit, form.project, form.year) == ("江门市投资促进局(一级)", "招商引资专项经费", 2024)
    assert (form.pack, form.shown, form.revision) == ("jiangmen-2024", "98.85", None)
    numerator, _, denominator = str(form.score).partition("/")
    assert int(numerator) * 10**6 // int(denominator or 1) == 98854901


def test_it_is_kept_in_wal(desk: tuple[Path, Path]) -> None:
    run(*desk)
    base = sqlite3.connect(ledger_path(desk[1]))
    assert base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert base.execute("PRAGMA user_version").fetchone() == (len(store._MIGRATIONS),)
    base.close()


# ---- twice the same, and versions ------------------------------------------------------------------------------------


def test_equal_contents_are_told_while_both_are_there(desk: tuple[Path, Path]) -> None:
    inbox, out = desk
    run(inbox, out)
    (inbox / "表.xlsx").rename(inbox / "改名.xlsx")
    assert "BAT008" not in run(inbox, out).stderr  # renamed, not sent twice
    shutil.copyfile(inbox / "改名.xlsx", inbox / "副本.xlsx")
    result = run(inbox, out)
    assert "BAT008" in result.stderr
    assert "改名.xlsx" in result.stderr
    assert "BAT009" not in result.stderr


def test_of_equal_contents_in_one_run_each_later_one_is_told_once(
    desk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, out = desk
    for name in ("表2.xlsx", "表3.xlsx"):
        shutil.copyfile(SAMPLE, inbox / name)
    monkeypatch.chdir(inbox.parent)
    told = run(Path(inbox.name), out).stderr.split("BAT008")[1:]
    assert len(told) == 2
    assert all("".join(said.split()).count(f"「{inbox}") == 2 for said in told)


def test_what_was_done_before_a_fault_ended_the_run_is_on_record(
    desk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, out = desk
    for name in ("表2.xlsx", "表3.xlsx"):
        shutil.copyfile(OTHER, inbox / name)

    def until_the_last(path: Path, target: Path, options: Options) -> Staged[Outcome]:
        if path.name == "表.xlsx":
            raise PathError("磁盘不见了")
        return filling(path, target, options)

    monkeypatch.setattr("perfeval.pipeline.filling", until_the_last)
    assert run(inbox, out, "--jobs", "1").exit_code == ExitCode.PATH
    ledger = opened(out)
    assert [Path(found.path).name for found in ledger.entries()] == ["表2.xlsx", "表3.xlsx"]
    ledger.close()


def test_an_older_version_is_told_and_both_stay_on_record(desk: tuple[Path, Path]) -> None:
    import openpyxl

    inbox, out = desk
    book = openpyxl.load_workbook(SAMPLE)
    for row in book.worksheets[0].iter_rows():
        for cell in row:
            if cell.value == "151个":
                cell.value = "152个"
    book.save(inbox / "最终版.xlsx")
    result = run(inbox, out)
    assert "BAT009" in result.stderr
    ledger = opened(out)
    lines = {Path(line.entry.path).name: line for line in submissions(ledger.entries())}
    ledger.close()
    assert lines["表.xlsx"].newer == file_key(inbox / "最终版.xlsx")
    assert lines["最终版.xlsx"].newer is None


def line(unit: str, project: str, year: int | None, form_id: str | None, revision: int | None) -> FormLine:
    return FormLine("表", "p", unit, project, year, None, None, None, form_id, revision)


def entry(path: str, modified: int, *forms: FormLine, archive: str | None = None) -> Entry:
    place = None if archive is None else Path(archive)
    return Entry(path, 1, modified, True, f"{path}{modified}", "", "ok", (), forms=forms, archive=place)


@pytest.mark.parametrize(
    ("entries", "counting"),
    [
        pytest.param([("a", 1, "甲", "项", 2024)], ["a1"], id="one"),
        pytest.param([("a", 1, "甲", "项", 2024), ("b", 2, "甲", "项", 2024)], ["b2"], id="the later changed"),
        pytest.param([("b", 2, "甲", "项", 2024), ("a", 1, "甲", "项", 2024)], ["b2"], id="whatever the order"),
        pytest.param([("a", 1, "甲", "项", 2024), ("b", 1, "甲", "项", 2024)], ["b1"], id="same time: the last read"),
        pytest.param([("a", 1, "甲 局", "项", 2024), ("b", 2, "甲局", "项", 2024)], ["b2"], id="blanks"),
        pytest.param([("a", 1, "甲", "项", 2023), ("b", 2, "甲", "项", 2024)], ["a1", "b2"], id="another year"),
        pytest.param([("a", 1, "甲", "项", 2024), ("b", 2, "乙", "项", 2024)], ["a1", "b2"], id="another unit"),
        pytest.param([("a", 1, "甲", "", 2024), ("b", 2, "甲", "", 2024)], ["a1", "b2"], id="unknown project"),
        pytest.param([("a", 1, "甲", "项", 2024), ("a", 2, "甲", "目", 2024)], ["a2"], id="same file, corrected name"),
        pytest.param(
            [("a", 9, "甲", "项", 2024, "f", 1), ("b", 2, "甲", "项", 2024, "f", 2)], ["b2"], id="higher revision"
        ),
        pytest.param(
            [("a", 1, "甲", "项", 2024, "f", 1), ("b", 2, "甲", "目", 2024, "f", 1)], ["b2"], id="same form id"
        ),
        pytest.param(
            [
                ("a", 1, "甲", "项", 2024, "f", 2),
                ("b", 2, "甲", "项", 2024, "g", 1),
                ("c", 3, "乙", "目", 2024, "g", 1),
            ],
            ["c3"],
            id="a chain",
        ),
    ],
)
def test_the_newest_version_counts(entries: list[tuple[str, int, str, str, int]], counting: list[str]) -> None:
    made = [entry(path, when, line(*about, *[None] * (5 - len(about)))) for path, when, *about in entries]
    lines = submissions(made)
    assert len(lines) == len(entries)  # all stay on record
    assert [found.entry.digest for found in lines if found.newer is None] == counting


def test_in_a_hot_folder_the_next_file_of_a_name_is_another_one() -> None:
    made = [
        entry("自评表.xlsx", 1, line("甲", "项", 2024, None, None), archive="原件/1"),
        entry("自评表.xlsx", 2, line("乙", "目", 2024, None, None), archive="原件/2"),
    ]
    assert [found.newer for found in submissions(made)] == [None, None]


forms = st.builds(
    line, st.sampled_from(["甲", "乙", ""]), st.sampled_from(["项", "目", ""]), st.sampled_from([2023, 2024]),
    st.sampled_from([None, "f", "g"]), st.sampled_from([None, 1, 2]),
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9), forms), max_size=8))
def test_of_each_family_exactly_one_counts(made: list[tuple[str, int, FormLine]]) -> None:
    lines = submissions([entry(path, when, form) for path, when, form in made])
    counting = {found.entry.path for found in lines if found.newer is None}
    assert all(found.newer is None or found.newer in counting for found in lines)
    keys = [found.form.key for found in lines if found.newer is None and found.form.key is not None]
    assert len(keys) == len(set(keys))
    ids = [found.form.form_id for found in lines if found.newer is None and found.form.form_id is not None]
    assert len(ids) == len(set(ids))


# ---- what can go wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["garbage", "cut short", "another database", "zeros inside"])
def test_a_damaged_ledger_is_set_aside(desk: tuple[Path, Path], damage: str) -> None:
    inbox, out = desk
    run(inbox, out)
    path = ledger_path(out)
    data = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"\x00\x01 no database at all " * 50)
    elif damage == "cut short":
        path.write_bytes(data[: len(data) // 3])
    elif damage == "zeros inside":
        path.write_bytes(data[:100] + bytes(len(data) - 100))
    else:
        path.unlink()
        base = sqlite3.connect(path)
        base.execute("CREATE TABLE file (x)")
        base.close()
    broken = path.read_bytes()
    again = run(inbox, out)
    assert again.exit_code == 0
    assert "BAT010" in again.stderr
    (aside,) = path.parent.glob("*damaged*.sqlite")
    if damage != "another database":  # looking into one marks its header
        assert aside.read_bytes() == broken
    assert results(out) == ["表_评分表.xlsx"]  # the same result is recognised
    assert "跳过 1" in run(inbox, out).stderr  # and on record again


def test_a_ledger_of_a_later_version_is_not_touched(desk: tuple[Path, Path]) -> None:
    inbox, out = desk
    run(inbox, out)
    base = sqlite3.connect(ledger_path(out))
    base.execute("PRAGMA user_version = 99")
    base.close()
    before = ledger_path(out).read_bytes()
    with pytest.raises(PathError, match="更新版本"):
        open_ledger(out)
    result = run(inbox, out)
    assert result.exit_code == ExitCode.PATH
    assert "升级" in result.stderr
    assert ledger_path(out).read_bytes() == before


def test_an_older_schema_is_brought_up_to_date(desk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, out = desk
    run(inbox, out)
    ledger = opened(out)
    before = ledger.entries()
    ledger.close()
    more = (*store._MIGRATIONS, "CREATE TABLE later (x); INSERT INTO later SELECT path FROM file")
    monkeypatch.setattr(store, "_MIGRATIONS", more)
    ledger = opened(out)
    assert ledger.entries() == before
    assert ledger._base.execute("SELECT x FROM later").fetchall() == [(before[0].path,)]
    ledger.close()
    ledger = opened(out)  # once is enough
    assert ledger.entries() == before
    ledger.close()


def test_a_migration_that_fails_leaves_the_old_schema(desk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, out = desk
    run(inbox, out)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_MIGRATIONS", (*store._MIGRATIONS, "CREATE TABLE later (x); SELECT 1/0 FROM nowhere"))
        patch.setattr(store, "_is_damage", lambda error: False)
        assert open_ledger(out)[0] is None
    ledger = opened(out)
    assert len(ledger.entries()) == 1
    assert not ledger._base.execute("SELECT * FROM sqlite_master WHERE name = 'later'").fetchall()
    ledger.close()


@pytest.mark.parametrize("obstacle", ["a file in its place", "no more space", "in use"])
def test_without_a_ledger_the_work_goes_on(
    desk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    inbox, out = desk
    out.mkdir()
    other = None
    if obstacle == "a file in its place":
        (out / store.FOLDER).write_bytes(b"")
    elif obstacle == "no more space":

        def full(_ledger: Ledger, _entry: Entry) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        monkeypatch.setattr(store.Ledger, "_insert", full)
    else:
        monkeypatch.setattr(store, "_BUSY_SECONDS", 0.01)
        opened(out).close()
        other = sqlite3.connect(ledger_path(out), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    result = run(inbox, out)
    if other is not None:
        other.close()
    assert result.exit_code == 0
    assert "BAT011" in result.stderr
    assert results(out) == ["表_评分表.xlsx"]


def test_two_runs_into_one_folder_share_the_ledger(tmp_path: Path) -> None:
    for name in ("一", "二"):
        (tmp_path / name).mkdir()
        for number in range(20):
            shutil.copyfile(SAMPLE, tmp_path / name / f"{name}{number}.xlsx")
    command = [sys.executable, "-m", "perfeval", "fill", "--out", str(tmp_path / "出"), "--jobs", "1"]
    both = [
        subprocess.Popen([*command, str(tmp_path / name)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for name in ("一", "二")
    ]
    for process in both:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    ledger = opened(tmp_path / "出")
    assert len(ledger.entries()) == 40
    ledger.close()


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are always text")
def test_names_that_are_no_text_are_kept_too(tmp_path: Path) -> None:
    name = os.fsdecode("自评表".encode("gbk") + b".xlsx")
    shutil.copyfile(SAMPLE, tmp_path / name)
    ledger = opened(tmp_path / "出")
    before = (tmp_path / name).stat()
    made = entry_of(fill(tmp_path / name, tmp_path / "出" / name, Options()), "key", before)
    assert ledger.record(made) is None
    assert ledger.latest(tmp_path / name) is not None
    assert len(ledger.entries()) == 1
    ledger.close()


def test_doing_a_file_again_replaces_its_line(desk: tuple[Path, Path]) -> None:
    inbox, out = desk
    run(inbox, out)
    run(inbox, out, "--force")
    correct(inbox, out)
    run(inbox, out)
    ledger = opened(out)
    assert [found.path for found in ledger.entries()] == [file_key(inbox / "表.xlsx")] * 2  # one for each content
    latest = ledger.latest(inbox / "表.xlsx")
    ledger.close()
    assert latest is not None
    assert "公交" in latest.forms[0].project
