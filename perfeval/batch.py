"""Many files, one after another or over several processes, with results in order and flat memory.

Each worker hands back only what the caller's `reduce` makes of an outcome (a line of JSON, some lines of text), because
sending whole forms between processes would cost as much as scoring them. One bad file never stops the run: a
fault of ours becomes a SYS finding of that file, and a worker that dies is found out and named. A few files at a time
go through the stages of the work together, which costs less than one after another (see `perfeval.stages`).
"""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from perfeval import pipeline
from perfeval.errors import PerfevalError, traced
from perfeval.files import holds
from perfeval.findings import Finding
from perfeval.pipeline import Options, Outcome
from perfeval.planning import Task
from perfeval.record import record
from perfeval.stages import Staged, Turn, finished, together

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from perfeval.ledger import Entry

__all__ = ["Report", "default_jobs", "do", "run"]

T = TypeVar("T")

_CHUNK = 8  # files done together, once there are enough of them
_AHEAD = 4  # chunks per worker that may wait: keeps workers busy and memory flat
_WORTH_A_PROCESS = 16  # starting a worker costs about as much as this many files
_MOST_PROCESSES = 61  # more are refused by Windows


@record(frozen=True, slots=True)
class Report(Generic[T]):
    """What came of one file."""

    path: Path
    status: str  # of the outcome: "ok" "warning" "error" "failed"
    codes: tuple[str, ...]  # of its findings
    bug: str | None  # the traceback, when the fault was ours
    value: T  # what `reduce` made of the outcome
    entry: Entry | None = None  # its record, when the run keeps a ledger and the file could be read


