"""`mail`: workbooks that come by e-mail, finished, with a draft of the answer."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perfeval.cli import buglog
from perfeval.cli.console import Console
from perfeval.cli.words import PATH, Command
from perfeval.cli.work import exit_code_of, options_of, pack_options
from perfeval.errors import ExitCode, PerfevalError, UsageError
from perfeval.render import clean, finding_lines

if TYPE_CHECKING:
    from perfeval.findings import Finding
    from perfeval.mail import MailResult, Settings
    from perfeval.mail.run import Session

__all__ = ["mail"]


@click.command(cls=Command, short_help="处理邮件里的表格,写好回复草稿。")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=PATH)
@click.option("--out", required=True, type=PATH, metavar="DIR", help="结果放在哪个文件夹。")
@pack_options
@click.option("--from", "sender", metavar="ADDR", help="回复用的发件地址;不写则用来信的收件地址。")
@click.option("--allow", multiple=True, metavar="ADDR", help="只处理这个地址或「@域名」的来信,可写多次。")
@click.option("--authserv", metavar="NAME", help="收信服务器在验证结果里的名称。")
@click.option("--imap", metavar="URL", help="收取邮箱,如 imaps://帐号@服务器/INBOX。")
@click.option("--smtp", metavar="URL", help="发信服务器,如 smtps://帐号@服务器。")
@click.option("--send", is_flag=True, help="把回复发给名单上且已验证的发件人。")
@click.option("--json", "as_json", is_flag=True, help="只输出 JSON,供其他程序读取。")
def mail(
    paths: tuple[Path, ...],
    out: Path,
    pack: str | None,
    templates: Path | None,
    password: str | None,
    sender: str | None,
    allow: tuple[str, ...],
    authserv: str | None,
    imap: str | None,
    smtp: str | None,
    send: bool,
    as_json: bool,
) -> ExitCode:
    """处理邮件(.eml、.msg、mbox 文件或文件夹)里的表格。

    每封邮件在 DIR 下有一个文件夹:完成的评分表、原件,
    和可以用邮件程序打开的回复草稿「回复.eml」。
    不写 --send 就什么也不会发出。

    --imap 收取邮箱里的未读邮件。密码写在环境变量
    PERFEVAL_MAIL_PASSWORD 里,或存入系统的密码库。
    """
    from perfeval.mail import Policy, Settings, answer_files, session

    _check(paths, out, imap=imap, smtp=smtp, send=send, allow=allow, authserv=authserv)
    own = _own_address(sender, imap)
    options = options_of(pack, templates, password)
    policy = Policy(allowed=_listed(allow), authserv=authserv)
    settings = Settings(out=out, options=options, policy=policy, sender=own, send=send)
    with session(settings) as opened:
        if imap is None:
            total, results = answer_files(paths, opened)
            return _tell(results, total, opened, as_json=as_json)
        return _mailbox(imap, smtp, settings, opened, as_json=as_json)


def _mailbox(imap: str, smtp: str | None, settings: Settings, opened: Session, *, as_json: bool) -> ExitCode:
    from perfeval.mail.box import fetched
    from perfeval.mail.send import send_queued

    def results() -> Iterator[MailResult]:
        yield from fetched(imap, opened)
        if settings.send and smtp is not None:
            later.extend(send_queued(smtp, settings, opened.register))

    later: list[Finding] = []
    return _tell(results(), None, opened, later=later, as_json=as_json)


def _tell(
    results: Iterator[MailResult],
    total: int | None,
    opened: Session,
    *,
    later: list[Finding] | None = None,
    as_json: bool,
) -> ExitCode:
    """Print each message as it is done, and at the end what it all comes to."""
    from perfeval.jsonout import VERSION, dumps, finding_object
    from perfeval.mail.told import closing_line, message_object, message_text

    console = Console()
    counts: Counter[str] = Counter()
    codes: set[str] = set()
    opening = f'{{"version": {VERSION}, "messages": ['
    failures: list[PerfevalError] = []
    for number, result in enumerate(_until_failure(results, failures), 1):
        counts[result.status] += 1
        codes.update(finding.code for finding in result.findings)
        for entry in result.files:
            codes.update(finding.code for finding in entry.outcome.findings)
            if entry.outcome.bug is not None:
                buglog.record(entry.outcome.bug, result.source, opened.settings.out)
        if as_json:
            console.result(f"{opening}\n{dumps(message_object(result))}")
            opening = ","
        else:
            console.result(message_text(result, console.look))
        if total is not None and total > 1:
            console.progress(number, total)
    console.finish()
    remarks = [*(later or ()), *opened.remarks()]
    codes.update(finding.code for finding in remarks)
    if as_json:
        rest = dumps([finding_object(finding) for finding in remarks])
        console.result(f'{opening if opening != "," else ""}\n], "findings": {rest}}}\n')
    else:
        for remark in remarks:
            console.result("".join(f"{line}\n" for line in finding_lines(remark, console.look)))
        console.result(closing_line(counts) + "\n")
    if failures:
        raise failures[0]
    if not counts and total == 0:
        console.message("没有找到邮件:请给出 .eml、.msg、mbox 文件,或放有这些文件的文件夹。")
        return ExitCode.PATH
    if codes & {"EML021", "EML022", "EML023"}:
        return ExitCode.MAIL
    return exit_code_of(codes, faulty=bool(counts["error"] or counts["failed"]))


def _until_failure(results: Iterator[MailResult], failures: list[PerfevalError]) -> Iterator[MailResult]:
    """The results up to what ends the run, which is told after them: the JSON stays whole."""
    try:
        yield from results
    except PerfevalError as error:
        failures.append(error)


def _check(
    paths: tuple[Path, ...],
    out: Path,
    *,
    imap: str | None,
    smtp: str | None,
    send: bool,
    allow: tuple[str, ...],
    authserv: str | None,
) -> None:
    if bool(paths) == bool(imap):
        raise UsageError("请写出邮件文件或文件夹(PATH),或者用 --imap 指定邮箱,两者选一。")
    for path in filter(os.path.isdir, paths):
        if out.resolve().is_relative_to(path.resolve()):
            raise UsageError(
                f"--out 指定的「{clean(str(out))}」在输入文件夹「{clean(str(path))}」里面,\n"
                "回复草稿会被当成下一次的来信。请把 --out 改为输入文件夹以外的文件夹。"
            )
    if send and not (imap and smtp and allow and authserv):
        raise UsageError(
            "--send 要同时写明 --imap、--smtp、--allow 和 --authserv:\n"
            "只有来自名单上、并经收信服务器验证的发件人,才会自动答复。"
        )


def _listed(allow: tuple[str, ...]) -> tuple[str, ...]:
    """Entries of the list; a bare domain means everybody of that domain."""
    return tuple(entry.strip() if "@" in entry else f"@{entry.strip()}" for entry in allow if entry.strip())


def _own_address(sender: str | None, imap: str | None) -> str | None:
    """The address that answers come from: as stated, else the account of the mailbox where that is one."""
    from perfeval.mail.addresses import address
    from perfeval.mail.server import parse_url

    account = parse_url(imap, "--imap").user if imap is not None else ""
    found = address((sender or account).encode("utf-8", "replace"))
    if sender is not None and found is None:
        raise UsageError("--from 的值不是邮件地址。请这样写:--from jixiao@example.org")
    return found
