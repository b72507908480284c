"""The command line: words, streams, exit codes; the pipeline behind it is replaced where only those matter."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import openpyxl
import pytest
from click.testing import CliRunner, Result

from perfeval import jsonout, pipeline, render
from perfeval.cli import console, program
from perfeval.errors import ExitCode, MailError, PackError
from perfeval.files import write_atomic
from perfeval.findings import STAGES, Finding, catalogue
from perfeval.pack import load_pack
from perfeval.pipeline import Options, Outcome
from perfeval.planning import is_summary
from perfeval.render import columns
from perfeval.stages import Staged, Turn

PACK = "jiangmen-2024"
CHINESE = re.compile("[\u4e00-\u9fff]")
# Two English words in a row make a sentence; options, metavars and commands to type do not.
ENGLISH = re.compile(r"(?<![-\w./])[A-Za-z]{2,} [A-Za-z]{2,}(?![-\w./])")


def run(*args: str | Path, **env: str) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args], env=env)


def commands(group: click.Command = program, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, (*path, name))


def in_words(text: str) -> str:
    """`text` without the command lines it shows."""
    shown = (line for line in text.splitlines() if not line.strip().startswith(("perfeval ", "用法:")))
    return re.sub("「perfeval [^」]*」", "", "\n".join(shown))


# ---- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_chinese_and_fits_the_window(path: tuple[str, ...], option: str) -> None:
    result = run(*path, option)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert CHINESE.search(result.stdout)
    assert not ENGLISH.search(in_words(result.stdout)), result.stdout
    assert all(columns(line) <= 80 for line in result.stdout.splitlines()), result.stdout
    assert "..." not in in_words(result.stdout)  # click cuts long texts with dots


@pytest.mark.parametrize("path", [path for path in commands() if path], ids=" ".join)
def test_every_command_and_option_has_its_words(path: tuple[str, ...]) -> None:
    command: click.Command = program
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
        assert command.short_help
        assert command.help
    for param in command.params:
        assert isinstance(param, click.Argument) or CHINESE.search(param.help or ""), param.name


USAGE_ERRORS = [
    ["没有这个命令"],
    ["fil"],
    ["fill"],
    ["fill", "x.xlsx"],
    ["fill", "x.xlsx", "--out"],
    ["fill", "x.xlsx", "--out", "d", "--jobs", "many"],
    ["fill", "x.xlsx", "--out", "d", "--jobs", "0"],
    ["fill", "x.xlsx", "--out", "d", "--on-exists", "ask"],
    ["fill", "x.xlsx", "--out", "d", "--on-exist", "skip"],
    ["fill", "x.xlsx", "--out", "d", "--json=1"],
    ["check"],
    ["check", "--nothing"],
    ["new"],
    ["new", "--out", "表.docx"],
    ["packs", "shw"],
    ["packs", "show"],
    ["packs", "show", "a", "b"],
    ["explain", "VAL999"],
    ["explain", "ZZZ001"],
    ["explain", "表.xlsx", "第三行"],
]


@pytest.mark.parametrize("args", USAGE_ERRORS, ids=" ".join)
def test_usage_errors_are_chinese_and_exit_2(args: list[str]) -> None:
    result = run(*args)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
    assert CHINESE.search(result.stderr)
    assert not ENGLISH.search(in_words(result.stderr)), result.stderr
    assert "Traceback" not in result.stderr


def test_a_near_miss_is_named() -> None:
    assert "'fill'" in run("fil").stderr
    assert "--on-exists" in run("fill", "x", "--out", "d", "--on-exist", "skip").stderr
    assert "OUT001" in run("explain", "OUT011").stderr


def test_version() -> None:
    assert re.fullmatch(r"perfeval \d+\.\d+\.\d+\n", run("--version").stdout)


# Sentences for the authors of a program, or about types of values that this one has not.
NOT_FOR_USERS = (
    "Deprecat",
    "Could not determine",
    "No options defined",
    "Arguments take",
    "Name '",
    "Boolean option",
    "Value must be",
    "Invalid start",
    "UUID",
    "boolean",
    "executable",
    "Choice(",
)


def test_click_keeps_no_english_sentence_that_a_user_can_meet() -> None:
    """A later click with other sentences shows up here, not in a clerk's window."""
    from perfeval.cli.words import _WORDS

    found: set[str] = set()
    for module in (click.core, click.exceptions, click.formatting, click.parser, click.types):
        tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id == "_" and isinstance(call.args[0], ast.Constant):
                found.add(str(call.args[0].value))
    assert len(found) > 30
    assert not {word for word in found - set(_WORDS) if not any(part in word for part in NOT_FOR_USERS)}


