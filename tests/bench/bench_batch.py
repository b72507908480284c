"""Thousands of workbooks in one run: time, memory, and whether both grow as they should.

    python tests/bench/bench_batch.py [--sizes 1000 2000 5000 10000] [--jobs 2] [--plain 6] [--clean]

Runs the command itself, with ledger and summary, over ever more files with several processes, and over the fewest and
the most with one; then once more over what is done already, and through the hot folder. Printed are time on the clock
and processor time of the main process and its workers – on a machine with other work only the latter can be compared –,
what the summary takes of both, and memory. Memory is that of all processes together, looked at five times a second:
proportional set size (pages in common counted once), and resident size, which counts them for every process. The
ordinary openpyxl script is timed on a few of the files. The forms are those of the real sample, which get marked with
all that is wrong in them; with `--clean`, of one that has nothing to correct.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_fill import INBOX
from openpyxl_script import ordinary

from perfeval.pipeline import Options, inspect

MARKED, CLEAN = next(INBOX.rglob("*招商*.xlsx")), next(INBOX.rglob("*图书馆*.xlsx"))
_RESULT = re.compile("([0-9]+)(家|个|场次|人|条)".encode())
_CHARACTER = re.compile(rb"&#([0-9]{4,6});")


def _spelt_out(found: re.Match[bytes]) -> bytes:
    return chr(int(found[1])).encode()


_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Point:
    """What the processes of a run use at one moment."""

    seconds: float  # since the start
    main_processor: float  # seconds of the main process
    workers_processor: float  # … and of the workers that have ended
    workers: int  # how many there are
    proportional: float  # MB, all processes
    resident: float  # MB, all processes


@dataclass(frozen=True)
class Run:
    """One command from start to end."""

    seconds: float
    main_processor: float
    workers_processor: float
    points: Sequence[Point]

    @property
    def processor(self) -> float:
        return self.main_processor + self.workers_processor

    @property
    def files(self) -> Sequence[Point]:
        """The points while files were done: what comes after the workers is the summary."""
        last = max((number for number, point in enumerate(self.points) if point.workers), default=-1)
        return self.points[: last + 1]


def generate(sample: Path, folder: Path, count: int) -> None:
    """`count` forms of different units and projects; `sample` with other words in it, without any library."""
    form = inspect(sample, Options()).forms[0].form
    unit, project = form.text("unit_name").encode(), form.text("project").encode()
    chance = random.Random(2024)

    def vary(value: int) -> int:
        return max(1, int(value * chance.uniform(0.9, 1.3)))

    with zipfile.ZipFile(sample) as book:
        # openpyxl spells 汉字 as numbers
        parts = {info.filename: _CHARACTER.sub(_spelt_out, book.read(info)) for info in book.infolist()}
    for number in range(count):
        target = folder / f"单位{number % 200:03d}" / f"项目{number:05d}.xlsx"
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
            for name, data in parts.items():
                if name.endswith(".xml"):
                    data = data.replace(unit, f"单位{number % 200:03d}局".encode())
                    data = data.replace(project, f"第{number:05d}号专项经费".encode())
                    if sample == MARKED:
                        data = _RESULT.sub(lambda found: b"%d%s" % (vary(int(found[1])), found[2]), data)
                book.writestr(name, data)


def measured(*arguments: str) -> Run:
    """Run the command and watch it."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "perfeval", *arguments], stdout=subprocess.DEVNULL, stderr=errors
        )
        points: list[Point] = []
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            points.append(look(process.pid, time.perf_counter() - begin))
            time.sleep(0.2)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode not in (0, 1):
            errors.seek(0)
            raise SystemExit(errors.read().decode())
    workers = points[-1].workers_processor
    return Run(seconds, ended[2].ru_utime + ended[2].ru_stime - workers, workers, points)


def look(pid: int, seconds: float) -> Point:
    """The processes of a run at this moment."""
    everyone = list(family(pid))
    memory = [memory_of(process) for process in everyone]
    # After the name in brackets: user and system time of the process, then those of its children that have ended.
    times = read(f"/proc/{pid}/stat").rpartition(")")[2].split()[11:15] or ["0"] * 4
    own_user, own_system, user, system = (int(ticks) / _TICKS for ticks in times)
    return Point(
        seconds,
        own_user + own_system,
        user + system,
        len(everyone) - 1,
        sum(proportional for proportional, _ in memory),
        sum(resident for _, resident in memory),
    )


