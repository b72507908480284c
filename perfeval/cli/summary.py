"""`perfeval summary`: many forms as one workbook; and what `new --roster` does with a roster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfeval.cli import buglog
from perfeval.cli.console import Console
from perfeval.cli.words import PATH, Command
from perfeval.cli.work import exit_code_of, options_of, pack_options
from perfeval.errors import ExitCode, PathError, UsageError
from perfeval.findings import Finding
from perfeval.render import clean, closing_line, finding_lines

if TYPE_CHECKING:
    from perfeval.pack import Pack
    from perfeval.pipeline import Outcome
    from perfeval.roster import Roster

__all__ = ["hand_out_all", "summary"]

_UNREAD = frozenset(("BAT002", "BAT003"))
_MOST_REMARKS = 20  # of one kind; the sheets of the summary hold all


@click.command(cls=Command, short_help="把许多评分表汇总成一个工作簿。")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=PATH)
@click.option("--out", required=True, type=PATH, metavar="FILE", help="汇总写到哪个文件。")
@click.option("--roster", type=PATH, metavar="FILE", help="名册;据此列出缺报名单。")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("xlsx", "csv", "json")),
    help="汇总的格式;不写则看 FILE 的扩展名。",
)
@pack_options
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="同时用几个进程;不写则自动。")
@click.option(
    "--on-exists",
    type=click.Choice(("suffix", "overwrite")),
    default="suffix",
    show_default=True,
    help="文件已存在时:另存、覆盖。",
)
def summary(
    paths: tuple[Path, ...],
    out: Path,
    roster: Path | None,
    format_: str | None,
    pack: str | None,
    templates: Path | None,
    password: str | None,
    jobs: int | None,
    on_exists: str,
) -> ExitCode:
    """汇总填好的或已完成的评分表:排名、资金、指标、
    未达标原因、问题清单和图表。

    PATH 是文件或文件夹(连同子文件夹)。单位、项目、年度
    相同的只计入最新的一份。有名册时另列缺报名单。
    csv 每张表一个文件,json 全部在一个文件里。
    """
    from perfeval import batch
    from perfeval.planning import numbered_names, plan_check, refuse_inputs
    from perfeval.summary import Collection, both, rendered, summarise, write, write_free

    target, kind = _target(out, format_)
    options = options_of(pack, templates, password)
    console = Console()
    listed = None if roster is None else open_roster(console, roster, password)
    plan = plan_check(paths)
    inputs = [*paths, *(task.path for task in plan.tasks), *(entry.path for entry in plan.skipped)]
    inputs += [] if roster is None else [roster]
    if on_exists == "overwrite":
        refuse_inputs((target,), inputs)
    collection, codes = Collection(), Counter[str]()
    faults: list[Finding] = []
    log: Path | None = None
    reduce = partial(both, reduce=_unread)
    jobs = jobs or batch.default_jobs(len(plan.tasks))
    for number, report in enumerate(batch.run(plan.tasks, options, reduce, jobs=jobs), 1):
        unread, digest = report.value
        faults += unread
        collection.take(digest)
        if not digest.own:
            codes.update(report.codes)
        if report.bug is not None:
            log = buglog.record(report.bug, str(report.path)) or log
        console.progress(number, len(plan.tasks))
    console.finish()
    for entry in plan.skipped:
        console.message("\n".join(finding_lines(entry.finding)))
    for line in remarks(faults):
        console.message(line)
    if len(faults) == collection.files.total():  # nothing could be read
        return ExitCode.PATH
    made = summarise(collection, listed)
    for line in remarks(made.findings):
        console.message(line)
    if on_exists == "overwrite":
        files = rendered(made, target, kind)
        refuse_inputs(files, inputs)  # CSV is several files
        write(files, overwrite=True)
    else:  # none of them may be there with something else in it
        files = write_free(rendered(made, target.with_name(name), kind) for name in numbered_names(target.name))
    for path in files:
        console.result(f"{clean(str(path))}\n")
    console.result(closing_line(collection.files) + "\n")
    if log is not None:
        console.message(f"程序自身出错,详情已记入「{clean(str(log))}」,请把它发给维护人员。")
    faulty = bool(collection.files["error"] or collection.files["failed"])
    return exit_code_of(codes, faulty=faulty)


def _unread(outcome: Outcome) -> tuple[Finding, ...]:
    """Why a file could not be read at all; what is wrong in a workbook stands in the summary."""
    return tuple(finding for finding in outcome.findings if finding.code in _UNREAD)


def _target(out: Path, wanted: str | None) -> tuple[Path, Any]:
    """Where the summary goes and in which format, which are not to contradict each other."""
    from perfeval.planning import SUMMARY

    if out.is_dir():
        out = out / f"{SUMMARY}.{wanted or 'xlsx'}"
    extension = out.suffix.lower().removeprefix(".")
    kind = wanted or extension
    if kind not in ("xlsx", "csv", "json"):
        raise UsageError(f"--out 的文件名要以 .xlsx、.csv 或 .json 结尾,写的是「{out.name}」。")
    if extension != kind:
        raise UsageError(f"--out 的文件名「{out.name}」与 --format {kind} 不一致,请以 .{kind} 结尾。")
    return out, kind


def open_roster(console: Console, path: Path, password: str | None) -> Roster:
    """The roster, with what is to be said about it; one without a row that can be used ends the command."""
    from perfeval.roster import read_roster

    roster = read_roster(path, password)
    if not roster.rows:
        raise PathError("\n".join(f"{finding.message}\n{finding.fix}" for finding in roster.findings))
    for line in remarks(roster.findings):
        console.message(line)
    return roster


def remarks(findings: Iterable[Finding]) -> Iterator[str]:
    """Findings as lines, of each kind only so many."""
    told: Counter[str] = Counter()
    for finding in findings:
        told[finding.code] += 1
        if told[finding.code] <= _MOST_REMARKS:
            yield from finding_lines(finding)
    for code, number in told.items():
        if number > _MOST_REMARKS:
            yield f"……{code} 还有 {number - _MOST_REMARKS} 处。"


def hand_out_all(path: Path, pack: Pack, folder: Path, on_exists: str) -> ExitCode:
    """`new --roster`: one form for each row of the roster."""
    from perfeval.planning import OnExists
    from perfeval.roster.handout import hand_out, unplaced

    console = Console()
    if folder.is_file():
        raise PathError(f"--out 指定的「{folder}」是一个文件,不是文件夹。请改用文件夹的路径。")
    roster = open_roster(console, path, None)
    for line in remarks(unplaced(roster, pack)):
        console.message(line)
    written = 0
    for number, handed in enumerate(hand_out(roster, pack, folder, OnExists(on_exists)), 1):
        written += handed.written
        if handed.written:
            console.result(f"{clean(str(handed.path))}\n")
        console.progress(number, len(roster.rows))
    console.finish()
    there = len(roster.rows) - written
    console.message(
        f"名册 {len(roster.rows)} 项,生成 {written} 份" + (f",已有 {there} 份没有重写" if there else "") + "。"
    )
    return ExitCode.DONE
