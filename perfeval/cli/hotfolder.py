"""`perfeval watch`: the hot folder, with one line for each file that is through."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from perfeval.cli import buglog
from perfeval.cli.console import Console
from perfeval.cli.words import PATH, Command
from perfeval.cli.work import exit_code_of, options_of, pack_options
from perfeval.errors import ExitCode, PathError
from perfeval.findings import Finding, Severity
from perfeval.numbers import decimal_text
from perfeval.render import clean, finding_lines

if TYPE_CHECKING:
    from perfeval.watch import Handled, Watcher

__all__ = ["watch"]

_MOST_CODES = 5


@click.command(cls=Command, short_help="看守收件夹,放进去的表自动处理。")
@click.argument("inbox", metavar="INBOX", type=PATH)
@click.option("--out", required=True, type=PATH, metavar="DIR", help="结果放在哪个文件夹。")
@pack_options
@click.option("--once", is_flag=True, help="把现有的做完就结束,供计划任务使用。")
@click.option("--poll", is_flag=True, help="只靠定时查看;收件夹在网络共享上时使用。")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=5.0,
    show_default=True,
    metavar="秒",
    help="隔多久查看一次。",
)
@click.option(
    "--settle",
    type=click.FloatRange(0, 3600),
    default=3.0,
    show_default=True,
    metavar="秒",
    help="文件多久没有变化才处理。",
)
@click.option("--print-systemd", is_flag=True, help="只输出 systemd 服务的配置。")
def watch(
    inbox: Path,
    out: Path,
    pack: str | None,
    templates: Path | None,
    password: str | None,
    once: bool,
    poll: bool,
    interval: float,
    settle: float,
    print_systemd: bool,
) -> ExitCode:
    """看守收件夹 INBOX,放进去的表格自动处理。

    结果放在 DIR 下的三个文件夹:
    已完成  算好分的评分表;
    需修改  标出问题的评分表和说明原因的文字;
    原件    收到的原文件,按日期存放。
    """
    from perfeval.watch import Settings, Watcher, unit_text

    console = Console()
    inbox, out = inbox.absolute(), out.absolute()
    if print_systemd:
        command = [sys.executable, "-m", "perfeval", "watch", str(inbox), "--out", str(out)]
        for option, value in (("--pack", pack), ("--templates", None if templates is None else templates.absolute())):
            command += [] if value is None else [option, str(value)]
        command += ["--poll"] if poll else []
        command += ["--interval", f"{interval:g}", "--settle", f"{settle:g}"]
        console.result(unit_text(command, inbox))
        return ExitCode.DONE
    settings = Settings(inbox, out, options_of(pack, templates, password), settle, interval, poll, once)
    told = _Told(console, out)
    watcher = Watcher(settings, told.handled, told.remark)
    if not once:
        console.message(f"正在看守收件夹「{clean(str(inbox))}」,结果放到「{clean(str(out))}」。按 Ctrl-C 结束。")
    with _ending(watcher) as signals:
        watcher.run()
    console.message(
        f"处理了 {sum(told.counts.values())} 个文件:" + ",".join(f"{word} {told.counts[word]}" for word in told.words)
    )
    if signal.SIGINT in signals:
        return ExitCode.INTERRUPTED
    if not once:
        return ExitCode.DONE
    return exit_code_of({*told.codes, *watcher.faults.values()}, faulty=bool(told.counts[told.words[1]]))


class _Told:
    """Turns what happens into lines."""

    def __init__(self, console: Console, out: Path) -> None:
        from perfeval.watch import DONE, TO_CORRECT

        self.words = (DONE, TO_CORRECT)
        self.counts: Counter[str] = Counter()
        self.codes: set[str] = set()  # of our own mistakes
        self._console = console
        self._out = out

    def handled(self, event: Handled) -> None:
        """One line: when, what, and where to."""
        outcome = event.outcome
        self.counts[event.folder] += 1
        self.codes.update(finding.code for finding in outcome.findings if finding.code.startswith("SYS"))
        parts = [f"{_now()} {event.folder}", clean(event.path)]
        errors = [finding.code for finding in outcome.findings if finding.severity is Severity.ERROR]
        if errors:
            more = "等" if len(set(errors)) > _MOST_CODES else ""
            parts.append(f"错误 {len(errors)} 处({'、'.join(list(dict.fromkeys(errors))[:_MOST_CODES])}{more})")
        parts += [f"合计 {decimal_text(total.shown)}" for form in outcome.forms if (total := form.evaluation.total)]
        if outcome.output is not None:
            parts.append(f"→ {clean(os.path.relpath(outcome.output, self._out))}")
        with contextlib.suppress(PathError):  # a log on a full disk must not end the watch
            self._console.result("  ".join(parts) + "\n")
        if outcome.bug is not None:
            buglog.record(outcome.bug, event.path, self._out)
        for finding in event.remarks:
            self.remark(finding)

    def remark(self, finding: Finding) -> None:
        """Something the person in charge should know."""
        head, *rest = finding_lines(finding)
        self._console.message("\n".join((f"{_now()} {head}", *rest)))


def _now() -> str:
    return dt.datetime.now().astimezone().strftime("%m-%d %H:%M:%S")


@contextlib.contextmanager
def _ending(watcher: Watcher) -> Iterator[set[int]]:
    """SIGTERM and Ctrl-C let the file under way finish; a second signal ends at once. Yields those received."""
    received: set[int] = set()
    if threading.current_thread() is not threading.main_thread():
        yield received  # signals belong to the main thread
        return

    def end(number: int, _frame: FrameType | None) -> None:
        received.add(number)
        watcher.stop.set()
        signal.signal(number, before[number])

    before = {int(number): signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
