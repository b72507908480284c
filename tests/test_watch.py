"""The hot folder: decisions without a clock on the wall, faults of the world around it, and kills at any moment."""

from __future__ import annotations

import datetime as dt
import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from perfeval.cli import program
from perfeval.errors import ExitCode, PathError, UsageError
from perfeval.findings import Finding
from perfeval.ledger import Entry, ledger_path, open_ledger
from perfeval.pipeline import Options, Outcome
from perfeval.watch import (
    DONE,
    ORIGINALS,
    TO_CORRECT,
    Handled,
    Ignore,
    Process,
    Settings,
    Sighting,
    State,
    Wait,
    Watcher,
    folders,
    plan,
    unit_text,
    watcher,
)
from perfeval.watch.lock import NAME as LOCK
from perfeval.watch.wake import Waker

REPOSITORY = Path(__file__).resolve().parents[1]
SAMPLES = REPOSITORY / "samples" / "inbox"
DAY = "2025-01-31"

# ---- decisions -------------------------------------------------------------------------------------------------------

A = State(100, 1)
B = State(200, 2)


@pytest.mark.parametrize(
    ("before", "now", "clock", "expected"),
    [
        pytest.param({}, {"a.xlsx": A}, 0, ["Wait 3"], id="there at the start: looked at twice all the same"),
        pytest.param({"a.xlsx": (A, 0)}, {"a.xlsx": A}, 2.9, ["Wait 3"], id="not long enough"),
        pytest.param({"a.xlsx": (A, 0)}, {"a.xlsx": A}, 3, ["Process"], id="long enough"),
        pytest.param({"a.xlsx": (A, 0)}, {"a.xlsx": B}, 9, ["Wait 12"], id="still growing"),
        pytest.param({"a.xlsx": (A, 0)}, {"a.xlsx": replace(A, modified=5)}, 9, ["Wait 12"], id="written over"),
        pytest.param({"a.xlsx": (A, 0)}, {}, 9, [], id="taken away again"),
        pytest.param({"a.xlsx": (A, 50)}, {"a.xlsx": A}, 9, ["Wait 12"], id="the clock ran back"),
        pytest.param({"a.xlsx": (A, 0)}, {"a.xlsx": A}, 1e9, ["Process"], id="the clock leapt"),
        pytest.param({"a.xlsx": (State(0, 1), 0)}, {"a.xlsx": State(0, 1)}, 9, ["Wait 30"], id="empty so far"),
        pytest.param({"a.xlsx": (State(0, 1), 0)}, {"a.xlsx": State(0, 1)}, 30, ["Process"], id="empty for good"),
        pytest.param({"a.xlsx": (A, 0)}, {"a.xlsx": A, "~$a.xlsx": B}, 9, ["Wait 11 open", "Ignore"], id="Excel"),
        pytest.param({"a.xls": (A, 0)}, {"a.xls": A, ".~a.xls": B}, 9, ["Ignore", "Wait 11 open"], id="WPS"),
        pytest.param({"a.ods": (A, 0)}, {"a.ods": A, ".~lock.a.ods#": B}, 9, ["Ignore", "Wait 11 open"], id="Office"),
        pytest.param({"a.xlsx": (A, 0)}, {"a.xlsx": A, "x/~$a.xlsx": B}, 9, ["Process", "Ignore"], id="lock elsewhere"),
        pytest.param(
            {"a.xlsx": (A, 0), "~$a.xlsx": (B, 0)}, {"a.xlsx": A, "~$a.xlsx": B}, 600, ["Process", "Ignore"],
            id="lock left behind",
        ),
    ],
)  # fmt: skip
def test_plan(before: dict[str, tuple[State, float]], now: dict[str, State], clock: float, expected: list[str]) -> None:
    seen = {path: Sighting(state, since) for path, (state, since) in before.items()}
    assert [word(decision) for decision in plan(seen, now, clock, 3)] == expected


def word(decision: object) -> str:
    if isinstance(decision, Wait):
        return f"Wait {decision.until:g}" + (" open" if decision.is_open else "")
    return type(decision).__name__