# ---- streams and exit codes ------------------------------------------------------------------------------------------

Pretend = Callable[[Path, Options], Outcome]
FINDINGS = {"提醒": "BAT001", "错误": "BAT003", "占用": "OUT002"}
PARAMS = dict.fromkeys(("path", "other", "output", "reason", "error"), "…")


def pretend(path: Path, target: Path | None, options: Options) -> Staged[Outcome]:
    """An outcome as the name of the file says."""
    yield Turn.PASS
    for word, number in (("停", signal.SIGINT), ("终", signal.SIGTERM)):
        if word in path.name:
            os.kill(os.getppid() if "工" in path.name else os.getpid(), number)
    if "邮" in path.name:
        raise MailError("邮箱拒绝")
    if target is not None:
        write_atomic(target, b"done")
    if "崩" in path.name:
        return Outcome(path, target, findings=(Finding("SYS001", params=PARAMS),), bug="Traceback …\nKeyError: 'x'\n")
    found = tuple(Finding(code, params=PARAMS) for word, code in FINDINGS.items() if word in path.name)
    forms = () if "失败" in path.name else (None,)
    return Outcome(path, target, forms=forms, findings=found)  # type: ignore[arg-type]


@pytest.fixture
def pretending(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline does what the file's name says, the outputs show only what comes before forms."""
    monkeypatch.setattr(pipeline, "inspecting", lambda path, options: pretend(path, None, options))
    monkeypatch.setattr(pipeline, "filling", pretend)
    monkeypatch.setattr("perfeval.cli.summing.summing_for", lambda *_: None)  # pretended forms have nothing to sum up
    for module, name in ((render, "outcome_lines"), (jsonout, "file_object")):
        monkeypatch.setattr(module, name, without_forms(getattr(module, name)))


def without_forms(real: Callable[..., Any]) -> Callable[..., Any]:
    """`real`, shown an outcome as if it had read no form: the pretended ones are None."""
    return lambda outcome, *rest: real(replace(outcome, forms=()), *rest)


def inbox(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / "收" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder / "收"


@pytest.mark.usefixtures("pretending")
@pytest.mark.parametrize(
    ("names", "code", "closing"),
    [
        (["1.xlsx"], ExitCode.DONE, "共 1 个文件:完成 1,有提醒 0,需修改 0,失败 0"),
        (["1.xlsx", "2提醒.xlsx"], ExitCode.DONE, "共 2 个文件:完成 1,有提醒 1,需修改 0,失败 0"),
        (["失败.xlsx", "好.xlsx"], ExitCode.FOUND_ERRORS, "共 2 个文件:完成 1,有提醒 0,需修改 0,失败 1"),
        (["错误.xlsx", "好.xlsx"], ExitCode.PATH, "共 2 个文件:完成 1,有提醒 0,需修改 1,失败 0"),
        (["占用.xlsx"], ExitCode.PATH, "共 1 个文件:完成 0,有提醒 0,需修改 0,失败 1"),
        (["崩.xlsx", "好.xlsx", "占用.xlsx"], ExitCode.BUG, "共 3 个文件:完成 1,有提醒 0,需修改 0,失败 2"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else None,
)
@pytest.mark.parametrize("command", ["fill", "check"])
def test_exit_codes_and_closing_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, names: list[str], code: ExitCode, closing: str
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    out = ["--out", str(tmp_path / "出")] if command == "fill" else []
    result = run(command, inbox(tmp_path, *names), *out)
    assert result.exit_code == code
    assert result.stdout.splitlines()[-1] == closing
    assert (tmp_path / "出").exists() == (command == "fill")


@pytest.mark.usefixtures("pretending")
@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (["check", "没有.xlsx"], ExitCode.PATH, ""),
        (["check", "空"], ExitCode.PATH, "BAT006"),
        (["fill", "收", "--out", "收/出"], ExitCode.USAGE, "里面"),
        (["fill", "收", "--out", "文件"], ExitCode.PATH, "不是文件夹"),
        (["check", "收", "--pack", "没有"], ExitCode.PACK, PACK),
        (["check", "收", "--pack", PACK, "--templates", "没有"], ExitCode.PACK, "没有"),
        (["packs", "show", "没有"], ExitCode.PACK, PACK),
        (["packs", "check", "没有"], ExitCode.PACK, "不存在"),
        (["check", "收/邮.xlsx"], ExitCode.MAIL, "邮箱拒绝"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: ExitCode, word: str
) -> None:
    inbox(tmp_path, "表.xlsx", "邮.xlsx")
    (tmp_path / "空").mkdir()
    (tmp_path / "文件").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    result = run(*args)
    assert result.exit_code == code
    assert word in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("pretending")
def test_json_is_all_there_is_on_stdout(tmp_path: Path) -> None:
    folder = inbox(tmp_path, "1.xlsx", "2提醒.xlsx", "~$1.xlsx")
    result = run("check", folder, folder / "~$1.xlsx", "--json")
    value = json.loads(result.stdout)
    assert [Path(entry["path"]).name for entry in value["files"]] == ["1.xlsx", "2提醒.xlsx"]
    assert value["files"][0]["findings"] == []
    assert [entry["code"] for entry in value["files"][1]["findings"]] == ["BAT001"]
    assert [entry["code"] for entry in value["skipped"]] == ["BAT005"]
    assert "BAT005" in result.stderr


@pytest.mark.usefixtures("pretending")
def test_json_of_nothing_is_still_a_document(tmp_path: Path) -> None:
    (tmp_path / "空").mkdir()
    result = run("check", tmp_path / "空", "--json")
    assert json.loads(result.stdout)["files"] == []
    assert result.exit_code == ExitCode.PATH


@pytest.mark.usefixtures("pretending")
def test_a_second_run_skips_what_is_done(tmp_path: Path) -> None:
    folder = inbox(tmp_path, "1.xlsx", "甲/2.xlsx")
    assert run("fill", folder, "--out", tmp_path / "出").exit_code == 0
    inbox(tmp_path, "3.xlsx")
    result = run("fill", folder, "--out", tmp_path / "出", "--on-exists", "skip")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "共 3 个文件:完成 1,有提醒 0,需修改 0,失败 0,跳过 2"
    names = sorted(str(path.relative_to(tmp_path / "出")) for path in (tmp_path / "出").rglob("*.xlsx"))
    assert names == ["1_评分表.xlsx", "3_评分表.xlsx", "甲/2_评分表.xlsx"]
    assert run("fill", folder, "--out", tmp_path / "出", "--on-exists", "skip").exit_code == 0  # nothing left to do


def test_json_of_fill_always_has_summary_and_skipped(handed_in: Path) -> None:
    def keys_after(*args: str) -> tuple[str | None, list[str]]:
        value = json.loads(run("fill", *args, "--out", "出", "--json").stdout)
        assert list(value) == ["version", "files", "summary", "skipped"]
        return value["summary"], [entry["code"] for entry in value["skipped"]]

    (handed_in / "空").mkdir()
    assert keys_after("a.xlsx") == (None, [])
    assert keys_after("a.xlsx") == (None, ["BAT007"])
    assert keys_after("a.xlsx", "夹") == (str(Path("出/汇总.xlsx")), ["BAT007"])
    assert keys_after("a.xlsx", "夹") == (str(Path("出/汇总.xlsx")), ["BAT007", "BAT007"])
    assert keys_after("空") == (None, ["BAT006"])
    assert list(json.loads(run("check", "a.xlsx", "--json").stdout)) == ["version", "files"]


@pytest.mark.usefixtures("pretending")
@pytest.mark.parametrize("command", ["fill", "check"])
def test_our_own_fault_goes_to_a_log_not_to_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    out = ["--out", str(tmp_path / "出")] if command == "fill" else []
    result = run(command, inbox(tmp_path, "崩.xlsx", "好.xlsx"), *out)
    assert result.exit_code == ExitCode.BUG
    assert "KeyError" not in result.output
    (log,) = tmp_path.glob("出/*.log" if command == "fill" else "tmp/*.log")
    text = log.read_text(encoding="utf-8")
    assert "KeyError: 'x'" in text
    assert "崩.xlsx" in text
    assert str(log) in result.stderr


def test_a_fault_outside_the_files_is_caught_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("perfeval.cli.explain.catalogue", lambda: 1 // 0)
    result = run("explain")
    assert result.exit_code == ExitCode.BUG
    assert "Traceback" not in result.output
    (log,) = tmp_path.glob("*.log")
    assert "ZeroDivisionError" in log.read_text(encoding="utf-8")


@pytest.mark.usefixtures("pretending")
@pytest.mark.parametrize(
    ("names", "jobs", "most"),
    [(["1", "2停", "3"], "1", 2), (["1", "2终", "3"], "1", 2), (["1", "2停工"], "2", 200)],
    ids=["Ctrl-C", "SIGTERM", "two processes"],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_leaves_whole_files_and_says_how_to_go_on(
    tmp_path: Path, names: Sequence[str], jobs: str, most: int, as_json: bool
) -> None:
    more = [f"{number}.xlsx" for number in range(100, 1100)] if jobs == "2" else []
    folder = inbox(tmp_path, *(f"{name}.xlsx" for name in names), *more)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    result = run("fill", folder, "--out", tmp_path / "出", "--jobs", jobs, *(["--json"] if as_json else []))
    assert result.exit_code == ExitCode.INTERRUPTED
    written = [path for path in (tmp_path / "出").iterdir() if not path.name.startswith(".")]
    assert 1 <= len(written) <= most
    assert all(path.read_bytes() == b"done" and path.suffix == ".xlsx" for path in written)
    assert "重新运行" in result.stderr
    if as_json:
        value = json.loads(result.stdout)
        assert value["interrupted"] is True
        assert 1 <= len(value["files"]) <= len(written)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# ---- the terminal ----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (0, 10, 0.0, "[--------------------] 0/10"),
        (5, 10, 0.2, "[##########----------] 5/10"),
        (50, 100, 1.0, "[##########----------] 50/100  每秒 50 个  还需约 1 秒"),
        (1, 1000, 2.0, "[--------------------] 1/1000  每秒 0.5 个  还需约 33 分"),
        (10, 10, 1.0, "[####################] 10/10  每秒 10 个  还需约 0 秒"),
    ],
)
def test_progress_line(done: int, total: int, seconds: float, line: str) -> None:
    assert console.progress_line(done, total, seconds) == line


def test_progress_only_on_a_terminal_and_it_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, expected in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        shown = console.Console()
        shown.progress(10, 10)
        shown.message("说明")
        shown.finish()
        text = stream.getvalue()
        assert ("10/10" in text) == expected
        assert text.endswith("\r说明\n" if expected else "说明\n")


@pytest.mark.parametrize(
    ("env", "colour"), [({"TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_only_on_a_terminal_that_wants_them(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], colour: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert console.Console().look.colour == colour
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not console.Console().look.colour


# ---- as a program ----------------------------------------------------------------------------------------------------


def perfeval(
    *args: str, env: dict[str, str] | None = None, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "perfeval", *args],
        env={**os.environ, **(env or {})},
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("after", ["pass", "perfeval.cli.main(['--help'])", "perfeval.cli.main(['explain', 'VAL003'])"])
def test_starting_up_loads_nothing_heavy(after: str) -> None:
    heavy = ("pandas", "numpy", "openpyxl", "jinja2", "lxml", "python_calamine", "multiprocessing")
    script = (
        f"import sys\nimport perfeval.cli\ntry:\n    {after}\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "[]\n"


def test_output_is_utf8_whatever_the_locale() -> None:
    env = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"}
    done = perfeval("explain", "SYS001", env=env)
    assert "程序出错" in done.stdout.decode("utf-8")
    done = perfeval("check", "没有\udcff.xlsx", env=env)
    assert done.returncode == ExitCode.PATH
    assert "没有" in done.stdout.decode("utf-8")


def test_a_reader_that_goes_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        for args in (["explain"], ["--help"], ["packs", "show", PACK]):
            done = perfeval(*args, stdout=write_end)
            assert done.stderr == b"", args
    finally:
        os.close(write_end)


@pytest.mark.parametrize(("closing", "code"), [(">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0), (">/dev/full", 4)])
def test_streams_that_are_closed_or_full(closing: str, code: int) -> None:
    command = f"{shlex.quote(sys.executable)} -m perfeval explain {closing}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=60, check=False)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


# ---- explain, packs, new ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["VAL101", "val101"] if "VAL101" in catalogue() else ["OUT001", "out001"])
def test_explain_a_code(code: str) -> None:
    result = run("explain", code)
    entry = catalogue()[code.upper()]
    assert result.exit_code == 0
    assert entry.title in result.stdout
    assert entry.why in result.stdout
    assert json.loads(run("explain", code, "--json").stdout)["fix"] == entry.fix


def test_explain_lists_every_code_by_stage() -> None:
    listed = run("explain").stdout
    for code in catalogue():
        assert code in listed
    positions = [listed.index(f"{stage} {title}") for stage, title in STAGES.items() if f"{stage} {title}" in listed]
    assert positions == sorted(positions)
    assert [entry["code"] for entry in json.loads(run("explain", "--json").stdout)] == list(catalogue())


def test_packs_list_and_check() -> None:
    assert PACK in run("packs", "list").stdout
    (entry,) = [entry for entry in json.loads(run("packs", "list", "--json").stdout) if entry["id"] == PACK]
    assert entry["title"] == load_pack(PACK).title
    by_id, by_folder = run("packs", "check", PACK), run("packs", "check", load_pack(PACK).folder)
    assert by_id.exit_code == by_folder.exit_code == 0
    assert by_id.stdout == by_folder.stdout


@pytest.fixture
def own_pack(tmp_path: Path) -> Path:
    """A copy of a pack to spoil."""
    return Path(shutil.copytree(load_pack(PACK).folder, tmp_path / "packs" / PACK))


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_packs_check_names_key_and_remedy(own_pack: Path) -> None:
    assert run("packs", "check", own_pack).exit_code == 0
    spoil(own_pack / "rules.toml", "points = 40", "ponits = 40")
    result = run("packs", "check", own_pack)
    assert result.exit_code == ExitCode.PACK
    assert "ponits" in result.stdout
    listed = run("packs", "list", "--templates", own_pack.parent)
    assert listed.exit_code == ExitCode.PACK
    assert "不能使用" in listed.stdout
    assert json.loads(run("packs", "check", own_pack, "--json").stdout)["findings"]


@pytest.mark.parametrize("part", ["form", "narrative"])
def test_packs_check_tries_the_form_and_the_text_blocks(own_pack: Path, part: str) -> None:
    if part == "form":
        (own_pack / "form.xlsx").write_bytes(b"no workbook")
    else:
        block = min((own_pack / "narrative").glob("[!_]*.j2"))
        block.write_text("{{ no_such_name }}", encoding="utf-8")
    result = run("packs", "check", own_pack)
    assert result.exit_code == ExitCode.PACK, result.output
    assert result.stdout.splitlines()[-1].endswith("1 处需要看")
    assert "Traceback" not in result.output
    told = json.loads(run("packs", "check", own_pack, "--json").stdout)
    assert [finding["code"] for finding in told["findings"]] == ["PAK101" if part == "form" else "PAK902"]


def test_packs_show_tells_our_own_readings_apart() -> None:
    page = run("packs", "show", PACK).stdout
    stated, ours = page.split("由本工具选定的读法", 1)
    pack = load_pack(PACK)
    assert all(group.name in stated for group in pack.groups)
    assert all(source.title in ours for source in pack.sources.values() if source.key != "house")
    assert "house" not in page


def test_broken_pack_error_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PackError("评分体系「x」有错误")

    monkeypatch.setattr("perfeval.pack.load_pack", refuse)
    result = run("packs", "show", "x")
    assert (result.exit_code, result.stderr) == (ExitCode.PACK, "错误:评分体系「x」有错误\n")


# ---- the whole, on the samples ---------------------------------------------------------------------------------------

SAMPLES = Path(__file__).parents[1] / "samples" / "inbox"
REAL = SAMPLES / "江门市投资促进局" / "招商引资专项经费.xlsx"


def test_fill_and_check_a_folder_of_samples(tmp_path: Path) -> None:
    out = tmp_path / "结果"
    done = perfeval("fill", str(SAMPLES), "--out", str(out), "--json", "--jobs", "2")
    assert done.returncode == ExitCode.FOUND_ERRORS
    assert done.stderr == b""
    files = json.loads(done.stdout)["files"]
    inputs = [path for path in SAMPLES.rglob("*") if path.is_file()]
    assert sorted(entry["path"] for entry in files) == sorted(map(str, inputs))
    for entry in files:
        assert (entry["status"] == "failed") == (entry["output"] is None) == (entry["form"] is None)
        if entry["output"] is not None:
            source, result = Path(entry["path"]), Path(entry["output"])
            assert zipfile.is_zipfile(result)
            assert result.parent.relative_to(out) == source.parent.relative_to(SAMPLES)
            assert result.name.startswith(f"{source.stem}_评分表.xls")
    written = {path for path in out.rglob("*.xls?") if path.is_file()}
    assert written == {Path(entry["output"]) for entry in files if entry["output"]} | {out / "汇总.xlsx"}

    checked = run("check", SAMPLES)
    assert checked.exit_code == ExitCode.FOUND_ERRORS
    closing = checked.stdout.splitlines()[-1]
    statuses = [entry["status"] for entry in files]
    assert closing.startswith(f"共 {len(files)} 个文件:")
    assert closing.endswith(f"需修改 {statuses.count('error')},失败 {statuses.count('failed')}")

    for option in ("--on-exists", "skip"), ("--on-exists", "overwrite"), ("--on-exists", "suffix"):
        again = perfeval("fill", str(SAMPLES), "--out", str(out), *option)
        assert f"跳过 {len(written) - 1}".encode() in again.stdout  # all but the summary
        assert {path for path in out.rglob("*.xls?") if path.is_file()} == written


def test_findings_in_json_and_on_the_terminal_are_the_same() -> None:
    (entry,) = json.loads(run("check", REAL, "--json").stdout)["files"]
    text = run("check", REAL).stdout
    assert len(entry["findings"]) > 3
    for finding in entry["findings"]:
        assert f"{finding['code']}  {finding['sheet']}" in text
        assert finding["message"] in text
        assert f"改法:{finding['fix']}" in text


def test_explain_a_score_of_a_sample() -> None:
    whole = run("explain", REAL).stdout
    assert whole.count("得分 ") >= 13
    assert "合计 98.85" in whole
    (row,) = json.loads(run("explain", REAL, "$h$19", "--json").stdout)["indicators"]
    assert row["score"] == {"exact": "302/51", "shown": "5.92"}
    text = run("explain", REAL, "指标评分表!H19").stdout
    assert row["name"] in text
    assert all(step["formula"] in text and step["source"] in text for step in row["steps"])
    elsewhere = run("explain", REAL, "A1")
    assert elsewhere.exit_code == ExitCode.USAGE
    assert "19" in elsewhere.stderr


def test_explain_honours_the_sheet_of_an_address(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(REAL)
    book.copy_worksheet(book.active).title = "项目 二"
    book.save(tmp_path / "两张.xlsx")
    both = run("explain", tmp_path / "两张.xlsx", "H19").stdout
    assert both.count("得分 5.92") == 2
    for address in ("'项目 二'!H19", "项目 二!$H$19", "项目 二!H19"):
        one = run("explain", tmp_path / "两张.xlsx", address).stdout
        assert one.count("得分 5.92") == 1 and "【项目 二】" in one and "【指标评分表】" not in one
    (row,) = json.loads(run("explain", tmp_path / "两张.xlsx", "'项目 二'!H19", "--json").stdout)["indicators"]
    assert row["sheet"] == "项目 二"
    for path in (tmp_path / "两张.xlsx", REAL):
        wrong = run("explain", path, "xx!H19")
        assert wrong.exit_code == ExitCode.USAGE and wrong.stdout == ""
        assert "「xx」" in wrong.stderr and "「指标评分表」" in wrong.stderr


def test_explain_says_why_a_row_has_no_score() -> None:
    path = SAMPLES / "澜江市教育局" / "校舍安全排查.xlsx"
    row = run("explain", path, "H15").stdout
    assert "无法得出" in row and re.findall(r"[A-Z]{3}\d{3}  指标评分表!([A-Z]+\d+)", row) == ["G15", "I15"]
    assert run("explain", REAL).stdout.count("改法") == 0  # every row has its score


def test_explain_the_score_of_the_funds_by_its_cell(tmp_path: Path) -> None:
    run("new", "--pack", "mof-2020", "--out", tmp_path / "空白.xlsx")
    row = run("explain", tmp_path / "空白.xlsx", "I6")
    assert row.stdout.startswith("预算执行率  得分 无法得出(I6)") and "SCR005" in row.stdout


def test_explain_a_file_without_form_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "空.xlsx").write_bytes(b"")
    result = run("explain", tmp_path / "空.xlsx")
    assert result.exit_code == ExitCode.FOUND_ERRORS
    assert "TPL" in result.stderr
    assert run("explain", tmp_path / "没有.xlsx").exit_code == ExitCode.PATH
    assert run("explain", tmp_path).exit_code == ExitCode.USAGE


@pytest.mark.parametrize("out", ["空白.xlsx", "分发", "分发/空白.XLSX"])
def test_new_writes_a_blank_form(tmp_path: Path, out: str) -> None:
    result = run("new", "--pack", PACK, "--out", tmp_path / out)
    assert result.exit_code == 0, result.output
    written = Path(result.stdout.strip())
    assert zipfile.is_zipfile(written)
    assert tmp_path / out in (written, written.parent)
    first = written.read_bytes()
    second = Path(run("new", "--pack", PACK, "--out", tmp_path / out).stdout.strip())
    assert second.stem == f"{written.stem}_2"
    assert second.read_bytes() == first
    assert run("new", "--pack", PACK, "--out", written, "--on-exists", "skip").stdout == ""


def test_on_a_terminal_lines_are_coloured_and_progress_is_shown() -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "perfeval", "check", str(SAMPLES), "--jobs", "1"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"},
    )
    os.close(terminal)
    seen = b""
    with contextlib.suppress(OSError):  # EIO: the program has ended and closed the terminal
        while piece := os.read(controller, 65536):
            seen += piece
    os.close(controller)
    assert process.wait() == ExitCode.FOUND_ERRORS
    text = seen.decode("utf-8")
    assert "\x1b[1;31m" in text
    assert re.search(r"\[#*-*\] \d+/\d+", text)
    shown = re.sub(r"\x1b\[[\d;]*m", "", text).replace("\r\n", "\n")
    lines = [line.rpartition("\r")[2] for line in shown.rstrip().split("\n")]
    assert lines[-1].startswith("共 ")
    wrapped = [line for line in lines if line.startswith(" " * 13)]
    assert wrapped
    assert all(columns(line) <= 80 for line in wrapped)


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.1])
def test_a_killed_run_leaves_only_whole_files_and_the_next_one_completes(tmp_path: Path, pause: float) -> None:
    folder = inbox(tmp_path, *(f"{number}.xlsx" for number in range(60)))
    for path in folder.iterdir():
        path.write_bytes(REAL.read_bytes())
    out = tmp_path / "出"
    process = subprocess.Popen(
        [sys.executable, "-m", "perfeval", "fill", str(folder), "--out", str(out), "--jobs", "2"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(pause)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    results = [path for path in out.iterdir() if not path.name.startswith(".")]
    assert results
    assert {path.suffix for path in results} == {".xlsx"}
    assert len({path.read_bytes() for path in results}) == 1
    finished = run("fill", folder, "--out", out, "--jobs", "1")
    assert finished.exit_code == 0
    assert len({path.name for path in out.glob("*_评分表.xlsx")}) == 60


# ---- what was put in stays as it is ----------------------------------------------------------------------------------


@pytest.fixture
def handed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two forms, one in a folder, and a link to the other; rosters; a pack of one's own. The command runs there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "夹").mkdir()
    for name in ("a.xlsx", "夹/b.xlsx"):
        (tmp_path / name).write_bytes(REAL.read_bytes())
    (tmp_path / "别名.xlsx").symlink_to("a.xlsx")
    for name in ("r.csv", "名册_按单位.csv", "甲局_A.csv.xlsx"):
        (tmp_path / name).write_text("单位,项目\n甲局,A.csv\n", encoding="utf-8")
    shutil.copytree(load_pack(PACK).folder, tmp_path / "体系" / PACK)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "args",
    [
        "fill a.xlsx --out 出 --summary a.xlsx",
        "fill a.xlsx 夹/b.xlsx --out 出 --summary 夹/../夹/b.xlsx",
        "summary a.xlsx 夹/b.xlsx --out a.xlsx",
        "summary 夹 --out 夹/b.xlsx",
        "summary a.xlsx --out 别名.xlsx",
        "summary 别名.xlsx --out a.xlsx",
        "summary 夹 --roster r.csv --out r.csv",
        "summary 夹 --roster 名册_按单位.csv --out 名册.csv",
        "diff a.xlsx 夹/b.xlsx --out a.xlsx",
        "diff 夹/b.xlsx --out 夹/b.xlsx",
        f"new --pack {PACK} --templates 体系 --out 体系/{PACK}/form.xlsx",
        f"new --pack {PACK} --roster 甲局_A.csv.xlsx --out .",
    ],
)
def test_no_output_replaces_an_input(handed_in: Path, args: str) -> None:
    before = contents(handed_in)
    result = run(*args.split(), "--on-exists", "overwrite")
    assert result.exit_code == ExitCode.USAGE, result.output
    assert "会盖掉它" in result.stderr and "另写一个文件名" in result.stderr
    assert contents(handed_in) == before


def test_a_summary_beside_fill_gives_way_to_inputs_and_results(handed_in: Path) -> None:
    (handed_in / "汇总.xlsx").write_bytes(REAL.read_bytes())
    assert run("fill", "汇总.xlsx", "夹/b.xlsx", "--out", ".", "--on-exists", "overwrite").exit_code == 0
    assert (handed_in / "汇总.xlsx").read_bytes() == REAL.read_bytes()
    assert is_summary("汇总_2.xlsx")
    run("fill", "夹", "--out", "出", "--on-exists", "overwrite", "--summary", "出/b_评分表.xlsx")
    assert not is_summary("出/b_评分表.xlsx") and is_summary("出/b_评分表_2.xlsx")


def test_a_summary_of_ours_is_replaced_where_that_is_wanted(handed_in: Path) -> None:
    again = ("夹", "汇总.xlsx", "--out", "汇总.xlsx", "--on-exists", "overwrite")
    run("summary", "a.xlsx", "--out", "汇总.xlsx")
    first = (handed_in / "汇总.xlsx").read_bytes()
    assert run("summary", *again).stdout.splitlines()[0] == "汇总.xlsx"
    assert (handed_in / "汇总.xlsx").read_bytes() != first


def test_a_summary_that_cannot_be_makes_no_folder(handed_in: Path) -> None:
    for name in ("汇总.csv", "夹/汇总.xlsx"):
        assert run("fill", "夹", "--out", "出", "--summary", name).exit_code == ExitCode.USAGE
    assert not (handed_in / "出").exists()
