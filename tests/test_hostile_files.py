"""Files that want all the memory or time, and folders in which somebody else has planted links or keeps his own.

The bombs are opened by a child process that may not take more memory than a small office computer has to spare.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from perfeval.cli import buglog, program
from perfeval.errors import ExitCode, PathError
from perfeval.files import TEMPORARY_PREFIX, write_atomic
from perfeval.ledger import ledger_path, open_ledger
from perfeval.mail.register import Register
from perfeval.pack import load_pack
from perfeval.pipeline import Options, inspect
from perfeval.planning import is_summary
from perfeval.watch.lock import NAME as LOCK
from perfeval.watch.lock import only_one
from perfeval.workbook.guard import LIMITS
from tests.support.clerk import filled
from tests.test_memory import FIELDS, ROWS

FORM = filled(load_pack("jiangmen-2024"), FIELDS, ROWS)
SHEET = "xl/worksheets/sheet1.xml"
NAMES = tuple(zipfile.ZipFile(io.BytesIO(FORM)).namelist())
XML = zipfile.ZipFile(io.BytesIO(FORM)).read(SHEET).decode()
MEMORY = 1 << 30
SECONDS = 60
posix = pytest.mark.skipif(os.name == "nt", reason="users and links as POSIX has them")
as_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become another user")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args])


# ---- bombs -----------------------------------------------------------------------------------------------------------


def with_sheet(xml: str) -> bytes:
    """The filled form with another worksheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(FORM)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in NAMES:
            target.writestr(name, xml if name == SHEET else source.read(name))
    return out.getvalue()


def rows(xml: str) -> bytes:
    return with_sheet(XML.replace("</sheetData>", f"{xml}</sheetData>", 1))


def after(xml: str) -> bytes:
    return with_sheet(XML.replace("</mergeCells>", f"</mergeCells>{xml}", 1))


def merges(xml: str) -> bytes:
    return with_sheet(XML.replace("</mergeCells>", f"{xml}</mergeCells>", 1))


def ods(table: str) -> bytes:
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f"<office:document-content{spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="a">{table}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return out.getvalue()


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


REPEATED = '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
CELL = '<table:table-cell office:value-type="string"><text:p>?</text:p></table:table-cell>'
VALIDATIONS = "".join(
    f'<dataValidation type="list" sqref="A{n}"><formula1>"a"</formula1></dataValidation>' for n in range(1, 100_000)
)
# What makes the file, and the code of the refusal; "" where the form is read as if nothing were there.
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "300 MB of nothing": (lambda: rows(" " * 300_000_000), "TPL006"),
    "90 MB, below the ratio's limit but for the tree": (lambda: rows(" " * 90_000_000), "TPL006"),
    "entities in entities": (
        lambda: with_sheet(f'<!DOCTYPE a [<!ENTITY a "{"x" * 50_000}"><!ENTITY b "{"&a;" * 50_000}">]>{XML}'),
        "TPL007",
    ),
    "one long entity, many times": (
        lambda: with_sheet(f'<!DOCTYPE a [<!ENTITY a "{"x" * 90_000}">]>' + XML.replace("<sheetData>", "&a;" * 90_000)),
        "TPL007",
    ),
    "an entity of the disk": (lambda: with_sheet('<!DOCTYPE a SYSTEM "file:///etc/passwd">' + XML), "TPL007"),
    "the last cell there is": (lambda: rows(f'<row r="1048576">{text_cell("XFD1048576", "x")}</row>'), ""),
    "a dimension of everything": (
        lambda: with_sheet(XML.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')),
        "",
    ),
    "one merge over everything": (lambda: merges('<mergeCell ref="A100:XFD1048576"/>'), ""),
    "merges over each other": (
        lambda: merges("".join(f'<mergeCell ref="A{n}:H{n + 500}"/>' for n in range(100, 30_100))),
        "TPL006",
    ),
    "many merges of whole rows": (
        lambda: merges("".join(f'<mergeCell ref="A{n}:XFD{n}"/>' for n in range(100, 30_100))),
        "TPL006",
    ),
    "a million empty rows": (lambda: rows("<row/>" * 1_000_000), ""),
    "tags never closed": (lambda: rows('<row r="500">' + "<c " * 1_000_000), ""),
    "comments never closed": (lambda: rows("<!--" * 1_000_000), "TPL012"),
    "elements in elements": (lambda: rows("<a>" * 1_000_000), ""),
    "attributes without end": (
        lambda: rows(f'<row r="500" {" ".join(f"a{n}={chr(34)}1{chr(34)}" for n in range(100_000))}/>'),
        "",
    ),
    "a number of 60,000 digits": (lambda: rows(f'<row r="500">{text_cell("A500", "9" * 60_000)}</row>'), ""),
    "a text of a million letters": (lambda: rows(f'<row r="500">{text_cell("A500", "x" * 1_000_000)}</row>'), "TPL006"),
    "a text of a million letters in a spreadsheet": (
        lambda: ods(f"<table:table-row>{CELL.replace('?', 'x' * 1_000_000)}</table:table-row>"),
        "TPL006",
    ),
    "brackets in brackets in a formula": (
        lambda: rows(f'<row r="500"><c r="A500"><f>{"(" * 8000}</f><v>1</v></c></row>'),
        "",
    ),
    "validations for everything": (lambda: after(f"<dataValidations>{VALIDATIONS}</dataValidations>"), "TPL006"),
    "a spreadsheet of repeated cells": (
        lambda: ods(f'<table:table-row table:number-rows-repeated="1048576">{REPEATED}</table:table-row>'),
        "TPL014",
    ),
}

