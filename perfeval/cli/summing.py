"""The summary that `fill` writes beside its results."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from perfeval.cli.console import Console
from perfeval.errors import PerfevalError, UsageError
from perfeval.findings import Finding
from perfeval.render import clean

if TYPE_CHECKING:
    from perfeval.batch import Report
    from perfeval.pipeline import Options, Outcome
    from perfeval.planning import Plan, Skipped
    from perfeval.summary import Packed

__all__ = ["Summing", "summary_target", "summing_for"]

T = TypeVar("T")


def summary_target(target: Path, inputs: Sequence[Path], *, overwrite: bool) -> Path:
    """The file that `--summary` names; UsageError, before anything is made, where none can be written."""
    from perfeval.planning import refuse_inputs

    if target.is_dir():
        target = target / _file_name()
    if target.suffix.lower() != ".xlsx":
        raise UsageError(f"--summary 的文件名要以 .xlsx 结尾,写的是「{target.name}」。")
    place = target.resolve()
    if any(place.is_relative_to(path.resolve()) for path in filter(os.path.isdir, inputs)):
        raise UsageError(f"--summary 指定的「{target}」在输入文件夹里面,会被当成下一次的输入。请放到别的文件夹。")
    if overwrite:
        refuse_inputs((target,), inputs, "--summary")
    return target


def summing_for(plan: Plan, target: Path | None, out: Path, options: Options) -> Summing | None:
    """The summary of a run of `fill`: where it was asked for, and over more than one file."""
    results = [result for entry in plan.skipped if (result := _result(entry.finding)) is not None]
    if target is None:
        if len(plan.tasks) + len(results) < 2:
            return None
        target = out / _file_name()
    inputs = [task.path for task in plan.tasks] + [entry.path for entry in plan.skipped]
    results += [task.target for task in plan.tasks if task.target is not None]
    return Summing(target, options, inputs + results)


def _file_name() -> str:
    from perfeval.planning import SUMMARY

    return f"{SUMMARY}.xlsx"


class Summing:
    """The summary of a `fill`: gathers digests while the files go by, and is written at the end."""

    def __init__(self, target: Path, options: Options, kept: Sequence[Path] = ()) -> None:
        from perfeval.summary import Collection

        self.fault: str | None = None  # why it could not be written
        self._target = target
        self._options = options
        self._kept = kept  # inputs and results, which no option may replace
        self._collection = Collection()
        self._written: Path | None = None

    @staticmethod
    def reducing(reduce: Callable[[Outcome], T]) -> Callable[[Outcome], tuple[T, Any]]:
        """`reduce`, with the digest beside it."""
        from perfeval.summary import both

        return partial(both, reduce=reduce)

    def gathering(self, reports: Iterator[Report[tuple[T, Any]]]) -> Iterator[Report[tuple[T, Any]]]:
        """The reports as they come, once their digests are taken in."""
        with contextlib.closing(reports):  # type: ignore[type-var]  # a generator
            for report in reports:
                self._add(report.value[1])
                yield report

    def tell(self, console: Console, skipped: Sequence[Skipped], *, as_json: bool) -> None:
        """Write the summary, and say where it is or why it is not."""
        written = self.write(skipped)
        if self.fault is not None:
            console.message(f"汇总没有写成:{clean(self.fault)}")
        elif written is not None and not as_json:
            console.result(f"汇总:{clean(str(written))}\n")

    def write(self, skipped: Sequence[Skipped]) -> Path | None:
        """Write the summary over this run and the earlier results it left alone; None when that cannot be."""
        if self._written is None and self.fault is None:
            if not self._collection.files and not self._options.overwrite:
                self._written = self._standing(skipped)
            if self._written is None:
                self._add_earlier(skipped)
                try:
                    self._written = None if self.fault else self._put()
                except PerfevalError as error:
                    self.fault = str(error)
        return self._written

    def _standing(self, skipped: Sequence[Skipped]) -> Path | None:
        """The newest summary there is, when no result is newer: nothing was done, so it holds everything already."""
        there = list(takewhile(Path.is_file, self._names()))
        results = (result for entry in skipped if (result := _result(entry.finding)) is not None)
        try:
            newest = max((result.stat().st_mtime_ns for result in results), default=0)
            return there[-1] if there and there[-1].stat().st_mtime_ns >= newest else None
        except OSError:
            return None

    def _put(self) -> Path:
        from perfeval.planning import input_among
        from perfeval.summary import rendered, summarise, write, write_free

        files = rendered(summarise(self._collection), self._target)
        if self._options.overwrite:
            name = next(name for name in self._names() if input_among((name,), self._kept) is None)
            files = {name: files[self._target]}
            write(files, overwrite=True)
        else:  # the same under any name in its folder
            files = write_free({name: files[self._target]} for name in self._names())
        return next(iter(files))

    def _names(self) -> Iterator[Path]:
        """What the summary may be called; an earlier one is never overwritten unasked."""
        from perfeval.planning import numbered_names

        return map(self._target.with_name, numbered_names(self._target.name))

    def _add_earlier(self, skipped: Sequence[Skipped]) -> None:
        """Read once more the files that were skipped because their results are there."""
        from perfeval import batch
        from perfeval.planning import Task
        from perfeval.summary import digested

        results = {entry.path: result for entry in skipped if (result := _result(entry.finding)) is not None}
        tasks = [Task(path) for path in results]
        for report in batch.run(tasks, self._options, digested, jobs=batch.default_jobs(len(tasks))):
            self._add(report.value, str(results[report.path]))

    def _add(self, digest: Packed, output: str | None = None) -> None:
        """Take in a file; a summary that has become impossible stops no form from being done."""
        if self.fault is None:
            try:
                self._collection.take(digest, output)
            except PerfevalError as error:
                self.fault = str(error)


def _result(finding: Finding) -> Path | None:
    """The earlier result that a skipped file's finding speaks of."""
    key = {"OUT005": "path", "BAT007": "output"}.get(finding.code)
    return None if key is None else Path(finding.params[key])
