"""What one run keeps for the next: never another result, never in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import perfeval
from perfeval import kept as module
from perfeval.kept import keep, kept
from perfeval.pipeline import Options, fill, layouts_of

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where things are kept, with writing allowed."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(module, "_folder", lambda: tmp_path)
    return tmp_path


def test_what_is_kept_is_found_again(folder: Path) -> None:
    keep("a", b"from", lambda: b"data")
    assert kept("a", b"from") == b"data"
    keep("a", b"from", lambda: b"newer")
    assert kept("a", b"from") == b"newer"
    assert [path.suffix for path in folder.iterdir()] == [".kept"]


@pytest.mark.parametrize(("name", "origin"), [("b", b"from"), ("a", b"From"), ("a", b"fro"), ("a", b"fromd")])
def test_nothing_is_found_under_another_name_or_origin(folder: Path, name: str, origin: bytes) -> None:
    keep("a", b"from", lambda: b"data")
    assert kept(name, origin) is None


def test_what_another_version_of_the_program_kept_is_not_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep("a", b"from", lambda: b"data")
    monkeypatch.setattr(module, "_program", lambda: b"another")
    assert kept("a", b"from") is None


def test_what_a_disk_has_damaged_is_not_found(folder: Path) -> None:
    keep("a", b"from", lambda: b"data")
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place])
        assert kept("a", b"from") is None
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert kept("a", b"from") is None
    path.write_bytes(whole)
    assert kept("a", b"from") == b"data"


def test_where_nothing_can_be_written_nothing_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_bytes(b"")
    for place in (folder / "file", folder / "absent", None):
        monkeypatch.setattr(module, "_folder", lambda place=place: place)
        keep("a", b"from", lambda: b"data")
        assert kept("a", b"from") is None


def test_nothing_is_made_where_it_could_not_be_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    keep("a", b"from", lambda: pytest.fail("made in vain"))
    assert not [*folder.iterdir()]


def test_nothing_is_kept_where_python_keeps_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    keep("a", b"from", lambda: b"data")
    assert not [*folder.iterdir()]


# ---- the program -----------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """A copy of the program with its packs, which has never run."""
    yield Program(tmp_path)


class Program:
    """Runs a copy of the program, each time as a new process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.packs = home / "program" / "perfeval" / "templates"
        self.cache = home / "cache"
        self._runs = 0
        source = Path(perfeval.__file__).parent
        shutil.copytree(source, self.packs.parent, ignore=shutil.ignore_patterns("__pycache__"))
        if not self.packs.is_dir():
            shutil.copytree(ROOT / "templates", self.packs)

    def fill(self, *options: str, keeping: bool = True, before: str = "") -> bytes:
        """The finished form of a sample with blank sections; `before` runs in the same process ahead of the program."""
        (sample,) = (ROOT / "samples" / "inbox").rglob("*图书馆*.xlsx")
        self._runs += 1
        out = self.home / f"out{self._runs}"
        environment = {**os.environ, "PYTHONPATH": str(self.packs.parents[1]), "PYTHONPYCACHEPREFIX": str(self.cache)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if not keeping:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        script = f"{before}\nfrom perfeval.cli import main\nmain()"
        command = [sys.executable, "-X", "utf8", "-c", script, "fill", str(sample), "--out", str(out), *options]
        done = subprocess.run(
            command, cwd=self.home, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        (result,) = out.glob("*.xlsx")
        return result.read_bytes()

    def kept(self) -> dict[str, int]:
        """Names of what is kept and when it was written."""
        return {path.name.partition(".cpython")[0]: path.stat().st_mtime_ns for path in self.cache.rglob("*.kept")}


def test_a_form_that_is_in_use_can_be_kept_too(folder: Path, inbox: Path) -> None:
    """What a run has drawn from it meanwhile must not come in the way of the next."""
    layouts_of.cache_clear()
    (sample,) = inbox.rglob("*图书馆*.xlsx")
    assert fill(sample, folder / "out.xlsx", Options()).output
    for kept_form in folder.glob("*.kept"):
        kept_form.unlink()
    layouts_of.cache_clear()
    known = [layout.pack.id for layout in layouts_of(Options())]
    layouts_of.cache_clear()
    assert {f"{pack}.layout" for pack in known} <= {path.name.partition(".cpython")[0] for path in folder.iterdir()}
    assert [layout.pack.id for layout in layouts_of(Options())] == known
    layouts_of.cache_clear()


def test_a_run_gives_the_same_with_and_without_what_was_kept(program: Program) -> None:
    alone = program.fill(keeping=False)
    assert not program.kept()
    assert program.fill() == alone
    first = program.kept()
    assert {"jiangmen-2024.layout", "jiangmen-2024.goals.j2", "mof-2020.layout"} <= first.keys()
    assert program.fill() == alone
    assert program.kept() == first, "what is kept was made again"


def test_a_second_run_parses_no_rules_and_compiles_no_block(program: Program) -> None:
    forbidden = """
import jinja2.environment, sys
sys.modules["tomllib"] = None
def compile(*_args, **_options): raise AssertionError("a block was compiled")
jinja2.environment.Environment.compile = compile
"""
    assert program.fill() == program.fill(before=forbidden)


def test_a_change_of_a_pack_that_came_with_the_program_counts_at_once(program: Program) -> None:
    before = program.fill()
    block = program.packs / "jiangmen-2024" / "narrative" / "goals.j2"
    block.write_text(block.read_text(encoding="utf-8") + "\n\n另有说明。", encoding="utf-8")
    worded = program.fill()
    assert worded != before
    rules = program.packs / "jiangmen-2024" / "rules.toml"
    text = rules.read_text(encoding="utf-8")
    assert text.count('version = "1"') == 1
    stamp = rules.stat()
    rules.write_text(text.replace('version = "1"', 'version = "2"'), encoding="utf-8")
    os.utime(rules, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as unpacking an archive leaves it
    numbered = program.fill()
    assert numbered != worded
    assert program.fill(keeping=False) == numbered


def test_a_change_of_the_program_counts_at_once(program: Program) -> None:
    before = program.fill()
    stale = program.kept()
    environment = program.packs.parent / "narrative" / "environment.py"
    text = environment.read_text(encoding="utf-8")
    assert text.count('return f"{_clause(text)}。"') == 1
    environment.write_text(text.replace('{_clause(text)}。"', '{_clause(text)}！"'), encoding="utf-8")
    assert program.fill() != before
    fresh = program.kept()
    assert fresh.keys() == stale.keys()
    assert all(fresh[name] > stale[name] for name in stale)


def test_links_that_lead_nowhere_hide_no_change(program: Program) -> None:
    """An editor's lock is one."""
    for number in range(8):  # whichever comes before the files in the order of the folder
        for folder in (program.packs / "jiangmen-2024", program.packs.parent):
            (folder / f".#{number}.py").symlink_to("nowhere")
    before = program.fill()
    assert program.kept()
    rules = program.packs / "jiangmen-2024" / "rules.toml"
    rules.write_text(rules.read_text(encoding="utf-8").replace('version = "1"', 'version = "2"'), encoding="utf-8")
    assert program.fill() != before


def test_a_pack_from_elsewhere_is_read_anew_by_every_run(program: Program) -> None:
    own = program.home / "own"
    shutil.copytree(program.packs / "jiangmen-2024", own / "our-2024")
    rules = own / "our-2024" / "rules.toml"
    text = rules.read_text(encoding="utf-8").replace('id = "jiangmen-2024"', 'id = "our-2024"')
    rules.write_text(text, encoding="utf-8")
    program.fill("--templates", str(own), "--pack", "our-2024")
    assert not program.kept()