OPEN = """
import json, resource, sys
from pathlib import Path
memory, seconds = map(int, sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
from perfeval.pipeline import Options, fill
for path in map(Path, sys.argv[3:]):
    outcome = fill(path, path.with_name(f"{path.stem}_out.xlsx"), Options())
    found = [finding.code for finding in outcome.findings]
    print(json.dumps([path.stem, outcome.status, outcome.bug, found]), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to its share of memory")
def test_no_bomb_takes_the_memory_or_the_time(tmp_path: Path) -> None:
    for name, (make, _) in BOMBS.items():
        (tmp_path / f"{name}.xlsx").write_bytes(make())
    command = [
        sys.executable,
        "-c",
        OPEN,
        str(MEMORY),
        str(SECONDS),
        *(str(tmp_path / f"{name}.xlsx") for name in BOMBS),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10 * SECONDS, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line[0] for line in told] == list(BOMBS), done.stderr
    for name, status, bug, found in told:
        expected = BOMBS[name][1]
        assert bug is None, (name, bug)
        assert (status == "failed") == bool(expected), (name, status, found)
        assert not expected or found == [expected], name


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "收" / "大.xlsx"
    path.parent.mkdir()
    with path.open("wb") as stream:
        stream.write(FORM)
        stream.truncate(LIMITS.file_size + 1)
    assert [finding.code for finding in inspect(path, Options()).findings] == ["TPL006"]
    assert not is_summary(path)
    roster = run("new", "--roster", path, "--pack", "jiangmen-2024", "--out", tmp_path / "发")
    assert roster.exit_code == ExitCode.PATH and "128 MB" in roster.output
    (path.parent / "好.xlsx").write_bytes(FORM)
    watched = run(
        "watch", path.parent, "--out", tmp_path / "看", "--once", "--settle", "0", "--interval", "0.1", "--poll"
    )
    assert "TPL006" in watched.output
    assert path.exists() and not (path.parent / "好.xlsx").exists()  # told, left where it is, and in nobody's way


# ---- links -----------------------------------------------------------------------------------------------------------


@posix
def test_a_link_in_place_of_a_file_of_ours_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "别人的"
    theirs.mkdir()
    out = tmp_path / "结果"
    for place in (ledger_path(out), ledger_path(out).with_name("mail.lock"), out / LOCK, out / buglog.NAME):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(theirs / place.name)  # what is not there yet would be made
    ledger, [said] = open_ledger(out)
    assert ledger is None and said.code == "BAT011" and "链接" in said.message
    with pytest.raises(PathError, match="链接"):
        Register(out)
    ledger_path(out).unlink()
    with pytest.raises(PathError, match="链接"):
        Register(out)
    with pytest.raises(PathError), only_one((out,)):
        pass
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(out / "tmp"))
    assert buglog.record("bug", "x", out) == out / "tmp" / f"perfeval-{buglog.NAME}"
    assert list(theirs.iterdir()) == []


@posix
def test_a_temporary_name_that_is_taken_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", bytes)  # as if somebody could guess it
    secret = tmp_path / "别人的"
    secret.write_bytes(b"theirs")
    (tmp_path / f"{TEMPORARY_PREFIX}{bytes(8).hex()}.tmp").symlink_to(secret)
    with pytest.raises(FileExistsError):
        write_atomic(tmp_path / "表.xlsx", b"ours")
    assert secret.read_bytes() == b"theirs" and not (tmp_path / "表.xlsx").exists()


@posix
def test_links_that_go_round_in_circles_end(tmp_path: Path) -> None:
    inbox = tmp_path / "收"
    (inbox / "甲").mkdir(parents=True)
    (inbox / "甲" / "表.xlsx").write_bytes(FORM)
    (inbox / "甲" / "圈").symlink_to(inbox)
    (inbox / "自己.xlsx").symlink_to(inbox / "自己.xlsx")
    (inbox / "甲" / "信.eml").write_bytes(b"From: a@b.example\r\nSubject: x\r\n\r\nx\r\n")
    for command in (("fill", inbox, "--out", tmp_path / "填"), ("mail", inbox, "--out", tmp_path / "信")):
        assert run(*command).exit_code in (0, 1)
    assert [path.name for path in (tmp_path / "填").rglob("*.xlsx")] == ["表_评分表.xlsx"]


# ---- another user's files --------------------------------------------------------------------------------------------


def as_nobody(work: Callable[[], object]) -> str:
    """What `work` returns as a user without rights, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            text = str(work())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
        told = stream.read().decode()
    os.waitpid(child, 0)
    return told