@pytest.mark.parametrize(
    "name",
    [
        "~$a.xlsx", ".~a.xlsx", ".~lock.a.ods#", ".a.xlsx", "~a.xlsx", "a.xlsx.crdownload", "a.xlsx.part", "a.tmp",
        "a.docx", "佐证.pdf", "Thumbs.db", "desktop.ini", ".DS_Store", LOCK, ".~perfeval-00ff.tmp", "没有扩展名",
    ],
)  # fmt: skip
def test_what_is_left_alone(name: str) -> None:
    (decision,) = plan({name: Sighting(A, 0)}, {name: A}, 100, 3)
    assert isinstance(decision, Ignore)


def test_links_and_devices_are_left_alone() -> None:
    state = replace(A, regular=False)
    (decision,) = plan({"a.xlsx": Sighting(state, 0)}, {"a.xlsx": state}, 100, 3)
    assert isinstance(decision, Ignore)


def test_names_are_taken_in_the_order_people_count() -> None:
    now = dict.fromkeys(("单位/10号.xlsx", "单位/2号.xlsx", "1号.xlsx"), A)
    assert [decision.path for decision in plan({}, now, 0, 0)] == ["1号.xlsx", "单位/2号.xlsx", "单位/10号.xlsx"]


@pytest.mark.parametrize(
    ("clock", "state", "expected"),
    [
        (9.0, A, "Wait 10"),
        (10.0, A, "Process"),
        (9.0, B, "Wait 12"),  # changed: what stood in the way may be gone
        (-9e9, A, "Wait -9e+09"),  # the clock ran back: it is not waited for ever
    ],
)
def test_a_retry_waits(clock: float, state: State, expected: str) -> None:
    before = {"a.xlsx": Sighting(A, 0, retry_at=10, tries=1)}
    (decision,) = plan(before, {"a.xlsx": state}, clock, 3)
    assert word(decision) == expected or (isinstance(decision, Wait) and decision.until == clock + 3)


@given(st.lists(st.tuples(st.sampled_from([A, B, None]), st.floats(-100, 100)), max_size=30))
def test_nothing_is_taken_that_did_not_hold_still(looks: list[tuple[State | None, float]]) -> None:
    """Whatever the clock and the file do: taken is only what looked the same for the time asked for."""
    seen: dict[str, Sighting] = {}
    history: list[tuple[State | None, float]] = []
    for state, clock in looks:
        decisions = plan(seen, {} if state is None else {"a.xlsx": state}, clock, 3)
        seen = {decision.path: decision.sighting for decision in decisions}
        history.append((state, clock))
        if decisions and isinstance(decisions[0], Process):
            run = []
            for old, when in reversed(history):
                if old != state:
                    break
                run.append(when)
            assert max(clock - when for when in run) >= 3


# ---- a folder to watch -----------------------------------------------------------------------------------------------


@dataclass
class Desk:
    """A hot folder whose clock stands still unless it is moved."""

    root: Path
    settle: float = 0.0
    once: bool = True
    time: float = 0.0
    handled: list[Handled] = field(default_factory=list)
    told: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inbox.mkdir(parents=True, exist_ok=True)

    @property
    def inbox(self) -> Path:
        return self.root / "收件夹"

    @property
    def out(self) -> Path:
        return self.root / "结果"

    def put(self, name: str, sample: str = "招商引资专项经费.xlsx") -> Path:
        target = self.inbox / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(next(SAMPLES.rglob(sample)), target)
        return target

    def watcher(self) -> Watcher:
        settings = Settings(self.inbox, self.out, Options(), settle=self.settle, once=self.once)
        return Watcher(
            settings, self.handled.append, self.told.append,
            clock=lambda: self.time, today=lambda: dt.date.fromisoformat(DAY),
        )  # fmt: skip

    def run(self) -> Watcher:
        made = self.watcher()
        made.run()
        return made

    def files(self) -> list[str]:
        return sorted(
            path.relative_to(self.root).as_posix()
            for path in self.root.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(self.root).parts)
        )

    def codes(self) -> list[str]:
        return [finding.code for finding in self.told]

    def entries(self) -> tuple[Entry, ...]:
        ledger, remarks = open_ledger(self.out)
        assert ledger is not None
        assert not remarks
        entries = ledger.entries()
        ledger.close()
        return entries


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


FINISHED = [f"结果/{ORIGINALS}/{DAY}/单位/表.xlsx", f"结果/{DONE}/单位/表_评分表.xlsx"]


