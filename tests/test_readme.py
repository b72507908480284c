"""The READMEs say what is so: commands run, sessions print that, every command and code is there.

`PERFEVAL_UPDATE=1 pytest tests/test_readme.py` writes the generated parts anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from perfeval.cli import program
from perfeval.findings import STAGES, catalogue
from perfeval.mail import LIMITS as MAIL
from perfeval.workbook.guard import LIMITS

ROOT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.zh-CN.md")


def part(name: str, readme: str) -> str:
    """What stands between two marks of a README."""
    match = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", (ROOT / readme).read_text(encoding="utf-8"), re.S)
    assert match is not None, f"{readme} has no part {name}"
    return match.group(1)


def hold(name: str, readme: str, expected: str) -> None:
    """Compare a generated part with what it should be, or write it anew."""
    if os.environ.get("PERFEVAL_UPDATE"):
        path = ROOT / readme
        text = path.read_text(encoding="utf-8")
        marked = f"<!-- {name} -->\n{expected}<!-- /{name} -->"
        path.write_text(re.sub(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _: marked, text, flags=re.S), "utf-8")
    assert part(name, readme) == expected


def command(name: str, readme: str) -> str:
    block = re.search(r"```sh\n(.*?)\n```", part(name, readme), re.S)
    assert block is not None
    return block.group(1)


def test_ci_runs_the_very_test_command() -> None:
    assert command("test", "README.md") in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_both_readmes_have_the_same_set_up_commands() -> None:
    for name in ("run", "test"):
        assert command(name, "README.md") == command(name, "README.zh-CN.md")


@pytest.mark.parametrize("readme", READMES)
def test_sessions_print_just_that(readme: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    lines = re.findall(r"^\$ (.*)$", part("session", readme), re.M)
    assert lines
    text = "```console\n"
    for line in lines:
        words = line.split()
        assert words[0] == "perfeval"
        done = subprocess.run(
            [sys.executable, "-m", "perfeval", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1"},
            check=False,
        )
        text += f"$ {line}\n{done.stdout}"
    hold("session", readme, text + "```\n")


@pytest.mark.parametrize("readme", READMES)
def test_code_table_is_that_of_the_catalogue(readme: str) -> None:
    chinese = readme.endswith("zh-CN.md")
    lines = ["| 编码 | 级别 | 内容 |" if chinese else "| code | severity | what |", "|---|---|---|"]
    for prefix, stage in STAGES.items():
        codes = [code for code in catalogue().values() if code.id.startswith(prefix)]
        if codes:
            lines.append(f"| **{prefix}** | | **{stage}** |")
            lines += [f"| {code.id} | {code.severity.label} | {code.title} |" for code in codes]
    hold("codes", readme, "\n".join(lines) + "\n")


@pytest.mark.parametrize("readme", READMES)
def test_stated_limits_are_those_of_the_code(readme: str) -> None:
    rows = (
        ("file on the disk", "文件", f"{LIMITS.file_size >> 20} MB"),
        ("workbook inside an .xls", ".xls 里的工作簿", f"{LIMITS.legacy_size >> 20} MB"),
        ("parts of a package", "内部文件", f"{LIMITS.members:,}"),
        (
            "one part inflated · all",
            "一个内部文件展开后 · 全部",
            f"{LIMITS.part_size >> 20} · {LIMITS.total_size >> 20} MB",
        ),
        ("inflated ÷ packed, large parts", "大的内部文件展开 ÷ 压缩", f"{LIMITS.ratio}:1"),
        ("one part held as a tree", "整体读入的一个内部文件", f"{LIMITS.tree_size >> 20} MB"),
        ("filled cells of a sheet · cells in its merges", "一张表的非空单元格 · 合并单元格", f"{LIMITS.cells:,}"),
        ("merges of more than 4,096 cells", "超过 4,096 格的合并区域", f"{LIMITS.wide_merges}"),
        ("characters of a cell", "一个单元格的字符", f"{LIMITS.text:,}"),
        (
            "conditional formats, validations, links of a sheet",
            "一张表的条件格式、数据有效性、链接",
            f"{LIMITS.rules:,}",
        ),
    )
    chinese = readme.endswith("zh-CN.md")
    lines = ["| 内容 | 上限 |" if chinese else "| what | at most |", "|---|---|"]
    lines += [f"| {name if chinese else what} | {most} |" for what, name, most in rows]
    hold("limits", readme, "\n".join(lines) + "\n")


@pytest.mark.parametrize("readme", READMES)
def test_limits_named_in_the_text_are_those_of_the_code(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    sizes = (LIMITS.file_size, LIMITS.legacy_size, LIMITS.part_size, LIMITS.total_size, LIMITS.tree_size)
    shown = [f"{size >> 20} MiB" for size in (*sizes, LIMITS.ratio_from)]
    shown += [f"{number:,}" for number in (LIMITS.members, LIMITS.ratio, LIMITS.cells)]
    shown += [f"{size >> 20} MB" for size in (MAIL.message_size, MAIL.file_size, MAIL.unpacked)]
    assert [limit for limit in shown if limit not in text] == []


@pytest.mark.parametrize("readme", READMES)
def test_every_command_is_mentioned(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    assert [name for name in program.commands if f"perfeval {name}" not in text] == []


def command_lines(readme: str) -> list[list[str]]:
    """The words of every command line that a README gives, within a sentence or on a line of its own."""
    text = (ROOT / readme).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [*re.findall(r"`(perfeval [^`\n]+)`", text), *re.findall(r"^perfeval .*$", text, re.M)]
    return [line.split()[1:] for line in lines]


@pytest.mark.parametrize("readme", READMES)
def test_every_option_given_is_one_of_the_command(readme: str) -> None:
    unknown = []
    for words in command_lines(readme):
        known: click.Command | None = program
        while isinstance(known, click.Group) and words and not words[0].startswith("-"):
            known = known.commands.get(words.pop(0))
        options = {option for parameter in known.params for option in parameter.opts} if known else set()
        unknown += [word for word in words if word.startswith("--") and word not in options]
        if known is None:
            unknown.append(" ".join(words))
    assert unknown == []
    assert len(command_lines(readme)) > 15