def opened_up(folder: Path) -> None:
    """Let everybody reach `folder`; pytest keeps its folders to their owner."""
    for above in folder.parents:
        if above.name.startswith(("pytest-", "popen-")):
            above.chmod(0o755)
    folder.chmod(0o755)


@as_root
def test_what_belongs_to_another_user_is_told_and_stays_as_it_is(tmp_path: Path) -> None:
    opened_up(tmp_path)
    inbox, closed, shared = tmp_path / "收", tmp_path / "只读", tmp_path / "共用"
    for folder, mode in ((inbox, 0o755), (closed, 0o755), (shared, 0o1777)):
        folder.mkdir()
        folder.chmod(mode)
    (inbox / "表.xlsx").write_bytes(FORM)
    (inbox / "密.xlsx").write_bytes(FORM)
    (inbox / "密.xlsx").chmod(0o600)
    (shared / "表_评分表.xlsx").write_bytes(b"theirs")
    (shared / "表_评分表.xlsx").chmod(0o644)
    run("fill", inbox, "--out", tmp_path / "先")  # loads the modules, which the other user may not reach
    told = as_nobody(lambda: run("fill", inbox / "表.xlsx", "--out", closed).output)
    assert "OUT001" in told and "没有权限" in told and "Traceback" not in told
    assert list(closed.iterdir()) == []
    told = as_nobody(lambda: run("check", inbox).output)
    assert "BAT003" in told and "没有权限" in told and "表.xlsx" in told
    told = as_nobody(lambda: run("fill", inbox / "表.xlsx", "--out", shared, "--on-exists", "overwrite").output)
    assert "OUT002" in told and "Traceback" not in told  # in a folder such as /tmp only its owner may replace a file
    assert (shared / "表_评分表.xlsx").read_bytes() == b"theirs"
    assert not [path for path in shared.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]


@as_root
@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ("fill 密.xlsx 表.xlsx --out 出/1", 4, "密.xlsx」无法读取:没有权限|/出/1/表_评分表.xlsx"),
        ("check 密.xlsx 锁 锁/x.xlsx 表.xlsx", 4, "密.xlsx」|锁」|锁/x.xlsx」|提醒 1"),
        ("summary 密.xlsx 表.xlsx --out 出/汇总.xlsx", 4, "BAT003|密.xlsx」无法读取|出/汇总.xlsx"),
        ("summary 表.xlsx --roster 密.xlsx --out 出/2.xlsx", 4, "密.xlsx」无法读取:没有权限"),
        ("new --pack jiangmen-2024 --roster 密.xlsx --out 出/3", 4, "密.xlsx」无法读取:没有权限"),
        ("diff 密.xlsx 表.xlsx", 4, "BAT003"),
        ("explain 锁/x.xlsx", 4, "BAT003"),
        ("mail 密.xlsx 锁 --out 出/4", 4, "密.xlsx」无法读取|锁」无法读取"),
        ("watch 锁 --out 出/5 --once", 4, "没有权限"),
        ("packs new 密.xlsx --id abc --out 出", 4, "密.xlsx」无法读取"),
        ("fill 表.xlsx --out 锁", 4, "OUT001"),
        ("fill 表.xlsx --out 出/6 --summary 锁/x.xlsx", 4, "锁/x.xlsx」用不了:没有权限"),
        ("new --pack jiangmen-2024 --out 锁/x.xlsx", 4, "没有权限"),
        ("packs check 锁", 3, "PAK002  rules.toml|没有权限"),
        ("packs check 体系/锁文字", 3, "PAK002  narrative|没有权限"),
        ("packs list --templates 体系", 3, "锁着            (有错误,不能使用)|没有权限"),
        ("check 表.xlsx --templates 锁", 3, "锁」打不开:没有权限"),
        ("check 表.xlsx --templates 锁/x", 3, "锁/x」打不开:没有权限"),
    ],
)
def test_without_rights_each_path_is_told_by_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: str, code: int, words: str
) -> None:
    def prepared(name: str) -> list[str]:
        folder = tmp_path / name
        (folder / "出").mkdir(parents=True)
        (folder / "出").chmod(0o777)
        for form in ("表.xlsx", "密.xlsx"):
            (folder / form).write_bytes(FORM)
        shutil.copytree(load_pack("jiangmen-2024").folder, folder / "体系" / "锁文字")
        for closed in ("锁", "体系/锁着"):
            (folder / closed).mkdir()
        for closed in ("密.xlsx", "锁", "体系/锁着", "体系/锁文字/narrative"):
            (folder / closed).chmod(0)
        return [f"{name}/{word}" if word[0] > "z" else word for word in args.split()]

    def told_of(words: list[str]) -> str:
        result = run(*words)
        return f"{result.exit_code}\n{result.output}"

    opened_up(tmp_path)
    monkeypatch.chdir(tmp_path)
    told_of(prepared("甲"))  # loads the modules, which the other user may not reach
    line = prepared("乙")
    found, _, told = as_nobody(lambda: told_of(line)).partition("\n")
    assert found == str(code), told
    assert all(word in told for word in words.split("|")), told
    assert "Traceback" not in told and "用法" not in told