def test_finished_to_correct_and_unreadable(desk: Desk) -> None:
    original = desk.put("单位/表.xlsx").read_bytes()
    desk.put("校舍.xlsx", "校舍安全排查.xlsx")
    broken = desk.put("坏.xlsx", "基层医疗设备购置.xlsx").read_bytes()
    (desk.inbox / "佐证.pdf").write_bytes(b"%PDF")
    (desk.inbox / "链接.xlsx").symlink_to(SAMPLES)
    made = desk.run()
    assert desk.files() == sorted([
        "收件夹/佐证.pdf",
        *FINISHED,
        f"结果/{ORIGINALS}/{DAY}/坏.xlsx", f"结果/{ORIGINALS}/{DAY}/校舍.xlsx",
        f"结果/{TO_CORRECT}/坏.txt", f"结果/{TO_CORRECT}/坏.xlsx",
        f"结果/{TO_CORRECT}/校舍_评分表.txt", f"结果/{TO_CORRECT}/校舍_评分表.xlsx",
    ])  # fmt: skip
    assert (desk.root / FINISHED[0]).read_bytes() == original
    assert (desk.out / TO_CORRECT / "坏.xlsx").read_bytes() == broken
    reasons = (desk.out / TO_CORRECT / "校舍_评分表.txt").read_bytes()
    assert reasons.startswith(b"\xef\xbb\xbf")  # old Notepads need it
    assert b"\n" not in reasons.replace(b"\r\n", b"")
    (event,) = [event for event in desk.handled if event.path == "校舍.xlsx"]
    for finding in event.outcome.findings:
        assert (finding.code in reasons.decode()) == (finding.severity.value != "note")
    assert [(event.path, event.folder) for event in desk.handled] == [
        ("单位/表.xlsx", DONE), ("坏.xlsx", TO_CORRECT), ("校舍.xlsx", TO_CORRECT),
    ]  # fmt: skip
    assert not made.faults
    assert desk.codes() == ["BAT004"]


def test_links_out_of_the_inbox_are_told_once_and_stay(tmp_path: Path) -> None:
    desk = Desk(tmp_path, once=False)
    elsewhere = Desk(tmp_path / "别处").put("夹/秘密.xlsx")
    desk.put("单位/表.xlsx")
    links = {
        "单位/链接.xlsx": elsewhere, "链接夹": elsewhere.parent, "断了.xlsx": tmp_path / "没有.xlsx",
        # Not told of: what lies inside is found by its own path, and these are no workbooks.
        "里面.xlsx": desk.inbox / "单位/表.xlsx", "绕圈": desk.inbox, "说明.txt": elsewhere, ".隐.xlsx": elsewhere,
    }  # fmt: skip
    for name, target in links.items():
        (desk.inbox / name).symlink_to(target)
    made = desk.watcher()
    told = {(str(desk.inbox / name), "BAT004") for name in ("单位/链接.xlsx", "链接夹", "断了.xlsx")}
    with made.ready():
        for _ in range(3):
            made.round()
        assert {(finding.params["path"], finding.code) for finding in desk.told} == told
        assert len(desk.told) == len(told)
        (desk.inbox / "链接夹").unlink()
        made.round()
        (desk.inbox / "链接夹").symlink_to(elsewhere.parent)
        made.round()
    assert desk.codes() == ["BAT004"] * (len(told) + 1)  # a new one is told of again
    assert [event.path for event in desk.handled] == ["单位/表.xlsx"]
    assert all((desk.inbox / name).is_symlink() for name in links)
    assert elsewhere.is_file()


def test_a_second_run_finds_nothing_to_do(desk: Desk) -> None:
    desk.put("单位/表.xlsx")
    desk.run()
    files = desk.files()
    desk.run()
    assert desk.files() == files
    assert len(desk.handled) == 1


def test_the_same_file_dropped_again_repeats_nothing(desk: Desk) -> None:
    for _ in range(3):
        desk.put("单位/表.xlsx")
        desk.run()
        assert desk.files() == FINISHED
    assert len(desk.entries()) == 1


def test_the_same_content_under_another_name_is_told(desk: Desk) -> None:
    desk.put("甲.xlsx")
    desk.run()
    desk.put("乙.xlsx")
    desk.run()
    assert [finding.code for finding in desk.handled[1].remarks] == ["BAT008"]
    assert "甲.xlsx" in desk.handled[1].remarks[0].message
    assert f"结果/{DONE}/乙_评分表.xlsx" in desk.files()