def default_jobs(tasks: int) -> int:
    """As many processes as there are processors this program may use, but no more than are worth starting."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, tasks // _WORTH_A_PROCESS))


def do(task: Task, options: Options) -> Outcome:
    """Do one file: write its result when it has a target, and add what planning had to say."""
    return finished(_doing(task, options))


def _doing(task: Task, options: Options) -> Staged[Outcome]:
    if task.fault:
        return Outcome(task.path, findings=task.findings)
    if task.target is None:
        outcome = yield from pipeline.inspecting(task.path, options)
    elif task.older:
        outcome, kept = yield from _filled_beside(task.path, task.target, task.older, options)
        if kept:
            return outcome
    else:
        outcome = yield from pipeline.filling(task.path, task.target, options)
    if task.target is not None and outcome.output is None:
        return outcome  # what planning has to say is about the name of the result
    return replace(outcome, findings=(*outcome.findings, *task.findings)) if task.findings else outcome


def _filled_beside(path: Path, target: Path, older: Sequence[Path], options: Options) -> Staged[tuple[Outcome, bool]]:
    """Fill a file whose result has a name of its own only because the rightful one is taken.

    When one of the `older` results is the same to the byte (the run before was cut off, or its ledger lost), that one
    is the result, and True is returned with it: a copy under another name would help nobody.
    """
    outcome, result = yield from pipeline.producing(path, options)
    if result is None:
        return outcome, False
    for candidate in older:
        if holds(candidate, result):
            return replace(outcome, output=candidate, output_digest=hashlib.sha256(result).hexdigest()), True
    return pipeline.store(outcome, target, result, overwrite=options.overwrite), False


def run(
    tasks: Sequence[Task],
    options: Options,
    reduce: Callable[[Outcome], T],
    *,
    jobs: int = 1,
    executor: Callable[[int], Executor] | None = None,
    record: str | None = None,
) -> Iterator[Report[T]]:
    """Do all `tasks`, yielding their reports in order as they come; `reduce` must be importable by a worker.

    `executor` makes another engine than processes, from the number of jobs. `record` asks for an entry of the ledger
    with each report, under this key of the options. On Ctrl-C the files under way are
    finished and KeyboardInterrupt is raised; PerfevalError (a pack that does not load) ends the run as well.
    """
    work = partial(_reports, options=options, reduce=reduce, record=record)
    jobs = max(1, min(jobs, len(tasks), _MOST_PROCESSES))
    size = max(1, min(_CHUNK, len(tasks) // (jobs * _AHEAD)))  # few files: every process gets some of them
    waiting = iter([tuple(tasks[start : start + size]) for start in range(0, len(tasks), size)])
    if jobs == 1:
        for chunk in waiting:
            yield from _told(work(chunk))
        return
    start = executor or _processes
    while undone := (yield from _pooled(work, waiting, jobs, start)):
        # A worker died, and with it every file under way: one at a time, the one that kills shows itself.
        for task in undone:
            yield from _told(_alone(work, task, start, reduce))


_Chunk = tuple[Task, ...]
_Reports = list[Report[T] | PerfevalError]


def _told(reports: _Reports[T]) -> Iterator[Report[T]]:
    """The reports up to an error that ends the run: what was done before it is told first."""
    for report in reports:
        if isinstance(report, PerfevalError):
            raise report
        yield report


def _pooled(
    work: Callable[[_Chunk], _Reports[T]],
    waiting: Iterator[_Chunk],
    jobs: int,
    start: Callable[[int], Executor],
) -> Generator[Report[T], None, list[Task]]:
    """Run the waiting chunks over a pool; returns the tasks left undone because a worker died."""
    from concurrent.futures import BrokenExecutor  # slow to load, and one file needs no processes

    under_way: deque[_Chunk] = deque()
    futures: deque[Future[_Reports[T]]] = deque()
    pool = start(jobs)
    try:
        while True:
            for chunk in islice(waiting, jobs * _AHEAD - len(under_way)):
                under_way.append(chunk)  # before it is handed over: a pool that breaks here must not lose it
                futures.append(pool.submit(work, chunk))
            if not futures:
                return []
            reports = futures[0].result()
            futures.popleft()
            under_way.popleft()
            yield from _told(reports)
    except BrokenExecutor:
        return [task for chunk in under_way for task in chunk]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _alone(
    work: Callable[[_Chunk], _Reports[T]],
    task: Task,
    start: Callable[[int], Executor],
    reduce: Callable[[Outcome], T],
) -> _Reports[T]:
    """One task in a worker of its own; if that dies too, this file is the one."""
    from concurrent.futures import BrokenExecutor

    pool = start(1)
    try:
        return pool.submit(work, (task,)).result()
    except BrokenExecutor:
        died = Finding("SYS002", params={"path": str(task.path)})
        return [_report(Outcome(task.path, findings=(died,)), reduce)]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _processes(jobs: int) -> Executor:
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(jobs, initializer=_begin_worker)


def _begin_worker() -> None:
    """Ctrl-C reaches the whole process group: a worker finishes its file, the parent decides what comes next.

    A parent that is killed decides nothing any more; its workers would wait for work for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _reports(tasks: _Chunk, options: Options, reduce: Callable[[Outcome], T], record: str | None) -> _Reports[T]:
    reports = together([_reporting(task, options, reduce, record) for task in tasks])
    if len(tasks) > 1:
        _settle()
    return reports


@cache
def _settle() -> None:
    """Packs and code are loaded and stay: looking for garbage among them took a tenth of the time."""
    gc.collect()
    gc.freeze()


def _reporting(
    task: Task, options: Options, reduce: Callable[[Outcome], T], record: str | None
) -> Staged[Report[T] | PerfevalError]:
    before = _state(task.path) if record is not None else None
    try:
        outcome = yield from _doing(task, options)
    except PerfevalError as error:
        return error
    yield Turn.PASS
    report = _report(outcome, reduce)
    if record is None or before is None or not outcome.digest:  # the file could not be read
        return report
    from perfeval.ledger import entry_of  # only where a ledger is kept

    return replace(report, entry=entry_of(outcome, record, before))


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _report(outcome: Outcome, reduce: Callable[[Outcome], T]) -> Report[T]:
    try:
        value = reduce(outcome)
    except Exception as error:  # rendering one file must not stop the others either
        fault = Finding("SYS001", params={"path": str(outcome.path), "error": f"{type(error).__name__}: {error}"})
        bug = traced(error)
        outcome = Outcome(outcome.path, outcome.output, findings=(fault,), bug=bug)
        value = reduce(outcome)
    codes = tuple(finding.code for finding in outcome.findings)
    return Report(outcome.path, outcome.status, codes, outcome.bug, value)
