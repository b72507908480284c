"""Every command that writes, with a fault at each call that changes the disk: results whole or absent, nothing lost.

After each fault the command is run again without one, and must end as if nothing had happened. By default each step of
a command meets its end and one of the errors in turn (of long commands an even sample of the steps), where calls that
do the same to the same file are one step; `PERFEVAL_ALL_FAULTS=1` tries every call with every fault, for an hour.
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, groupby
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from perfeval.cli import program
from perfeval.errors import ExitCode
from perfeval.files import TEMPORARY_PREFIX
from perfeval.ledger import Ledger, ledger_path
from perfeval.pack import load_pack
from perfeval.pipeline import Options, blank_form, fill
from perfeval.planning import SUMMARY
from tests.support.faults import Ended, Fault, Mode, Workbench, requires_compiler, workbench
from tests.test_mail import submission

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "inbox"
ALL = bool(os.environ.get("PERFEVAL_ALL_FAULTS"))
ERRORS = tuple(
    (mode, error) for mode in (Mode.FAIL, Mode.FAIL_FROM) for error in (errno.ENOSPC, errno.EACCES, errno.EIO)
)
LONG_AGO = 1_700_000_000
_FEW = 8  # calls of a command that are all tried with every fault
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_REASONS = re.compile("权限|已用完|不足|读写出错|正在 Excel 或 WPS 中打开")


# ---- the commands ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """A command, and what lies there before it; paths in `args` begin with in/ or out/."""

    args: Sequence[str]
    prepare: Callable[[Path], None]
    steps: int = 1000  # how many of its steps are tried at most, unless all are asked for
    done_before: ExitCode = ExitCode.DONE  # its exit code when there was nothing left to do
    apart: bool = False  # in/ and out/ are on different disks


def put(box: Path, *names: str) -> None:
    for name in names:
        target = box / "in" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sample(Path(name).name), target)


def sample(name: str) -> Path:
    return next(SAMPLES.rglob(name))


def one(box: Path) -> None:
    put(box, "招商引资专项经费.xlsx")


def two(box: Path) -> None:
    put(box, "单位/招商引资专项经费.xlsx", "校舍安全排查.xlsx")


def over_older(box: Path) -> None:
    """A result of last time lies there, to be replaced."""
    one(box)
    fill(sample("公交运营补贴.xlsx"), box / "out" / "招商引资专项经费_评分表.xlsx", Options())


def with_damaged_ledger(box: Path) -> None:
    one(box)
    ledger_path(box / "out").parent.mkdir(parents=True)
    ledger_path(box / "out").write_bytes(b"no ledger " * 1000)


def letter(box: Path) -> None:
    box.joinpath("in").mkdir()
    (box / "in" / "信.eml").write_bytes(submission(sample("招商引资专项经费.xlsx").read_bytes()))


def roster(box: Path) -> None:
    box.joinpath("in").mkdir()
    (box / "in" / "名册.csv").write_text("单位,项目\n甲局,A项目\n乙局,B项目\n", encoding="utf-8")


def two_versions(box: Path) -> None:
    fill(sample("招商引资专项经费.xlsx"), box / "in" / "旧.xlsx", Options())
    put(box, "招商引资专项经费.xlsx")


def blank(box: Path) -> None:
    box.joinpath("in").mkdir()
    (box / "in" / "空白表.xlsx").write_bytes(blank_form(load_pack("jiangmen-2024")))


FORM = "in/招商引资专项经费.xlsx"
SKIP = ("--on-exists", "skip")
JOBS = {
    "fill a file": Job(("fill", FORM, "--out", "out/"), one),
    "fill over older": Job(("fill", FORM, "--out", "out/", "--on-exists", "overwrite"), over_older, steps=12),
    "fill with a damaged ledger": Job(("fill", FORM, "--out", "out/"), with_damaged_ledger, steps=12),
    "fill a folder": Job(("fill", "in/", "--out", "out/", "--jobs", "1"), two, steps=14),
    "watch": Job(("watch", "in/", "--out", "out/", "--once", "--poll", "--settle", "0"), two, steps=32),
    "watch over two disks": Job(
        ("watch", "in/", "--out", "out/", "--once", "--poll", "--settle", "0"), one, steps=16, apart=True
    ),
    "mail": Job(("mail", "in/", "--out", "out/"), letter, steps=28),
    "summary": Job(("summary", "in/", "--out", "out/汇总.xlsx", "--jobs", "1"), two, steps=10),
    "summary as CSV": Job(("summary", "in/", "--out", "out/汇总.csv", "--jobs", "1"), two, steps=8),
    "new": Job(("new", "--pack", "jiangmen-2024", "--out", "out/空白表.xlsx", *SKIP), roster),
    "new for a roster": Job(
        ("new", "--pack", "jiangmen-2024", "--roster", "in/名册.csv", "--out", "out/", *SKIP), roster
    ),
    "diff": Job(("diff", "in/旧.xlsx", FORM, "--out", "out/变更.xlsx", *SKIP), two_versions),
    "packs new": Job(
        ("packs", "new", "in/空白表.xlsx", "--id", "mycity-2026", "--out", "out/"), blank, done_before=ExitCode.USAGE
    ),
}


# ---- what must hold --------------------------------------------------------------------------------------------------


@dataclass
class Trial:
    """A command, again and again in a folder of its own; always the same folder, because results name their places."""

    job: Job
    root: Path
    bench: Workbench

    def __post_init__(self) -> None:
        self.box, self.kept = self.root / "box", self.root / "kept"
        (self.kept / "tmp").mkdir(parents=True)
        self.job.prepare(self.kept)
        for path in self.kept.rglob("*"):
            os.utime(path, (LONG_AGO, LONG_AGO))

    def begin(self) -> None:
        shutil.rmtree(self.box, ignore_errors=True)
        shutil.copytree(self.kept, self.box)

    @property
    def args(self) -> list[str | Path]:
        return [self.box / arg if arg.startswith(("in/", "out/")) else arg for arg in self.job.args]

    def run(self, fault: Fault | None = None) -> Ended:
        return self.bench.run(self.box, self.args, fault, apart=self.job.apart)

    def files(self) -> dict[str, bytes]:
        """What a person sees."""
        found = {}
        for path in sorted(self.box.rglob("*")):
            below = path.relative_to(self.box)
            if path.is_file() and below.parts[0] != "tmp" and not any(part.startswith(".") for part in below.parts):
                found[_DAY.sub("某日", below.as_posix())] = path.read_bytes()
        return found

    def records(self) -> list[tuple[object, ...]]:
        """What the ledger says."""
        if not ledger_path(self.box / "out").exists():
            return []
        ledger = Ledger(ledger_path(self.box / "out"), self.box / "out")
        found = [
            (entry.path, entry.digest, entry.status, entry.output, entry.output_digest, entry.archived)
            for entry in ledger.entries()
        ]
        ledger.close()
        return sorted(found, key=str)

    def temporary(self) -> list[Path]:
        return list(self.box.rglob(f"{TEMPORARY_PREFIX}*"))


@dataclass(frozen=True)
class Undisturbed:
    """What a command finds and leaves when nothing goes wrong."""

    before: dict[str, bytes]
    after: dict[str, bytes]
    records: list[tuple[object, ...]]
    ended: Ended


def faults(calls: Sequence[str], most: int) -> Iterator[Fault]:
    """The faults to try on a command that makes these calls."""
    if ALL or len(calls) <= _FEW:
        for number, call in enumerate(calls, 1):
            yield Fault(Mode.KILL, number)
            if "write" in call.split()[0]:
                yield Fault(Mode.TEAR, number)
            yield from (Fault(mode, number, error) for mode, error in ERRORS)
        return
    steps: list[tuple[int, str]] = []  # the first and the last of calls that do the same
    for _, group in groupby(enumerate(calls, 1), key=lambda numbered: numbered[1]):
        first, *others = group
        steps += [first, *others[-1:]]
    if len(steps) > most:
        steps = [steps[place * (len(steps) - 1) // (most - 1)] for place in range(most)]
    errors = cycle(ERRORS)
    for place, (number, call) in enumerate(steps):
        torn = place % 2 and "write" in call.split()[0]
        yield Fault(Mode.TEAR if torn else Mode.KILL, number)
        mode, error = next(errors)
        yield Fault(mode, number, error)


def faulty(trial: Trial, fault: Fault, usual: Undisturbed) -> Iterator[str]:
    """Everything that is not as it must be after the fault, and after the run that follows."""
    trial.begin()
    ended = trial.run(fault)
    now = trial.files()
    yield from astray(now, usual)
    yield from impolite(ended)
    missing = sorted(set(usual.after) - set(now))
    if ended.code is not None and missing:
        if ended.code not in (ExitCode.FOUND_ERRORS, ExitCode.PATH):
            yield f"exit code {ended.code} without {missing}"
        if not _REASONS.search(ended.output):
            yield f"does not say why there is no {missing}: {ended.output[-300:]}"
    if fault.mode is Mode.FAIL and trial.temporary() and not ended.calls[fault.at - 1].startswith("unlink"):
        yield f"leaves {trial.temporary()}"

    again = trial.run()
    now = trial.files()
    for text in (*astray(now, usual), *impolite(again)):
        yield f"the next run: {text}"
    if again.code not in (usual.ended.code, trial.job.done_before):
        yield f"the next run: exit code {again.code}: {again.output[-300:]}"
    for path, data in usual.after.items():
        if path not in now:
            yield f"the next run: no {path}"
        elif now[path] != data and data not in [now[other] for other in now if is_summary(other)]:
            yield "the next run: none of the summaries is the right one"
    if "BAT010" in ended.output + again.output and "BAT010" not in usual.ended.output:
        yield f"takes the ledger for damaged: {(ended.output + again.output)[-600:]}"
    if trial.records() != usual.records:
        yield f"the next run: the ledger says {trial.records()}, not {usual.records}"
    if len(trial.temporary()) > 1:
        yield f"the next run: leaves {trial.temporary()}"


def astray(now: dict[str, bytes], usual: Undisturbed) -> Iterator[str]:
    """What is lost, or is not whole, or does not belong there."""
    for path, data in usual.before.items():
        moved = path not in usual.after and any(usual.after.get(there) == data == now[there] for there in now)
        replaced = path in usual.after and now.get(path) == usual.after[path]
        if now.get(path) != data and not moved and not replaced:
            yield f"{path} is {'changed' if path in now else 'lost'}"
    for path, data in now.items():
        # A summary tells what came of a run, faults included; the one of the next run then gets a name of its own.
        right = data == usual.after.get(path) or path in usual.before or (is_summary(path) and whole(data))
        if not right:
            yield f"{path} should not be there{' like this' if path in usual.after else ''}"


def is_summary(path: str) -> bool:
    return path.startswith(f"out/{SUMMARY}") and path.endswith(".xlsx")


def whole(data: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        try:
            for name in archive.namelist():
                ElementTree.fromstring(archive.read(name))
        except ElementTree.ParseError:
            return False
    return True


def impolite(ended: Ended) -> Iterator[str]:
    """Faults of the world are told as what they are, never as mistakes of the program."""
    if ended.code not in (None, *ExitCode) or ended.code == ExitCode.BUG:
        yield f"exit code {ended.code}: {ended.output[-600:]}"
    if found := re.search("Traceback|SYS0|Exception ignored|文件已损坏", ended.output):
        yield f"speaks of another fault: {ended.output[found.start() :][-600:]}"


# ---- the tests -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    root = tmp_path_factory.mktemp("bench")
    (root / "scratch").mkdir()
    with workbench(root / "scratch") as started:
        yield started


@requires_compiler
@pytest.mark.parametrize("name", JOBS)
def test_a_fault_at_any_call(name: str, bench: Workbench, tmp_path: Path) -> None:
    trial = Trial(JOBS[name], tmp_path, bench)
    trial.begin()
    before = trial.files()
    ended = trial.run()
    usual = Undisturbed(before, trial.files(), trial.records(), ended)
    assert ended.code in (ExitCode.DONE, ExitCode.FOUND_ERRORS), ended.output
    assert usual.after != before
    assert not trial.temporary()
    tried = list(faults(ended.calls, trial.job.steps))
    assert len(tried) > 10, "the calls are no longer seen"
    found = []
    for fault in tried:
        found += [f"{fault} ({ended.calls[fault.at - 1]}): {text}" for text in faulty(trial, fault, usual)]
    assert not found, f"{len(found)} things are wrong after {len(tried)} faults\n" + "\n".join(found[:40])


# ---- what only Windows does ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fill a file", "fill a folder", "summary", "summary as CSV", "new", "diff"])
def test_a_result_that_is_open_in_excel_stays_as_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows lets nobody replace or remove a file that is open; the result of last time is, and is to be replaced."""
    JOBS[name].prepare(tmp_path)
    words = [word for word in JOBS[name].args if word not in SKIP]
    args = [str(tmp_path / word) if word.startswith(("in/", "out/")) else word for word in words]
    args += ["--on-exists", "overwrite"]
    assert CliRunner().invoke(program, args).exit_code in (ExitCode.DONE, ExitCode.FOUND_ERRORS)
    results = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and ".perfeval" not in path.parts]
    open_one = min(results, key=lambda path: (not path.name.startswith(SUMMARY), path))
    for path in results:
        path.write_bytes(b"of last time")

    def refuse(real: Callable[..., None]) -> Callable[..., None]:
        def replace(source: str | Path, *target: str | Path, **more: object) -> None:
            if open_one in (Path(source), *map(Path, target)):
                raise PermissionError(errno.EACCES, "The process cannot access the file", str(source))
            real(source, *target, **more)

        return replace

    for call in ("replace", "rename", "unlink", "remove"):
        monkeypatch.setattr(os, call, refuse(getattr(os, call)))
    result = CliRunner().invoke(program, args)
    assert result.exit_code == ExitCode.PATH
    assert f"{open_one.name}」正在 Excel 或 WPS 中打开" in result.output
    assert "Traceback" not in result.output
    assert open_one.read_bytes() == b"of last time"
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(TEMPORARY_PREFIX)]
    monkeypatch.undo()
    again = CliRunner().invoke(program, args)
    assert again.exit_code in (ExitCode.DONE, ExitCode.FOUND_ERRORS)
    assert all(path.read_bytes() != b"of last time" for path in results)
