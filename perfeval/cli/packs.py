"""`perfeval packs` and `perfeval new`: the forms of cities and years, and blank ones to hand out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from perfeval.cli.console import Console
from perfeval.cli.words import PATH, Command, Group
from perfeval.errors import ExitCode, PackError, PathError, UsageError
from perfeval.findings import Finding, Severity, worst
from perfeval.patterns import lazy_pattern
from perfeval.render import clean, columns, finding_lines, pad

__all__ = ["new", "packs"]

_templates = click.option("--templates", type=PATH, metavar="DIR", help="另放评分体系的文件夹,优先于自带的。")
_ID = lazy_pattern(r"[a-z0-9][a-z0-9-]*")
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
    from perfeval.pack import available, pack_folder
    from perfeval.proof import proof

    console = Console()
    path = Path(folder)
    if not path.is_dir() and folder in available(templates):
        path = pack_folder(folder, templates)
    findings = proof(path)
    if as_json:
        from perfeval.jsonout import finding_object

        found = [finding_object(finding) for finding in findings]
        console.result(_dumps({"version": 1, "path": str(path), "findings": found}))
    else:
        _print_findings(console, path, findings)
    return ExitCode.PACK if worst(findings) is Severity.ERROR else ExitCode.DONE


@packs.command("new", short_help="由一份官方空白表提出一个评分体系。")
@click.argument("form", metavar="FORM.xlsx", type=PATH)
@click.option("--id", "pack_id", required=True, metavar="ID", help="评分体系的编号,也是文件夹名,例如 mycity-2026。")
@click.option("--out", type=PATH, default=Path(), metavar="DIR", help="写到哪个文件夹之下;默认当前文件夹。")
@_templates
def new_pack(form: Path, pack_id: str, out: Path, templates: Path | None) -> ExitCode:
    """由一份官方空白表提出一个评分体系。

    认出表头和指标表,写入占位符,写出 rules.toml
    和文字段落的初稿,并列出还要做的事。
    """
    from perfeval.files import read_fault, write_fault, write_folder
    from perfeval.proof import proof
    from perfeval.propose import propose

    if not _ID.fullmatch(pack_id):
        raise UsageError(f"--id 只用小写字母、数字和连字符,写的是「{pack_id}」。")
    folder = out / pack_id
    if folder.exists():
        raise UsageError(f"「{folder}」已经存在。请换一个 --id,或先移走原来的文件夹。")
    try:
        proposal = propose(form, pack_id, templates, out)
    except OSError as error:
        fault = read_fault(error, form)
        raise PathError(f"{fault.message}\n{fault.fix}") from error
    try:
        write_folder(folder, proposal.files)
    except OSError as error:
        fault = write_fault(error, folder)
        raise PathError(f"{fault.message}\n{fault.fix}") from error
    console = Console()
    console.result(f"{clean(str(folder))}(规则延用 {proposal.base})\n")
    for line in proposal.found:
        console.result(clean(f"  认出:{line}") + "\n")
    for line in proposal.left:
        console.result(clean(f"  待办:{line}") + "\n")
    findings = proof(folder)
    _print_findings(console, folder, findings)
    console.result("请用 Excel 打开 form.xlsx 看占位符的位置,再逐项核对 rules.toml。\n")
    return ExitCode.PACK if worst(findings) is Severity.ERROR else ExitCode.DONE


def _print_findings(console: Console, path: Path, findings: Sequence[Finding]) -> None:
    for finding in findings:
        console.result("".join(f"{line}\n" for line in finding_lines(finding, console.look)))
    number = len(findings)
    console.result(f"{clean(str(path))}:{f'{number} 处需要看' if number else '没有发现问题'}\n")


@click.command(cls=Command, short_help="生成空白的评分表。")
@click.option("--out", required=True, type=PATH, metavar="PATH", help="写到哪个文件或文件夹。")
@click.option("--pack", "pack_id", metavar="ID", help="用哪个评分体系;只有一个时可以不写。")
@_templates
@click.option(
    "--on-exists",
    type=click.Choice(("suffix", "skip", "overwrite")),
    default="suffix",
    show_default=True,
    help="文件已存在时:另存、跳过、覆盖。",
)
@click.option("--roster", type=PATH, metavar="FILE", help="名册;每行生成一份,填好已知内容。")
def new(out: Path, pack_id: str | None, templates: Path | None, on_exists: str, roster: Path | None) -> ExitCode:
    """生成空白的官方评分表,发给单位填报。

    填写栏可以编辑并带有下拉选项,标题和计算栏是锁定的。
    名册是一个工作簿或 CSV,表头写单位、项目,也可以有
    联系人、邮箱、电话、预算;每行生成一份「单位_项目.xlsx」。
    """
    from perfeval.files import safe_name, write_atomic, write_fault
    from perfeval.pack import available, load_pack
    from perfeval.pipeline import blank_form
    from perfeval.planning import OnExists, free_name, refuse_inputs

    if pack_id is None:
        ids = available(templates)
        if len(ids) != 1:
            raise UsageError(f"请用 --pack 写明用哪个评分体系,现有:{'、'.join(ids)}。")
        pack_id = ids[0]
    pack = load_pack(pack_id, templates)
    if roster is not None:
        from perfeval.cli.summary import hand_out_all

        return hand_out_all(roster, pack, out, on_exists)
    if out.is_dir() or not out.suffix:
        out = out / f"{safe_name(pack.title)}.xlsx"
    elif out.suffix.lower() != ".xlsx":
        raise UsageError(f"--out 的文件名要以 .xlsx 结尾,写的是「{out.name}」。")
    if on_exists == "overwrite":
        refuse_inputs((out,), (pack.form_path,))
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