def test_another_form_of_the_same_name_takes_nothing_away(desk: Desk) -> None:
    desk.put("表.xlsx")
    desk.run()
    desk.put("表.xlsx", "公交运营补贴.xlsx")
    desk.run()
    assert desk.files() == sorted(
        f"结果/{folder}/{name}"
        for folder, name in [
            (f"{ORIGINALS}/{DAY}", "表.xlsx"), (f"{ORIGINALS}/{DAY}", "表_2.xlsx"),
            (DONE, "表_评分表.xlsx"), (DONE, "表_评分表_2.xlsx"),
        ]
    )  # fmt: skip
    assert len(desk.entries()) == 2


def faulty(desk: Desk, name: str, text: str) -> None:
    """The sample with a result that cannot stand."""
    import openpyxl

    book = openpyxl.load_workbook(next(SAMPLES.rglob("招商引资专项经费.xlsx")))
    for row in book.worksheets[0].iter_rows():
        for cell in row:
            if cell.value == "151个":
                cell.value = text
                row[8].value = None
    book.save(desk.inbox / name)


def test_what_was_corrected_leaves_the_folder_of_things_to_correct(desk: Desk) -> None:
    faulty(desk, "表.xlsx", "约一百来个")
    desk.run()
    assert [name for name in desk.files() if TO_CORRECT in name] == [
        f"结果/{TO_CORRECT}/表_评分表.txt", f"结果/{TO_CORRECT}/表_评分表.xlsx",
    ]  # fmt: skip
    faulty(desk, "表.xlsx", "一百左右个")  # again wrong: one pair, not two
    desk.run()
    assert len([name for name in desk.files() if TO_CORRECT in name]) == 2
    desk.put("改好.xlsx")
    desk.run()
    assert not [name for name in desk.files() if TO_CORRECT in name]
    assert len([name for name in desk.files() if ORIGINALS in name]) == 3
    assert len(desk.entries()) == 3


def test_a_copy_somebody_works_on_stays(desk: Desk) -> None:
    faulty(desk, "表.xlsx", "约一百来个")
    desk.run()
    copy = desk.out / TO_CORRECT / "表_评分表.xlsx"
    copy.write_bytes(copy.read_bytes() + b"edited")
    desk.put("改好.xlsx")
    desk.run()
    assert copy.exists()
    assert copy.with_suffix(".txt").exists()


def test_a_folder_moved_in_keeps_its_shape(desk: Desk, tmp_path: Path) -> None:
    desk.put("外面/深/表.xlsx")
    (desk.inbox / "外面").rename(tmp_path / "外面")
    desk.run()
    (tmp_path / "外面").rename(desk.inbox / "外面")
    desk.run()
    assert f"结果/{DONE}/外面/深/表_评分表.xlsx" in desk.files()
    assert (desk.inbox / "外面" / "深").is_dir()  # an agency may have this folder open


def test_it_waits_until_a_file_holds_still(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settle=3, once=False)
    path = desk.put("单位/表.xlsx")
    whole = path.read_bytes()
    made = desk.watcher()
    with made.ready():
        for part in range(1, 5):
            path.write_bytes(whole[: len(whole) * part // 4])
            os.utime(path, ns=(part, part))
            assert made.round() == 3
            assert not desk.handled
            desk.time += 2
        desk.time += 1
        made.round()
    assert desk.files() == FINISHED


# ---- the world around ------------------------------------------------------------------------------------------------


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "OUT003"), (errno.EROFS, "OUT001"), (errno.EACCES, "OUT001"), (errno.EIO, "OUT001")],
)
def test_a_result_that_cannot_be_written_leaves_the_original_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    desk = Desk(tmp_path, once=False)
    desk.put("单位/表.xlsx")
    made = desk.watcher()
    with made.ready():
        with monkeypatch.context() as patch:
            patch.setattr(folders, "write_atomic", failing(number))
            for _ in range(4):
                made.round()
                desk.time += 1  # too early for another try
        assert desk.codes() == [code]  # said once
        assert set(made.faults.values()) == {code}
        assert desk.files() == ["收件夹/单位/表.xlsx"]
        desk.time += 60
        made.round()
    assert not made.faults
    assert desk.files() == FINISHED


