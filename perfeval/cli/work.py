"""The main job: `fill` and `check`, over files and folders."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from perfeval.cli import buglog
from perfeval.cli.console import Console
from perfeval.cli.words import PATH, Command
from perfeval.errors import ExitCode
from perfeval.render import clean, closing_line, finding_lines, outcome_text

if TYPE_CHECKING:
    from perfeval.batch import Report
    from perfeval.cli.records import Records
    from perfeval.cli.summing import Summing
    from perfeval.pipeline import Options, Outcome
    from perfeval.planning import Plan

__all__ = ["check", "exit_code_of", "fill", "options_of", "pack_options"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

# The environment stood in the way, not the form: the exit code says so.
_PATH_FAULTS = frozenset(("OUT001", "OUT002", "OUT003", "OUT004", "BAT002", "BAT003", "BAT012", "BAT014"))
_DONE_BEFORE = frozenset(("OUT005", "BAT007"))
_MOST_REMARKS = 5  # of one kind; thousands would bury the closing line


def pack_options(function: F) -> F:
    """`--pack`, `--templates` and `--password`, which every command that reads a form has."""
    for option in (
        click.option(
            "--password", metavar="密码", envvar="PERFEVAL_PASSWORD", show_envvar=True, help="加密表格的密码。"
        ),
        click.option("--templates", type=PATH, metavar="DIR", help="另放评分体系的文件夹,优先于自带的。"),
        click.option("--pack", metavar="ID", help="用哪个评分体系;不写则按表格内容识别。"),
    ):
        function = option(function)
    return function


def options_of(
    pack: str | None, templates: Path | None, password: str | None, *, mark: bool = True, overwrite: bool = False
) -> Options:
    """The options of a run; a pack that does not exist or does not load is said at once."""
    from perfeval.pipeline import Options, layouts_of

    options = Options(pack=pack, templates=templates, mark=mark, password=password, overwrite=overwrite)
    if pack is not None:
        layouts_of(options)
    return options


@click.command(cls=Command, short_help="检查、计分,写出完成的评分表。")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=PATH)
@click.option("--out", required=True, type=PATH, metavar="DIR", help="结果放在哪个文件夹。")
@pack_options
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="同时用几个进程;不写则自动。")
@click.option(
    "--on-exists",
    type=click.Choice(("suffix", "skip", "overwrite")),
    default="suffix",
    show_default=True,
    help="已有结果时:另存、跳过、覆盖。",
)
@click.option("--force", is_flag=True, help="没有变化的文件也重做。")
@click.option(
    "--findings",
    type=click.Choice(("sheet", "none")),
    default="sheet",
    show_default=True,
    help="结果里是否附问题清单。",
)
@click.option("--summary", type=PATH, metavar="FILE", help="汇总写到哪里;不写则 DIR/汇总.xlsx。")
@click.option("--json", "as_json", is_flag=True, help="只输出 JSON,供其他程序读取。")
def fill(
    paths: tuple[Path, ...],
    out: Path,
    pack: str | None,
    templates: Path | None,
    password: str | None,
    jobs: int | None,
    on_exists: str,
    force: bool,
    findings: str,
    summary: Path | None,
    as_json: bool,
) -> ExitCode:
    """读取填好的表格,检查、计分,写出完成的评分表。

    PATH 是文件或文件夹(连同子文件夹)。每个文件的结果
    放在 DIR 下,名为「原名_评分表.xlsx」;原文件不改动。
    再次运行时,上次做完又没有变化的文件会跳过。
    多于一个文件时另写一份汇总。
    """
    from perfeval.cli.records import Records
    from perfeval.cli.summing import summary_target, summing_for
    from perfeval.planning import OnExists, plan_fill

    overwrite = on_exists == "overwrite"
    options = options_of(pack, templates, password, mark=findings == "sheet", overwrite=overwrite)
    target = None if summary is None else summary_target(summary, paths, overwrite=overwrite)
    records = Records(out, options, force=force)
    plan = plan_fill(paths, out, OnExists(on_exists), records.result_of)
    summing = summing_for(plan, target, out, options)
    return process(plan, options, jobs=jobs, as_json=as_json, log_folder=out, records=records, summing=summing)


@click.command(cls=Command, short_help="只检查和计分,不写文件。")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=PATH)
@pack_options
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="同时用几个进程;不写则自动。")
@click.option("--json", "as_json", is_flag=True, help="只输出 JSON,供其他程序读取。")
def check(
    paths: tuple[Path, ...],
    pack: str | None,
    templates: Path | None,
    password: str | None,
    jobs: int | None,
    as_json: bool,
) -> ExitCode:
    """读取填好的表格,检查、计分,列出问题,不写任何文件。

    PATH 是文件或文件夹(连同子文件夹)。
    """
    from perfeval.planning import plan_check

    return process(plan_check(paths), options_of(pack, templates, password), jobs=jobs, as_json=as_json)


def process(
    plan: Plan,
    options: Options,
    *,
    jobs: int | None,
    as_json: bool,
    log_folder: Path | None = None,
    records: Records | None = None,
    summing: Summing | None = None,
) -> ExitCode:
    """Do the plan, print what came of it, and say how it ended."""
    from perfeval import batch

    console = Console()
    run = _Run(console, len(plan.tasks), log_folder, records)
    reduce: Callable[[Outcome], str] = partial(outcome_text, look=console.look)
    if as_json:
        from perfeval.jsonout import document, file_text

        reduce = file_text
    key = None if records is None else records.options
    jobs = jobs or batch.default_jobs(len(plan.tasks))
    stops = log_folder is None
    if summing is None:
        texts = run.follow(
            batch.run(plan.tasks, options, reduce, jobs=jobs, record=key), str, stops_without_reader=stops
        )
    else:
        both = batch.run(plan.tasks, options, summing.reducing(reduce), jobs=jobs, record=key)
        texts = run.follow(summing.gathering(both), itemgetter(0), stops_without_reader=stops)
    rest = partial(_rest, plan, run, summing, writes=records is not None)
    with run.interruptible():
        for piece in document(texts, rest) if as_json else texts:
            console.result(piece)
    console.finish()
    if summing is not None and not run.interrupted:
        summing.tell(console, plan.skipped, as_json=as_json)
    for line in (*_skipped_lines(plan), *run.remarks()):
        console.message(line)
    if not as_json and not run.interrupted:
        console.result(closing_line(run.counts, _already_done(plan)) + "\n")
    if run.interrupted:
        console.message(
            f"已中断:做完 {run.done}/{len(plan.tasks)} 个,没有留下不完整的文件。"
            + ("重新运行同一条命令,会接着做没做完的。" if log_folder is not None else "")
        )
    if run.log is not None:
        console.message(f"程序自身出错,详情已记入「{clean(str(run.log))}」,请把它发给维护人员。")
    code = run.exit_code(nothing_found=not plan.tasks and not _already_done(plan))
    unwritten = summing is not None and summing.fault is not None
    return ExitCode.PATH if unwritten and code in (ExitCode.DONE, ExitCode.FOUND_ERRORS) else code


class _Run:
    """Keeps count while the files go by."""

    def __init__(self, console: Console, total: int, log_folder: Path | None, records: Records | None) -> None:
        self.counts: Counter[str] = Counter()
        self.done = 0
        self.interrupted = False
        self.log: Path | None = None
        self._codes: set[str] = set()
        self._console = console
        self._total = total
        self._log_folder = log_folder
        self._records = records

    def follow(
        self, reports: Iterator[Report[T]], text_of: Callable[[T], str], *, stops_without_reader: bool
    ) -> Iterator[str]:
        """Pass on the text of each report, in order, until the end or Ctrl-C."""
        try:
            for report in reports:
                self._count(report)
                yield text_of(report.value)
                if self._total > 1:
                    self._console.progress(self.done, self._total)
                if self.interrupted or (self._console.reader_gone and stops_without_reader):
                    return
        finally:
            if self._records is not None:
                self._records.save()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """The first Ctrl-C or SIGTERM lets the files under way finish; a second one ends at once."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        def first_time(_number: int, _frame: FrameType | None) -> None:
            self.interrupted = True
            restore()

        if threading.current_thread() is not threading.main_thread():
            yield  # signals belong to the main thread
            return
        for number in before:
            signal.signal(number, first_time)
        try:
            yield
        finally:
            restore()

    def _count(self, report: Report[Any]) -> None:
        self.done += 1
        self.counts[report.status] += 1
        self._codes.update(report.codes)
        if report.bug is not None:
            self.log = buglog.record(report.bug, str(report.path), self._log_folder)
        if self._records is not None:
            self._records.keep(report)

    def remarks(self) -> Iterator[str]:
        """What the ledger has to say, the first of each kind in full."""
        told: Counter[str] = Counter()
        for finding in () if self._records is None else self._records.remarks():
            told[finding.code] += 1
            if told[finding.code] <= _MOST_REMARKS:
                yield from finding_lines(finding)
        for code_id, number in told.items():
            if number > _MOST_REMARKS:
                yield f"……{code_id} 还有 {number - _MOST_REMARKS} 处。"

    def exit_code(self, *, nothing_found: bool) -> ExitCode:
        """The gravest of what happened."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if nothing_found:
            return ExitCode.PATH
        skipped = 0 if self._records is None else self._records.faulty
        return exit_code_of(self._codes, faulty=bool(self.counts["error"] or self.counts["failed"] or skipped))


def exit_code_of(codes: Collection[str], *, faulty: bool) -> ExitCode:
    """The gravest of what the findings `codes` stand for; `faulty`: some file has an 错误 or could not be read."""
    if any(code.startswith("SYS") for code in codes):
        return ExitCode.BUG
    if not _PATH_FAULTS.isdisjoint(codes):
        return ExitCode.PATH
    return ExitCode.FOUND_ERRORS if faulty else ExitCode.DONE


def _already_done(plan: Plan) -> int:
    return sum(entry.finding.code in _DONE_BEFORE for entry in plan.skipped)


def _skipped_lines(plan: Plan) -> Iterator[str]:
    """What was left alone, each with its reason; results that are already there only by number."""
    for entry in plan.skipped:
        if entry.finding.code not in _DONE_BEFORE:
            yield from finding_lines(entry.finding)
    skipped = Counter(entry.finding.code for entry in plan.skipped)
    if number := skipped["BAT007"]:
        yield f"跳过 {number} 个上次做完、没有变化的文件;如需重做,请加 --force。"
    if number := skipped["OUT005"]:
        yield f"跳过 {number} 个已有结果的文件(--on-exists skip);如需重做,请用 --on-exists overwrite。"


def _rest(plan: Plan, run: _Run, summing: Summing | None, *, writes: bool) -> dict[str, Any]:
    """What the JSON says besides `files`; for a run that only looks nothing in the ordinary case."""
    from perfeval.jsonout import finding_object

    rest: dict[str, Any] = {}
    if writes:
        rest["summary"] = None
    if plan.skipped or writes:
        rest["skipped"] = [{"path": str(entry.path), **finding_object(entry.finding)} for entry in plan.skipped]
    if run.interrupted:
        rest["interrupted"] = True
    elif summing is not None:
        written = summing.write(plan.skipped)
        rest["summary"] = None if written is None else str(written)
    return rest
