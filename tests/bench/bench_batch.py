"""Thousands of workbooks in one run: time, memory, and whether both grow as they should.

    python tests/bench/bench_batch.py [--files 10000] [--jobs 2] [--plain 6]

Runs the command itself, with ledger and summary, over a tenth of the files and over all, with one process and with
several; then once more over what is done already; and through the hot folder. Memory is that of all processes
together (proportional set size), looked at five times a second. The ordinary openpyxl script is timed on a few files.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench_fill import INBOX, ordinary

SAMPLE = next(INBOX.rglob("*招商*.xlsx"))
_RESULT = re.compile("([0-9]+)(家|个|场次|人|条)".encode())
_CHARACTER = re.compile(rb"&#([0-9]{4,6});")


def _spelt_out(found: re.Match[bytes]) -> bytes:
    return chr(int(found[1])).encode()


@dataclass(frozen=True)
class Run:
    seconds: float
    peak: float  # MB, all processes
    early: float  # MB, mean of the second tenth of the run
    late: float  # MB, mean of the last third before the summary begins


def generate(folder: Path, count: int) -> None:
    """`count` forms of different units and projects; the sample with other words in it, without any library."""
    chance = random.Random(2024)

    def vary(value: int) -> int:
        return max(1, int(value * chance.uniform(0.9, 1.3)))

    with zipfile.ZipFile(SAMPLE) as book:
        # openpyxl spells 汉字 as numbers
        parts = {info.filename: _CHARACTER.sub(_spelt_out, book.read(info)) for info in book.infolist()}
    for number in range(count):
        target = folder / f"单位{number % 200:03d}" / f"项目{number:05d}.xlsx"
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
            for name, data in parts.items():
                if name.endswith(".xml"):
                    data = data.replace("江门市投资促进局".encode(), f"单位{number % 200:03d}局".encode())
                    data = data.replace("招商引资专项经费".encode(), f"第{number:05d}号专项经费".encode())
                    data = _RESULT.sub(lambda found: b"%d%s" % (vary(int(found[1])), found[2]), data)
                book.writestr(name, data)


def measured(*arguments: str) -> Run:
    """Run the command and watch its memory."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "perfeval", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    samples: list[float] = []
    watching = threading.Thread(target=lambda: samples.extend(memory(process)))
    watching.start()
    _, errors = process.communicate()
    seconds = time.perf_counter() - begin
    watching.join()
    if process.returncode not in (0, 1):
        raise SystemExit(errors)
    files = samples[: -max(1, len(samples) // 5)] or samples
    tenth = max(1, len(files) // 10)
    early, late = files[tenth : 2 * tenth] or files, files[-3 * tenth :]
    return Run(seconds, max(samples), sum(early) / len(early), sum(late) / len(late))


def memory(process: subprocess.Popen[str]) -> Iterator[float]:
    while process.poll() is None:
        yield sum(map(proportional, family(process.pid))) / 1024
        time.sleep(0.2)


def family(pid: int) -> Iterator[int]:
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def proportional(pid: int) -> int:
    """KB of memory that `pid` uses, its share of what it has in common with others."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def show(name: str, run: Run, count: int) -> None:
    rate = count / run.seconds
    print(
        f"{name:<34}{run.seconds:8.1f} s {rate:7.0f}/s   peak {run.peak:5.0f} MB   early {run.early:5.0f}   "
        f"late {run.late:5.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--plain", type=int, default=6, help="files for the slow openpyxl script")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = max(1, options.files // 10), options.files
        for count in (few, many):
            generate(folder / str(count), count)
        jobs = str(options.jobs)
        runs = {}
        for count, processes in ((few, "1"), (few, jobs), (many, "1"), (many, jobs)):
            out = folder / f"out{count}-{processes}"
            run = measured("fill", str(folder / str(count)), "--out", str(out), "--jobs", processes)
            runs[count, processes] = run
            written = sum(1 for _ in out.rglob("*_评分表.xlsx"))
            assert written == count, f"{written} of {count} written"
            show(f"fill {count} files, {processes} process(es)", run, count)
        again = measured("fill", str(folder / str(many)), "--out", str(folder / f"out{many}-{jobs}"), "--jobs", jobs)
        show(f"fill again, nothing changed ({many})", again, many)
        shutil.copytree(folder / str(few), folder / "inbox")
        watched = measured("watch", str(folder / "inbox"), "--out", str(folder / "watched"), "--once", "--settle", "0")
        show(f"watch --once, {few} files", watched, few)
        paths = sorted((folder / str(few)).rglob("*.xlsx"))[: options.plain]
        begin = time.perf_counter()
        for number, path in enumerate(paths):
            ordinary(path, folder / f"plain{number}.xlsx")
        plain = (time.perf_counter() - begin) / len(paths)
    best = runs[many, jobs]
    print(f"\n{jobs} processes against one: {runs[many, '1'].seconds / best.seconds:.2f}x")
    print(f"cost of a file, {many} against {few} files: {best.seconds / many / (runs[few, jobs].seconds / few):.2f}x")
    print(f"ordinary openpyxl script: {plain * 1000:.0f} ms a file, {plain * many / best.seconds:.0f}x as long")


if __name__ == "__main__":
    main()