def test_once_ends_with_what_cannot_be_done_left_in_place(desk: Desk) -> None:
    for number in range(10):
        desk.put(f"{number}.xlsx")
    desk.out.mkdir()
    (desk.out / DONE).write_bytes(b"a file where the folder should be")
    made = desk.run()
    assert len(list(desk.inbox.glob("*.xlsx"))) == 10
    assert set(made.faults.values()) == {"OUT001"}
    (desk.out / DONE).unlink()
    assert not desk.run().faults
    assert not list(desk.inbox.glob("*.xlsx"))


def test_an_original_that_is_open_is_moved_later_and_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path, once=False)
    desk.put("单位/表.xlsx")
    made = desk.watcher()
    with made.ready():
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", failing(errno.EACCES))
            made.round()
        assert desk.codes() == ["BAT014"]
        assert desk.files() == ["收件夹/单位/表.xlsx", FINISHED[1]]
        (desk.root / FINISHED[1]).unlink()  # the clerk has taken the result: it must not come a second time
        desk.time += 60
        made.round()
    assert desk.files() == FINISHED[:1]
    assert len(desk.handled) == 1


def test_between_two_disks_the_original_is_copied_before_it_goes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    original = desk.put("单位/表.xlsx")
    os.utime(original, ns=(10**18, 10**18))
    data = original.read_bytes()
    monkeypatch.setattr(Path, "rename", failing(errno.EXDEV))
    desk.run()
    assert desk.files() == FINISHED
    assert (desk.root / FINISHED[0]).read_bytes() == data
    assert (desk.root / FINISHED[0]).stat().st_mtime_ns == 10**18


def test_an_inbox_that_vanishes_is_waited_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path, once=False)
    made = desk.watcher()
    with made.ready():
        desk.inbox.rename(tmp_path / "断开")
        for _ in range(3):
            assert made.round() == made.settings.interval
        assert desk.codes() == ["BAT012"]
        (tmp_path / "断开").rename(desk.inbox)
        desk.put("单位/表.xlsx")
        made.round()
        assert desk.files() == FINISHED
        desk.inbox.rename(tmp_path / "断开")
        made.round()
    assert desk.codes() == ["BAT012", "BAT012"]  # gone anew, told anew


def test_once_without_an_inbox_is_an_error(desk: Desk) -> None:
    desk.inbox.rmdir()
    with pytest.raises(PathError, match="收件夹"):
        desk.run()


def test_an_output_folder_that_vanishes_is_not_made_anew_somewhere_else(tmp_path: Path) -> None:
    desk = Desk(tmp_path, once=False)
    desk.put("单位/表.xlsx")
    made = desk.watcher()
    with made.ready():
        desk.out.rename(tmp_path / "断开")
        desk.out.mkdir()  # the empty mount point
        made.round()
        assert desk.codes() == ["BAT012"]
        assert desk.files() == ["收件夹/单位/表.xlsx"]
        desk.out.rmdir()
        (tmp_path / "断开").rename(desk.out)
        desk.time += 60
        made.round()
    assert desk.files() == FINISHED


def test_a_file_replaced_while_being_read_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    path = desk.put("表.xlsx")
    produce = watcher.produce
    calls = []

    def replacing(source: Path, data: bytes, options: Options) -> tuple[Outcome, bytes | None]:
        calls.append(len(data))
        if len(calls) == 1:
            desk.put("表.xlsx", "公交运营补贴.xlsx")
        return produce(source, data, options)

    monkeypatch.setattr(watcher, "produce", replacing)
    desk.run()
    assert len(calls) == 2
    assert len(desk.handled) == 1
    assert not path.exists()
    assert desk.files() == [f"结果/{ORIGINALS}/{DAY}/表.xlsx", f"结果/{DONE}/表_评分表.xlsx"]
    assert "公交" in desk.handled[0].outcome.forms[0].form.text("project")


@pytest.mark.parametrize("moment", ["before the move", "in the move"])
def test_a_file_replaced_before_its_original_is_moved_is_read_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = desk.put("表.xlsx")
    newer = next(SAMPLES.rglob("公交运营补贴.xlsx")).read_bytes()
    rename, move = Path.rename, folders.move_original
    done = []

    def replace_once() -> None:
        if not done:
            done.append(True)
            path.write_bytes(newer)

    def renaming(source: Path, target: Path) -> Path:
        replace_once()
        return rename(source, target)

    def moving(source: Path, state: State, data: bytes, target: Path) -> None:
        replace_once()
        move(source, state, data, target)

    if moment == "in the move":
        monkeypatch.setattr(Path, "rename", renaming)
    else:
        monkeypatch.setattr(folders, "move_original", moving)
    desk.run()
    archived = [(desk.root / name).read_bytes() for name in desk.files() if ORIGINALS in name]
    assert newer in archived
    assert any("公交" in event.outcome.forms[0].form.text("project") for event in desk.handled)
    assert not path.exists()


