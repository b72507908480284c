"""Which files a run touches, and what each result is called: decided before anything is read or written.

The order is that of the arguments, inside a folder by name with numbers by size (2号 before 10号), so that two runs
over the same files do the same things and give the same names. No plan ever overwrites an input.
"""

# Paths stay strings where ten thousand of them are walked, and Path.is_dir raises where rights are missing.
# ruff: noqa: PTH112, PTH118, PTH119, PTH122
from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import count
from pathlib import Path

from perfeval.errors import PathError, UsageError
from perfeval.files import read_fault
from perfeval.findings import Finding
from perfeval.patterns import lazy_pattern
from perfeval.record import record

__all__ = [
    "SUFFIX",
    "SUMMARY",
    "SUMMARY_MARK",
    "WORKBOOKS",
    "OnExists",
    "Plan",
    "Skipped",
    "Task",
    "free_name",
    "input_among",
    "is_lock_file",
    "is_summary",
    "leads_out",
    "natural_key",
    "numbered_names",
    "output_name",
    "plan_check",
    "plan_fill",
    "refuse_inputs",
]

SUFFIX = "_评分表"
# 255 bytes are the longest name on the disks of Linux (85 汉字); Windows allows more.
_LONGEST_STEM = 255 - len(f"{SUFFIX}_999.xlsx".encode())

SUMMARY = "汇总"  # what the name of a summary begins with
SUMMARY_MARK = "perfeval-summary"  # among the keywords in its document properties

