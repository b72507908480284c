"""The program: its commands, and the one place where what happened becomes an exit code."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from perfeval import __version__
from perfeval.cli import buglog
from perfeval.cli.console import Console, forget_stdout, restart_in_utf8, use_utf8
from perfeval.cli.words import Group
from perfeval.errors import ExitCode, PerfevalError, traced
from perfeval.files import reason
from perfeval.render import clean

__all__ = ["main", "program"]

_HELP = """绩效自评评分表:填好的表进去,算好分、排好版的评分表出来。

常用:
  perfeval check 自评表.xlsx           只检查,不写文件
  perfeval fill 收件箱 --out 结果      整个文件夹一起做

退出码:0 完成;1 有文件需修改;2 命令写错;
3 评分体系有误;4 路径不能读写;5 邮箱出错;70 程序出错;130 中断。
"""

_NO_RIGHTS = "请确认您有权限打开它和它所在的文件夹,或改用别的路径。"
_REMEDIES = {errno.ENAMETOOLONG: "请改用较短的名称。", errno.EACCES: _NO_RIGHTS, errno.EPERM: _NO_RIGHTS}

# The module of each command, in the order of the help.
_HOMES = {
    "fill": "work",
    "check": "work",
    "watch": "hotfolder",
    "new": "packs",
    "summary": "summary",
    "diff": "changes",
    "mail": "mail",
    "packs": "packs",
    "explain": "explain",
}


class _Commands(Mapping[str, click.Command]):
    """The commands by name; each is loaded when somebody wants it."""

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = getattr(import_module(f"perfeval.cli.{_HOMES[name]}"), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


class _Program(Group):
    """The group of all commands; ends the process with the exit code that fits."""

    def main(  # type: ignore[override]  # click's overloads describe modes this program does not have
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command line `args` and exit."""
        del prog_name  # the name in messages is ours, however the script file is called
        extra["standalone_mode"] = False
        code = self._run(args, extra)
        with contextlib.suppress(ValueError):
            try:
                sys.stdout.flush()
            except BrokenPipeError:
                forget_stdout()
        sys.exit(int(code))

    def _run(self, args: Sequence[str] | None, extra: dict[str, Any]) -> ExitCode:
        console = Console()
        try:
            result = super().main(args=args, prog_name="perfeval", **extra)
        except click.Abort:
            console.message("已中断。")
            return ExitCode.INTERRUPTED
        except click.ClickException as error:
            error.show()
            return ExitCode.USAGE
        except PerfevalError as error:
            console.message(f"错误:{clean(str(error))}")
            return error.exit_code
        except Exception as error:  # whatever it is, it is ours, but for a path that the system does not take
            if isinstance(error, OSError) and error.filename is not None and error.errno in _REMEDIES:
                remedy = _REMEDIES[error.errno]
                console.message(f"错误:路径「{clean(str(error.filename))}」用不了:{reason(error)}。{remedy}")
                return ExitCode.PATH
            log = buglog.record(traced(error), " ".join(args if args is not None else sys.argv[1:]))
            console.message("程序自身出错,这不是您的填报问题。")
            if log is not None:
                console.message(f"错误记录:{clean(str(log))}。请把它发给维护人员。")
            return ExitCode.BUG
        return ExitCode(result or 0)


@click.group(cls=_Program, commands=_Commands(), help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="perfeval", help="显示版本号。")
def program() -> None:
    """All commands."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the command `perfeval`."""
    if args is None:
        restart_in_utf8()
    use_utf8()
    program.main(args)