def test_a_calendar_that_leaps_changes_only_the_name_of_a_folder(desk: Desk) -> None:
    for day in ("2025-01-31", "2031-01-01", "1999-12-31"):
        desk.put("单位/表.xlsx")
        made = desk.watcher()
        made.today = lambda day=day: dt.date.fromisoformat(day)  # type: ignore[misc]
        made.run()
    assert [name for name in desk.files() if DONE in name] == FINISHED[1:]
    assert not list(desk.inbox.rglob("*.xlsx"))


@pytest.mark.parametrize("damage", ["garbage", "cut short", "bytes flipped"])
def test_a_damaged_ledger_is_set_aside_and_filled_again(desk: Desk, damage: str) -> None:
    desk.put("单位/表.xlsx")
    desk.put("校舍.xlsx", "校舍安全排查.xlsx")
    desk.put("坏.xlsx", "基层医疗设备购置.xlsx")
    desk.run()
    before, files = desk.entries(), desk.files()
    path = ledger_path(desk.out)
    data = bytearray(path.read_bytes())
    if damage == "garbage":
        data[:] = b"no database" * 100
    elif damage == "cut short":
        del data[len(data) // 2 :]
    else:
        data[100:4000] = bytes(3900)
    path.write_bytes(data)
    desk.run()
    assert desk.codes() == ["BAT010"]
    assert (path.parent / desk.told[0].params["aside"]).read_bytes() == bytes(data)
    assert desk.files() == files
    assert len(desk.handled) == 3
    plain = [replace(entry, done="", settled=True, output_modified=0) for entry in before]
    again = [replace(entry, done="", settled=True, output_modified=0) for entry in desk.entries()]
    assert sorted(again, key=lambda entry: entry.path) == sorted(plain, key=lambda entry: entry.path)


def test_what_the_ledger_missed_is_caught_up_with(desk: Desk) -> None:
    """A ledger that was full for a while, and one that was being filled again when the power failed."""
    for name, sample in (("单位/表.xlsx", "招商引资专项经费.xlsx"), ("校舍.xlsx", "校舍安全排查.xlsx")):
        desk.put(name, sample)
    desk.run()
    before, files = desk.entries(), desk.files()
    base = sqlite3.connect(ledger_path(desk.out))
    base.execute("DELETE FROM file WHERE path LIKE '%校舍.xlsx'")
    base.commit()
    base.close()
    stray = desk.out / ORIGINALS / "Thumbs.db"  # a person has looked at the folder, and put something there
    stray.write_bytes(b"thumbs")
    shutil.copyfile(desk.root / FINISHED[0], desk.out / ORIGINALS / "另存.xlsx")
    for _ in range(2):
        desk.run()
        plain = [replace(entry, done="", settled=True, output_modified=0) for entry in before]
        again = [replace(entry, done="", settled=True, output_modified=0) for entry in desk.entries()]
        assert sorted(again, key=lambda entry: entry.path) == sorted(plain, key=lambda entry: entry.path)
    assert not desk.codes()
    assert {*desk.files()} == {*files, f"结果/{ORIGINALS}/Thumbs.db", f"结果/{ORIGINALS}/另存.xlsx"}


def test_what_was_handed_in_again_on_another_day_is_on_record_once(desk: Desk) -> None:
    for day in ("2025-01-30", DAY):
        desk.put("表.xlsx")
        made = desk.watcher()
        made.today = lambda day=day: dt.date.fromisoformat(day)  # type: ignore[misc]
        made.run()
    (entry,) = desk.entries()
    assert entry.archive is not None and entry.archive.parent.name == DAY
    desk.run()
    assert desk.entries() == (entry,)


def test_a_ledger_that_is_full_stops_nothing(desk: Desk) -> None:
    made = desk.watcher()
    with made.ready():
        base: sqlite3.Connection = made._ledger._base  # type: ignore[union-attr]
        base.execute(f"PRAGMA max_page_count = {base.execute('PRAGMA page_count').fetchone()[0]}")
        for number in range(60):
            desk.put(f"{number}.xlsx")
        while made.round() is not None:
            pass
    assert "BAT011" in desk.codes()
    assert len(desk.handled) == 60
    assert not list(desk.inbox.glob("*.xlsx"))


def test_five_thousand_files_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are taken in one go, in order; the forms themselves are not what is tried here."""

    def quick(source: Path, data: bytes, _options: Options) -> tuple[Outcome, bytes]:
        return Outcome(source, digest=data.decode(), findings=(Finding("TPL020", params={"hint": ""}),)), data

    monkeypatch.setattr(watcher, "produce", quick)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    for number in range(5000):
        (desk.inbox / f"{number}.xlsx").write_bytes(str(number).encode())
    desk.run()
    assert [event.path for event in desk.handled] == [f"{number}.xlsx" for number in range(5000)]
    assert len(list((desk.out / ORIGINALS / DAY).iterdir())) == 5000
    assert not list(desk.inbox.glob("*.xlsx"))


def test_a_mistake_of_ours_does_not_stop_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from perfeval import pipeline

    def broken(*_: object) -> None:
        raise ZeroDivisionError("ours")

    desk.put("1.xlsx")
    monkeypatch.setattr(pipeline, "_form_outcome", broken)
    desk.run()
    assert desk.handled[0].outcome.bug is not None
    assert (desk.out / TO_CORRECT / "1.xlsx").exists()
    assert "维护人员" in (desk.out / TO_CORRECT / "1.txt").read_text(encoding="utf-8")


# ---- one watcher, and how it ends ------------------------------------------------------------------------------------


def test_a_second_watcher_is_refused(desk: Desk, tmp_path: Path) -> None:
    other = Desk(tmp_path / "另")
    with desk.watcher().ready():
        with pytest.raises(PathError, match="已经有一个"):
            desk.run()
        shared_inbox = replace(desk.watcher().settings, out=other.out)
        with pytest.raises(PathError, match="已经有一个"):
            Watcher(shared_inbox, print, print).run()
        shared_out = replace(other.watcher().settings, out=desk.out)
        with pytest.raises(PathError, match="已经有一个"):
            Watcher(shared_out, print, print).run()
    desk.run()


@pytest.mark.parametrize("out", ["收件夹", "收件夹/结果", "收件夹/../收件夹"])
def test_results_inside_the_inbox_are_refused(desk: Desk, out: str) -> None:
    with pytest.raises(UsageError, match="里面"):
        folders.check_folders(desk.inbox, desk.root / out)


@pytest.mark.parametrize("name", [DONE, TO_CORRECT, f"{ORIGINALS}/{DAY}"])
def test_an_inbox_among_the_results_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UsageError):
        folders.check_folders(tmp_path / name, tmp_path)


def test_the_inbox_may_lie_beside_its_results(tmp_path: Path) -> None:
    (tmp_path / "收件夹").mkdir()
    folders.check_folders(tmp_path / "收件夹", tmp_path)


def test_stopping_finishes_the_file_under_way(desk: Desk) -> None:
    for number in range(5):
        desk.put(f"{number}.xlsx")
    made = desk.watcher()
    made.handled = lambda event: made.stop.set()
    made.run()
    assert len(list(desk.inbox.glob("*.xlsx"))) == 4
    assert len([name for name in desk.files() if name.startswith("结果")]) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, ExitCode.DONE), (signal.SIGINT, ExitCode.INTERRUPTED)])
def test_signals_end_it_cleanly(desk: Desk, number: signal.Signals, code: ExitCode) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "perfeval",
            "watch",
            desk.inbox,
            "--out",
            desk.out,
            "--settle",
            "0",
            "--interval",
            "0.1",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout is not None
    try:
        desk.put("单位/表.xlsx")
        assert "已完成  单位/表.xlsx" in process.stdout.readline()
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == code
    assert "处理了 1 个文件" in errors
    assert "Traceback" not in errors
    assert [name.replace(dt.date.today().isoformat(), DAY) for name in desk.files()] == FINISHED


def test_kill_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killing", str(tmp_path), "210", str(time.time_ns() % 10**6)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) >= 210


# ---- waking ----------------------------------------------------------------------------------------------------------


def test_events_cut_the_wait_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[set[str]] = [set(), set(), {"added"}]

    def watch(folder: Path, **_: object) -> Iterator[set[str]]:
        assert folder == tmp_path
        yield from events

    monkeypatch.setitem(sys.modules, "watchfiles", types.SimpleNamespace(watch=watch))
    waker = Waker(tmp_path, threading.Event(), poll=False)
    assert waker.has_events
    begin = time.monotonic()
    waker.wait(60)
    assert time.monotonic() - begin < 5
    waker.wait(0.01)  # the events have ended: from here on it looks by itself
    assert not waker.has_events
    waker.renew()
    assert waker.has_events


def test_polling_is_asked_for_or_all_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)  # not installed
    assert not Waker(tmp_path, threading.Event(), poll=False).has_events
    monkeypatch.setitem(sys.modules, "watchfiles", types.SimpleNamespace(watch=lambda *_, **__: iter([{1}])))
    assert not Waker(tmp_path, threading.Event(), poll=True).has_events


def test_a_real_event_cuts_the_wait_short(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles", reason="the optional extra `watch`")
    waker = Waker(tmp_path, threading.Event(), poll=False)
    timer = threading.Timer(1.0, (tmp_path / "a.xlsx").write_bytes, [b"x"])
    timer.start()
    begin = time.monotonic()
    waker.wait(60)
    timer.join()
    assert time.monotonic() - begin < 30


# ---- the command -----------------------------------------------------------------------------------------------------


def test_the_command_drains_the_folder_and_says_what_came_of_it(desk: Desk) -> None:
    desk.put("单位/表.xlsx")
    desk.put("校舍.xlsx", "校舍安全排查.xlsx")
    arguments = ["watch", str(desk.inbox), "--out", str(desk.out), "--once", "--settle", "0"]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == ExitCode.FOUND_ERRORS
    lines = sorted(result.stdout.splitlines(), key=lambda line: line[15:])
    assert len(lines) == 2
    assert any("已完成  单位/表.xlsx  合计 98.85  → 已完成/单位/表_评分表.xlsx" in line for line in lines)
    assert any("需修改  校舍.xlsx  错误 " in line for line in lines)
    assert "处理了 2 个文件:已完成 1,需修改 1" in result.stderr
    again = CliRunner().invoke(program, arguments)
    assert (again.exit_code, again.stdout) == (ExitCode.DONE, "")


def test_the_command_tells_when_a_path_stands_in_the_way(desk: Desk) -> None:
    desk.put("表.xlsx")
    desk.out.mkdir()
    (desk.out / DONE).write_bytes(b"")
    arguments = ["watch", str(desk.inbox), "--out", str(desk.out), "--once", "--settle", "0"]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == ExitCode.PATH
    assert "OUT001" in result.stderr


def test_the_command_tells_when_an_original_stays_behind(desk: Desk) -> None:
    desk.put("表.xlsx")
    desk.out.mkdir()
    (desk.out / ORIGINALS).write_bytes(b"")
    arguments = ["watch", str(desk.inbox), "--out", str(desk.out), "--once", "--settle", "0"]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == ExitCode.PATH
    assert "BAT014" in result.stderr
    (desk.out / ORIGINALS).unlink()
    assert CliRunner().invoke(program, arguments).exit_code == ExitCode.DONE
    assert not list(desk.inbox.glob("*.xlsx"))


def test_the_unit_starts_what_was_asked_for(tmp_path: Path) -> None:
    arguments = ["watch", "收件 夹", "--out", 'a"b%', "--poll", "--pack", "p", "--print-systemd"]
    text = CliRunner().invoke(program, arguments).stdout
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert f'"{Path.cwd()}/收件 夹"' in line
    assert f'"{Path.cwd()}/a\\"b%%"' in line
    assert line.endswith("--pack p --poll --interval 5 --settle 3")
    assert not (Path.cwd() / "收件 夹").exists()


def test_a_unit_refuses_paths_it_cannot_hold() -> None:
    with pytest.raises(UsageError):
        unit_text(["perfeval"], Path("a\nExecStart=rm"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "perfeval-watch.service"
    path.write_text(unit_text([sys.executable, "-m", "perfeval", "watch", "/a b", "--out", "/100%$x"], Path("/a b")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False
    )
    assert "perfeval-watch" not in done.stderr
