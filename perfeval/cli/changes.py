"""`perfeval diff`: what changed between two versions of a form."""

from __future__ import annotations

from pathlib import Path

import click

from perfeval.cli import buglog
from perfeval.cli.console import Console
from perfeval.cli.words import PATH, Command
from perfeval.cli.work import exit_code_of, options_of, pack_options
from perfeval.errors import ExitCode, PathError, UsageError
from perfeval.render import clean

__all__ = ["diff"]

_MOST = 2


@click.command(cls=Command, short_help="列出一张评分表改了哪些地方。")
@click.argument("paths", nargs=-1, required=True, metavar="[旧文件] 新文件", type=PATH)
@pack_options
@click.option("--out", type=PATH, metavar="FILE", help="另写成一份 .xlsx 变更清单。")
@click.option(
    "--on-exists",
    type=click.Choice(("suffix", "skip", "overwrite")),
    default="suffix",
    show_default=True,
    help="清单已存在时:另存、跳过、覆盖。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出 JSON,供其他程序读取。")
def diff(
    paths: tuple[Path, ...],
    pack: str | None,
    templates: Path | None,
    password: str | None,
    out: Path | None,
    on_exists: str,
    as_json: bool,
) -> ExitCode:
    """列出两份评分表之间的每一处变化:原来 → 现在。

    只给一个文件时,与它自己上次写出的内容比较:
    退回修改的表交回来,改了什么一看便知。
    """
    from perfeval.diff import compare
    from perfeval.diff.show import comparison_lines, comparison_object
    from perfeval.jsonout import dumps
    from perfeval.planning import refuse_inputs

    if len(paths) > _MOST:
        raise UsageError(f"最多写两个文件:旧文件、新文件;写了 {len(paths)} 个。")
    if out is not None and out.suffix.lower() != ".xlsx":
        raise UsageError(f"--out 的文件名要以 .xlsx 结尾,写的是「{out.name}」。")
    if out is not None and on_exists == "overwrite":
        refuse_inputs((out,), paths)
    console = Console()
    old, new = (paths[0] if len(paths) == _MOST else None), paths[-1]
    comparison = compare(old, new, options_of(pack, templates, password))
    if as_json:
        console.result(dumps(comparison_object(comparison)) + "\n")
    else:
        console.result("".join(f"{line}\n" for line in comparison_lines(comparison, console.look)))
    for bug in comparison.bugs:
        if log := buglog.record(bug, " ".join(map(str, paths))):
            console.message(f"程序自身出错,详情已记入「{clean(str(log))}」,请把它发给维护人员。")
    if out is not None and comparison.forms:
        from perfeval.diff.show import comparison_workbook

        _write(out, comparison_workbook(comparison), on_exists, console)
    return exit_code_of([finding.code for finding in comparison.findings], faulty=not comparison.forms)


def _write(out: Path, data: bytes, on_exists: str, console: Console) -> None:
    from perfeval.files import write_atomic, write_fault
    from perfeval.planning import OnExists, free_name

    target = free_name(out, OnExists(on_exists))
    if target is None:
        console.message(f"「{clean(str(out))}」已经存在,没有重写(--on-exists skip)。")
        return
    try:
        write_atomic(target, data, overwrite=on_exists == "overwrite")
    except OSError as error:
        fault = write_fault(error, target)
        raise PathError(f"{fault.message}\n{fault.fix}") from error
    console.message(f"变更清单:{clean(str(target))}")