# What may hold a form, by name. Files named on the command line are opened whatever they are called;
# what a file really is, its first bytes decide.
WORKBOOKS = frozenset((".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".et", ".ett", ".xlsb", ".ods"))
_MACROS = frozenset((".xlsm", ".xltm"))

# Also the copies that Windows and browsers number: 「x_评分表 (1)」, with ASCII or full-width brackets.
_OWN_STEM = lazy_pattern(rf"(?P<stem>.+?){SUFFIX}(?:_\d{{1,3}}| ?[(\uff08]\d{{1,3}}[)\uff09])?")
_NUMBERS = lazy_pattern(r"(\d+)")


class OnExists(StrEnum):
    """What to do when a result is already there."""

    SUFFIX = "suffix"
    SKIP = "skip"
    OVERWRITE = "overwrite"


@record(frozen=True, slots=True)
class Task:
    """One file to be done."""

    path: Path
    target: Path | None = None  # where its result goes; None: nothing is to be written
    older: tuple[Path, ...] = ()  # results already under the names it would rather have: perhaps the very same
    findings: tuple[Finding, ...] = ()  # what planning has to say about it
    fault: bool = False  # cannot be read at all; the findings say why


@record(frozen=True, slots=True)
class Skipped:
    """A file left alone, and why."""

    path: Path
    finding: Finding


@record(frozen=True, slots=True)
class Plan:
    """Everything a run is going to do."""

    tasks: tuple[Task, ...]
    skipped: tuple[Skipped, ...] = ()


@record(frozen=True, slots=True)
class _Found:
    path: Path
    real: str  # the same without links
    below: Path  # its folder below the argument it was found by
    fault: Finding | None = None


def plan_check(paths: Sequence[Path]) -> Plan:
    """The files of `paths` (files, and folders with everything in them), each once."""
    found, skipped = _expand(paths, None)
    return Plan(tuple(_unwritten(entry) for entry in found), skipped)


def plan_fill(
    paths: Sequence[Path],
    out: Path,
    on_exists: OnExists = OnExists.SUFFIX,
    done: Callable[[Path, str], Path | None] | None = None,
) -> Plan:
    """The files of `paths` and the name of each result under `out`; sub-folders are kept.

    `done` knows the results of earlier runs that would come out the same again: those files are skipped. It is asked
    by path and by path without links.
    """
    _refuse_loops(paths, out)
    found, skipped = _expand(paths, out)
    results: dict[str, Path | None] = {}
    if done is not None:
        results = {entry.real: done(entry.path, entry.real) for entry in found if entry.fault is None}
    names = _Names(out, found, on_exists, results)
    chosen = [_unwritten(entry) if entry.fault is not None else names.choose(entry) for entry in found]
    tasks = tuple(entry for entry in chosen if isinstance(entry, Task))
    return Plan(tasks, (*skipped, *(entry for entry in chosen if isinstance(entry, Skipped))))


def free_name(target: Path, on_exists: OnExists) -> Path | None:
    """Where to write instead of `target` if that is taken; None: nowhere, it is to be skipped."""
    if on_exists is OnExists.OVERWRITE or not os.path.lexists(target):
        return target
    if on_exists is OnExists.SKIP:
        return None
    return next(path for path in map(target.with_name, numbered_names(target.name)) if not os.path.lexists(path))


def input_among(targets: Iterable[Path], inputs: Iterable[Path]) -> Path | None:
    """The first of `targets` that is one of `inputs`, however either is spelled; a summary of ours counts as none."""
    there = {
        identity: target for target in targets if (identity := _identity(target)) is not None and not is_summary(target)
    }
    return next((there[key] for key in map(_identity, inputs if there else ()) if key in there), None)


def refuse_inputs(targets: Iterable[Path], inputs: Iterable[Path], option: str = "--out") -> None:
    """UsageError when one of `targets`, which are about to be overwritten, is an input."""
    if (target := input_among(targets, inputs)) is not None:
        raise UsageError(
            f"「{target}」是这次要读的文件,结果写到那里会盖掉它;输入文件任何时候都不改动。\n"
            f"请用 {option} 另写一个文件名。"
        )


def output_name(name: str) -> str:
    """`自评表.xls` → `自评表_评分表.xlsx`; the suffix is never doubled, and macros need `.xlsm`.

    A name that the suffix makes too long for a disk is cut, so that a form is not sent back for the name of its file.
    """
    dot = name.rfind(".")
    stem, extension = (name[:dot], name[dot:]) if 0 < dot < len(name) - 1 else (name, "")
    if SUFFIX in stem and (own := _OWN_STEM.fullmatch(stem)):
        stem = own["stem"]
    while len(stem.encode("utf-8", "replace")) > _LONGEST_STEM:  # what is no UTF-8 counts one each, as on the disk
        stem = stem[:-1].rstrip()
    return f"{stem}{SUFFIX}{'.xlsm' if extension.lower() in _MACROS else '.xlsx'}"


def is_summary(path: str | Path) -> bool:
    """Whether a file is a summary that this program wrote."""
    from perfeval.workbook.archive import Archive  # few runs meet a file of that name
    from perfeval.workbook.guard import BadWorkbook, read_file

    try:
        return SUMMARY_MARK.encode() in Archive(read_file(Path(path))).read("docProps/core.xml")
    except (OSError, KeyError, BadWorkbook):
        return False


def is_lock_file(name: str) -> bool:
    """Whether `name` is what Excel, WPS or LibreOffice leave beside an open workbook."""
    return name.startswith(("~$", ".~"))


class _Names:
    """Gives every result of a run a name of its own."""

    def __init__(
        self, out: Path, found: Sequence[_Found], on_exists: OnExists, results: Mapping[str, Path | None]
    ) -> None:
        self._out = out
        self._on_exists = on_exists
        # Inputs count as taken: no option may replace one, nor one result of this run another.
        self._taken = {_folded(entry.real): entry.path for entry in found}
        self._inputs = frozenset(self._taken)
        self._results = results
        self._folders: dict[Path, Path] = {}  # folders below `out`
        self._real: dict[Path, str] = {}  # their real paths
        for entry in found:
            if (result := results.get(entry.real)) is not None:
                self._taken.setdefault(self._key(result.parent, result.name), entry.path)

    def choose(self, entry: _Found) -> Task | Skipped:
        if (result := self._results.get(entry.real)) is not None:
            return Skipped(entry.path, Finding("BAT007", params={"path": str(entry.path), "output": str(result)}))
        folder = self._folders.get(entry.below)
        if folder is None:
            folder = self._folders[entry.below] = self._out / entry.below
        wanted = output_name(entry.path.name)
        wanted_key = self._key(folder, wanted)
        rival = self._taken.get(wanted_key)
        older: list[Path] = []
        for name in numbered_names(wanted):
            key = wanted_key if name == wanted else self._key(folder, name)
            if key in self._taken:
                continue
            target = folder / name
            exists = os.path.lexists(target)
            if exists and self._on_exists is OnExists.SUFFIX:
                older.append(target)
                continue
            break
        self._taken[key] = entry.path
        if exists and self._on_exists is OnExists.SKIP:
            return Skipped(entry.path, Finding("OUT005", params={"path": str(target)}))
        if name == wanted:
            return Task(entry.path, target)
        if rival is None or wanted_key in self._inputs:
            option = "--on-exists overwrite(替换旧结果)" if rival is None else "--out 换一个文件夹(旧的是这次的输入)"
            params = {"path": str(folder / wanted), "output": str(target), "option": option}
            said = Finding("OUT006", params=params)
        else:
            said = Finding("BAT001", params={"path": str(entry.path), "other": str(rival), "output": name})
        return Task(entry.path, target, tuple(older), (said,))

    def _key(self, folder: Path, name: str) -> str:
        real = self._real.get(folder)
        if real is None:
            real = self._real[folder] = os.path.realpath(folder)
        return _folded(f"{real}{os.sep}{name}")


def numbered_names(name: str) -> Iterator[str]:
    """`x_评分表.xlsx`, `x_评分表_2.xlsx`, `x_评分表_3.xlsx` …"""
    yield name
    stem, dot, extension = name.rpartition(".")
    for number in count(2):
        yield f"{stem}_{number}{dot}{extension}"


def _unwritten(entry: _Found) -> Task:
    if entry.fault is None:
        return Task(entry.path)
    return Task(entry.path, findings=(entry.fault,), fault=True)


def _identity(path: Path) -> tuple[int, int] | str | None:
    """The same for every way to write the path of one file; None when nothing is there."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else _folded(os.path.realpath(path))  # 0: a share


def _refuse_loops(paths: Sequence[Path], out: Path) -> None:
    """Results inside an input folder would be the next run's inputs, without end."""
    if os.path.lexists(out) and not os.path.isdir(out):
        raise PathError(f"--out 指定的「{out}」是一个文件,不是文件夹。请改用文件夹的路径。")
    place = os.path.realpath(out)
    for path in paths:
        if os.path.isdir(path) and _is_below(place, os.path.realpath(path)):
            raise UsageError(
                f"--out 指定的「{out}」在输入文件夹「{path}」里面,结果会被当成下一次的输入。\n"
                "请把 --out 改为输入文件夹以外的文件夹。"
            )


def _expand(paths: Sequence[Path], out: Path | None) -> tuple[list[_Found], tuple[Skipped, ...]]:
    found: dict[str, _Found] = {}  # by real path: a file reached twice is done once
    skipped: list[Skipped] = []
    own_results = None if out is None else os.path.realpath(out)
    for path in paths:
        if os.path.isdir(path):
            inside = list(_walk(path, own_results, skipped))
            if not inside:
                skipped.append(Skipped(path, Finding("BAT006", params={"path": str(path)})))
        elif is_lock_file(path.name):
            inside = []
            skipped.append(Skipped(path, Finding("BAT005", params={"path": str(path)})))
        else:
            inside = [_Found(path, os.path.realpath(path), Path(), _unreadable(path))]
        for entry in inside:
            found.setdefault(entry.real, entry)
    return list(found.values()), tuple(skipped)


def _unreadable(path: Path) -> Finding | None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return read_fault(error, path)
    if not stat.S_ISREG(mode):
        return Finding("BAT003", params={"path": str(path), "reason": "这不是普通文件"})
    return None


def _walk(root: Path, own_results: str | None, skipped: list[Skipped]) -> Iterator[_Found]:
    """The workbooks below `root`, in order; links lead out of what was asked for and are only reported."""
    real_root = os.path.realpath(root)
    pending = [(root, real_root, Path())]
    while pending:
        folder, real_folder, below = pending.pop()
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: natural_key(entry.name))
        except OSError as error:
            yield _Found(folder, real_folder, below, read_fault(error, folder))
            continue
        ours = own_results is not None and _is_below(real_folder, own_results)
        folders: list[tuple[Path, str, Path]] = []
        for entry in entries:
            stem, extension = os.path.splitext(entry.name)
            if _ignored(entry.name):
                continue
            if entry.is_symlink():
                # What lies inside is found by its own path; following the link too could go round in circles.
                if leads_out(entry.path, real_root):
                    skipped.append(Skipped(Path(entry.path), Finding("BAT004", params={"path": entry.path})))
            elif entry.is_dir():
                folders.append((folder / entry.name, os.path.join(real_folder, entry.name), below / entry.name))
            elif extension.lower() in WORKBOOKS and entry.is_file() and not (ours and _OWN_STEM.fullmatch(stem)):
                if stem.startswith(SUMMARY) and is_summary(entry.path):
                    continue  # it has no form, and reading all its rows would take long
                yield _Found(folder / entry.name, os.path.join(real_folder, entry.name), below)
        pending += reversed(folders)


def leads_out(link: str, real_root: str) -> bool:
    """Whether a link to a workbook or a folder leads out of `real_root`, so that what is there is not looked at."""
    name = os.path.basename(link)
    wanted = not _ignored(name) and (os.path.isdir(link) or os.path.splitext(name)[1].lower() in WORKBOOKS)
    return wanted and not _is_below(os.path.realpath(link), real_root)


def _ignored(name: str) -> bool:
    """Lock files, hidden files (our temporary ones too), and what editors and systems leave behind."""
    return name.startswith((".", "~")) or name in ("__MACOSX", "$RECYCLE.BIN")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts names as people count: 2号 before 10号."""
    pieces = _NUMBERS.split(unicodedata.normalize("NFC", name).casefold())
    return (*((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces), (1, 0, name))


def _is_below(path: str, folder: str) -> bool:
    """Whether the real path `path` is `folder` or lies in it."""
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(os.path.join(folder, ""))


def _folded(real: str) -> str:
    """One key for names which only Windows or macOS take for the same; the same file always has the same key."""
    return unicodedata.normalize("NFC", real).casefold()
