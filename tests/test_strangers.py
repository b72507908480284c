"""Folders that other people can write to: what they plant there is neither followed nor written to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from perfeval.cli import buglog, program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and owners as POSIX has them")
SAMPLE = "江门市投资促进局/招商引资专项经费.xlsx"
RESULT = "招商引资专项经费_评分表.xlsx"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(program, [str(arg) for arg in args])


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A file that belongs to somebody else."""
    path = tmp_path / "别人的文件"
    path.write_bytes(b"theirs")
    return path


@pytest.mark.parametrize("planted", [".perfeval", ".perfeval/ledger.sqlite"])
def test_a_ledger_that_is_a_link_is_not_used(planted: str, theirs: Path, tmp_path: Path, inbox: Path) -> None:
    out = tmp_path / "结果"
    place = out / planted
    place.parent.mkdir(parents=True)
    elsewhere = tmp_path / "别处"
    elsewhere.mkdir()
    place.symlink_to(elsewhere if planted == ".perfeval" else theirs)
    done = run("fill", inbox / SAMPLE, "--out", out)
    assert (done.exit_code, "BAT011" in done.output) == (0, True), done.output
    assert (out / RESULT).exists()
    assert theirs.read_bytes() == b"theirs"
    assert list(elsewhere.iterdir()) == []
    letter = tmp_path / "信.eml"
    letter.write_bytes(b"Subject: x\r\n\r\n")
    done = run("mail", letter, "--out", out)
    assert done.exit_code == 4, done.output
    assert "Traceback" not in done.output
    assert (theirs.read_bytes(), list(elsewhere.iterdir())) == (b"theirs", [])


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "收件夹").mkdir()
    target = tmp_path / "不该出现"
    (tmp_path / "收件夹" / ".perfeval-watch.lock").symlink_to(target)
    done = run("watch", tmp_path / "收件夹", "--out", tmp_path / "结果", "--once")
    assert done.exit_code == 4, done.output
    assert "链接" in done.output
    assert not target.exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "other owner"])
def test_the_record_of_a_mistake_is_not_written_through_what_others_left(
    kind: str, theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    path = tmp_path / f"perfeval-{buglog.NAME}"
    if kind == "link":
        path.symlink_to(theirs)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"theirs")
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert buglog.record("Traceback", "check x") is None
    assert "Traceback" in capsys.readouterr().err, "better on the screen than lost"
    assert theirs.read_bytes() == b"theirs"
    assert kind != "other owner" or path.read_bytes() == b"theirs"


def test_the_record_of_a_mistake_is_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    path = buglog.record("Traceback", "check x")
    assert path is not None
    assert path.stat().st_mode & 0o077 == 0
    assert buglog.record("Traceback", "check x") == path
    assert path.read_text(encoding="utf-8").count("Traceback") == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_an_output_folder_of_another_user(tmp_path: Path, inbox: Path) -> None:
    """As a user without rights, in a child: told in one sentence, and nothing changed."""
    shared = tmp_path / "共享"
    shared.mkdir(mode=0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    data = (inbox / SAMPLE).read_bytes()
    given = tmp_path / "自评表.xlsx"
    given.write_bytes(data)
    given.chmod(0o644)
    said = tmp_path / "说明"
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setgid(65534)
            os.setuid(65534)
            done = run("fill", given, "--out", shared)
            code = 0 if done.exit_code == 4 and "没有权限" in done.output and "Traceback" not in done.output else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list(shared.iterdir()) == []
    assert not said.exists()


def test_a_name_longer_than_the_system_takes(tmp_path: Path) -> None:
    done = run("new", "--pack", "jiangmen-2024", "--out", tmp_path / f"{'长' * 90}.xlsx")
    assert done.exit_code == 4, done.output
    assert "名称太长" in done.output
