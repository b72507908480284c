"""`perfeval packs` and `perfeval new`: the forms of cities and years, and blank ones to hand out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from perfeval.cli.console import Console
from perfeval.cli.words import Command, Group
from perfeval.errors import ExitCode, PackError, PathError, UsageError
from perfeval.findings import Finding, Severity, worst
from perfeval.render import clean, columns, finding_lines, pad

__all__ = ["new", "packs"]

_templates = click.option(
    "--templates", type=click.Path(path_type=Path), metavar="DIR", help="另放评分体系的文件夹,优先于自带的。"
)
_json = click.option("--json", "as_json", is_flag=True, help="只输出 JSON,供其他程序读取。")


@click.group(cls=Group, short_help="列出、查看、检查评分体系。", invoke_without_command=False)
def packs() -> None:
    """列出、查看、检查评分体系。

    一个评分体系是一个文件夹:form.xlsx(表样)、
    rules.toml(评分规则)和 narrative(文字段落)。
    """


@packs.command("list", short_help="列出可用的评分体系。")
@_templates
@_json
def list_(templates: Path | None, as_json: bool) -> ExitCode:
    """列出可用的评分体系;有错误的也列出,并说明原因。"""
    from perfeval.pack import available, load_pack

    console = Console()
    code = ExitCode.DONE
    entries: list[dict[str, Any]] = []
    for pack_id in available(templates):
        entry: dict[str, Any] = {"id": pack_id, "title": None, "year": None, "folder": None}
        try:
            pack = load_pack(pack_id, templates)
        except PackError as error:
            console.message(clean(str(error)))
            code = error.exit_code
        else:
            entry |= {"title": pack.title, "year": pack.year, "folder": str(pack.folder)}
        entries.append(entry)
    if as_json:
        console.result(_dumps(entries))
    else:
        width = max((columns(entry["id"]) for entry in entries), default=0)
        for entry in entries:
            console.result(clean(f"{pad(entry['id'], width)}  {entry['title'] or '(有错误,不能使用)'}") + "\n")
    return code


@packs.command("show", short_help="查看一个评分体系的全部规则。")
@click.argument("pack_id", metavar="ID")
@_templates
def show(pack_id: str, templates: Path | None) -> ExitCode:
    """查看一个评分体系的全部规则和出处,供会计人员核对。"""
    from perfeval.pack import load_pack
    from perfeval.packview import pack_lines

    console = Console()
    for line in pack_lines(load_pack(pack_id, templates), console.look):
        console.result(line + "\n")
    return ExitCode.DONE


@packs.command("check", short_help="检查一个评分体系有没有错误。")
@click.argument("folder", metavar="DIR")
@_templates
@_json
def check_(folder: str, templates: Path | None, as_json: bool) -> ExitCode:
    """检查一个评分体系有没有错误,像检查表格一样逐条列出。

    DIR 是评分体系所在的文件夹,也可以写它的 ID。
    """
    from perfeval.pack import available, check_pack, pack_folder

    console = Console()
    path = Path(folder)
    if not path.is_dir() and folder in available(templates):
        path = pack_folder(folder, templates)
    findings, fault = check_pack(path), None
    if worst(findings) is not Severity.ERROR:
        more, fault = _tried(path)
        findings += more
    if as_json:
        from perfeval.jsonout import finding_object

        found = [finding_object(finding) for finding in findings]
        console.result(_dumps({"version": 1, "path": str(path), "findings": found, "error": fault}))
    else:
        for finding in findings:
            console.result("".join(f"{line}\n" for line in finding_lines(finding, console.look)))
        if fault is not None:
            console.result(f"{clean(fault)}\n")
        number = len(findings) + (fault is not None)
        console.result(f"{clean(str(path))}:{f'{number} 处需要看' if number else '没有发现问题'}\n")
    return ExitCode.PACK if fault is not None or worst(findings) is Severity.ERROR else ExitCode.DONE


def _tried(folder: Path) -> tuple[tuple[Finding, ...], str | None]:
    """A pack with proper rules put to use: findings of its text blocks, or why its form.xlsx does not serve."""
    from perfeval.layout import compile_layout
    from perfeval.narrative import check_blocks
    from perfeval.pack import load_folder

    try:
        pack = load_folder(folder)
        compile_layout(pack)
        return check_blocks(pack), None
    except PackError as error:
        return (), str(error)


@click.command(cls=Command, short_help="生成空白的评分表。")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="PATH", help="写到哪个文件或文件夹。")
@click.option("--pack", "pack_id", metavar="ID", help="用哪个评分体系;只有一个时可以不写。")
@_templates
@click.option(
    "--on-exists",
    type=click.Choice(("suffix", "skip", "overwrite")),
    default="suffix",
    show_default=True,
    help="文件已存在时:另存、跳过、覆盖。",
)
def new(out: Path, pack_id: str | None, templates: Path | None, on_exists: str) -> ExitCode:
    """生成空白的官方评分表,发给单位填报。

    填写栏可以编辑并带有下拉选项,标题和计算栏是锁定的。
    """
    from perfeval.files import safe_name, write_atomic, write_fault
    from perfeval.pack import available, load_pack
    from perfeval.pipeline import blank_form
    from perfeval.planning import OnExists, free_name

    if pack_id is None:
        ids = available(templates)
        if len(ids) != 1:
            raise UsageError(f"请用 --pack 写明用哪个评分体系,现有:{'、'.join(ids)}。")
        pack_id = ids[0]
    pack = load_pack(pack_id, templates)
    if out.is_dir() or not out.suffix:
        out = out / f"{safe_name(pack.title)}.xlsx"
    elif out.suffix.lower() != ".xlsx":
        raise UsageError(f"--out 的文件名要以 .xlsx 结尾,写的是「{out.name}」。")
    target = free_name(out, OnExists(on_exists))
    console = Console()
    if target is None:
        console.message(f"「{clean(str(out))}」已经存在,没有重写(--on-exists skip)。")
        return ExitCode.DONE
    try:
        write_atomic(target, blank_form(pack), overwrite=on_exists == "overwrite")
    except OSError as error:
        fault = write_fault(error, target)
        raise PathError(f"{fault.message}\n{fault.fix}") from error
    console.result(f"{clean(str(target))}\n")
    return ExitCode.DONE


def _dumps(value: object) -> str:
    from perfeval.jsonout import dumps

    return dumps(value) + "\n"
