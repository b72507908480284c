"""click in Chinese: its own words, replaced in one place, and help that wraps by columns.

click fetches every sentence through gettext under the names `_` and `ngettext` of its modules. Those names are
replaced here after click is loaded, so that it does not matter who imported it first. click's formatter
counts characters, which makes Chinese help twice as wide as the window; ours counts columns.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
from click.formatting import HelpFormatter

from perfeval.render import columns, pad, wrap

__all__ = ["PATH", "Command", "Group", "speak_chinese"]

# Nothing is looked up: what stands in the way of one file is a finding of that file, and the others go on.
PATH = click.Path(path_type=Path, readable=False)

# Sentences of click 8.1 to 8.5 that a user of this program can meet.
_WORDS: Mapping[str, str] = {
    "Usage:": "用法:",
    "Options": "选项",
    "Commands": "命令",
    "Positional arguments": "参数",
    "Show this message and exit.": "显示这份说明。",
    "Show the version and exit.": "显示版本号。",
    "%(prog)s, version %(version)s": "%(prog)s %(version)s",
    "required": "必填",
    "default: {default}": "默认 {default}",
    "env var: {var}": "环境变量 {var}",
    "(dynamic)": "(视情况而定)",
    "deprecated": "不再推荐",
    "Error: {message}": "错误:{message}",
    "Aborted!": "已中断。",
    "Try '{command} {option}' for help.": "输入「{command} {option}」查看用法。",
    "Missing command.": "没有写命令。",
    "Missing argument": "缺少参数",
    "Missing option": "缺少选项",
    "Missing parameter": "缺少参数",
    "Missing {param_type}": "缺少 {param_type}",
    "Missing parameter: {param_name}": "缺少参数 {param_name}",
    "Choose from:\n\t{choices}": "可选:\n\t{choices}",
    "Choose from:\n\t{choices}.": "可选:\n\t{choices}",
    "No such option {name!r}.": "没有选项「{name}」。",
    "No such option: {name}": "没有选项「{name}」。",
    "No such command {name!r}.": "没有命令「{name}」。",
    "Did you mean {possibility}?": "是不是 {possibility}?",
    "(Did you mean one of: {possibilities}?)": "是不是其中之一:{possibilities}?",
    "(Possible options: {possibilities})": "是不是其中之一:{possibilities}?",
    "Invalid value: {message}": "填写的值不对:{message}",
    "Invalid value for {param_hint}: {message}": "{param_hint} 的值不对:{message}",
    "Got unexpected extra argument ({args})": "多出了参数:{args}",
    "Got unexpected extra arguments ({args})": "多出了参数:{args}",
    "Option {name!r} requires an argument.": "选项「{name}」后面要写一个值。",
    "Option {name!r} requires {nargs} arguments.": "选项「{name}」后面要写 {nargs} 个值。",
    "Option {name!r} does not take a value.": "选项「{name}」后面不写值。",
    "Argument {name!r} takes {nargs} values.": "参数「{name}」要写 {nargs} 个值。",
    "Takes {nargs} values but 1 was given.": "要写 {nargs} 个值,只写了 1 个。",
    "Takes {nargs} values but {len} were given.": "要写 {nargs} 个值,写了 {len} 个。",
    "{value!r} is not {choice}.": "「{value}」不是 {choice}。",
    "{value!r} is not one of {choices}.": "「{value}」不在可选值之内,可选:{choices}。",
    "{value!r} is not a valid {number_type}.": "「{value}」不是数字。",
    "{value} is not in the range {range}.": "{value} 不在允许的范围之内({range})。",
    "{name} {filename!r} does not exist.": "「{filename}」不存在。",
    "{name} {filename!r} is a file.": "「{filename}」是文件,不是文件夹。",
    "{name} {filename!r} is a directory.": "「{filename}」是文件夹,不是文件。",
    "{name} {filename!r} is not readable.": "「{filename}」没有读取权限。",
    "{name} {filename!r} is not writable.": "「{filename}」没有写入权限。",
    "Could not open file {filename!r}: {message}": "「{filename}」打不开:{message}",
    "unknown error": "原因不明",
    "file": "文件",
    "directory": "文件夹",
    "path": "路径",
}


def speak_chinese() -> None:
    """Make every click module that is loaded speak Chinese; words not listed stay as they are."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "click":
            for word, replacement in (("_", _gettext), ("ngettext", _ngettext)):
                if hasattr(module, word):
                    setattr(module, word, replacement)


def _gettext(message: str) -> str:
    return _WORDS.get(message, message)


def _ngettext(singular: str, plural: str, number: int) -> str:
    return _gettext(singular if number == 1 else plural)


class _Formatter(HelpFormatter):
    """click's help formatter with a ruler that knows 汉字."""

    def write_text(self, text: str) -> None:
        """Write paragraphs as they are broken in the source, wrapped only where a line is too long."""
        indent = " " * self.current_indent
        for line in wrap(text, max(20, self.width - self.current_indent)):
            self.write(f"{indent}{line}".rstrip() + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write options or commands with their help in a second column."""
        rows = list(rows)
        first = min(max((columns(name) for name, _ in rows), default=0), col_max) + col_spacing
        width = max(20, self.width - self.current_indent - first)
        indent = " " * self.current_indent
        for name, text in rows:
            lines = wrap(text, width) or [""]
            if columns(name) > first - col_spacing:
                self.write(f"{indent}{name}\n")
            else:
                self.write(f"{indent}{pad(name, first)}{lines.pop(0)}".rstrip() + "\n")
            for line in lines:
                self.write(f"{indent}{' ' * first}{line}".rstrip() + "\n")


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command whose help and usage are Chinese."""

    context_class = _Context

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """`[选项] PATH...` in place of `[OPTIONS] PATH...`."""
        return ["[选项]" if piece == "[OPTIONS]" else piece for piece in super().collect_usage_pieces(ctx)]


class Group(click.Group):
    """A group of commands, listed in the order in which they were written."""

    context_class = _Context
    command_class = Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of definition: the main job first."""
        return list(self.commands)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """`命令 [参数]...` in place of `[OPTIONS] COMMAND [ARGS]...`."""
        return ["命令", "[参数]..."]


speak_chinese()