def family(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in read(path).split():
            yield from family(int(child))


def memory_of(pid: int) -> tuple[float, float]:
    """MB that a process uses: its share of what it has in common with others, and all it has."""
    found = dict.fromkeys(("Pss", "Rss"), 0)
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        key, _, rest = line.partition(":")
        if key in found:
            found[key] = int(rest.split()[0])
    return found["Pss"] / 1024, found["Rss"] / 1024


def read(path: str | Path) -> str:
    """A file of /proc; "" once the process has gone."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def show(name: str, run: Run, count: int) -> None:
    """One line on speed, one on memory."""
    rate, cost = count / run.seconds, run.processor / count * 1000
    print(
        f"{name:<32}{run.seconds:7.1f} s {rate:6.0f}/s   processor {run.processor:6.1f} s = main "
        f"{run.main_processor:5.1f} + workers {run.workers_processor:6.1f}, {cost:5.2f} ms a file"
    )
    files = run.files or run.points
    spots = [files[min(len(files) - 1, len(files) * tenth // 10)] for tenth in (2, 4, 6, 8, 10)]
    peak, resident = max(p.proportional for p in run.points), max(p.resident for p in run.points)
    line = f"    MB at 20, 40 … 100 %: {' '.join(f'{spot.proportional:.0f}' for spot in spots)}"
    line += f"   peak {peak:.0f} ({resident:.0f} resident)"
    if after := run.points[len(files) :]:
        clock, work = run.seconds - files[-1].seconds, run.main_processor - files[-1].main_processor
        line += f"   summary {clock:.1f} s = {clock / run.seconds:.0%}, processor {work:.1f} s, "
        line += f"{max(point.proportional for point in after):.0f} MB"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 5000, 10_000])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--plain", type=int, default=6, help="files for the slow openpyxl script")
    parser.add_argument("--clean", action="store_true", help="forms without anything to correct")
    options = parser.parse_args()
    sizes, jobs = sorted(options.sizes), options.jobs
    few, many = sizes[0], sizes[-1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs: dict[tuple[int, int], Run] = {}
        for count in sizes:
            generate(CLEAN if options.clean else MARKED, folder / str(count), count)
            for processes in {1: None, jobs: None} if count in (few, many) else (jobs,):
                out = folder / f"out{count}-{processes}"
                run = measured("fill", str(folder / str(count)), "--out", str(out), "--jobs", str(processes))
                written = sum(1 for _ in out.rglob("*_评分表.xlsx"))
                assert written == count, f"{written} of {count} written"
                show(f"{count} files, {processes} process(es)", run, count)
                runs[count, processes] = run
        again = folder / f"out{many}-{jobs}"
        show("again, nothing changed", measured("fill", str(folder / str(many)), "--out", str(again)), many)
        shutil.copytree(folder / str(few), folder / "inbox")
        watching = ("watch", str(folder / "inbox"), "--out", str(folder / "watched"), "--once", "--settle", "0")
        show(f"watch --once, {few} files", measured(*watching), few)
        paths = sorted((folder / str(few)).rglob("*.xlsx"))[: options.plain]
        clock, work = time.perf_counter(), time.process_time()
        for number, path in enumerate(paths):
            ordinary(path, folder / f"plain{number}.xlsx")
        plain_clock, plain_work = (time.perf_counter() - clock) / len(paths), (time.process_time() - work) / len(paths)
    best, small, alone = runs[many, jobs], runs[few, jobs], runs[many, 1]
    print(f"\n{jobs} processes against one: {alone.seconds / best.seconds:.2f}x as fast")
    print(
        f"cost of a file, {many} against {few} files: {best.seconds / many / (small.seconds / few):.2f}x on the clock, "
        f"{best.processor / many / (small.processor / few):.2f}x of the processor"
    )
    print(
        f"ordinary openpyxl script: {plain_work * 1000:.0f} ms a file; for {many} files {plain_clock * many:.0f} s, "
        f"{plain_clock * many / best.seconds:.0f}x as long, {plain_work * many / best.processor:.0f}x as much work"
    )


if __name__ == "__main__":
    main()
