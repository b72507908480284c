"""Results are whole or absent, and names are safe on every system."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfeval.files import TEMPORARY_PREFIX, read_fault, safe_name, write_atomic, write_fault, write_folder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_writes_into_missing_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "结果 2024" / "招商" / "自评表_评分表.xlsx"
    write_atomic(target, b"whole", durable=True)
    assert target.read_bytes() == b"whole"
    assert names(target.parent) == ["自评表_评分表.xlsx"]


def test_new_file_follows_umask_and_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "new.xlsx", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.xlsx").stat().st_mode) == 0o640
    (tmp_path / "new.xlsx").chmod(0o604)
    write_atomic(tmp_path / "new.xlsx", b"2")
    assert stat.S_IMODE((tmp_path / "new.xlsx").stat().st_mode) == 0o604


def test_link_at_the_target_is_replaced_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "别人的.xlsx"
    secret.write_bytes(b"theirs")
    target = tmp_path / "out.xlsx"
    target.symlink_to(secret)
    write_atomic(target, b"ours")
    assert secret.read_bytes() == b"theirs"
    assert not target.is_symlink()
    assert target.read_bytes() == b"ours"


@pytest.mark.parametrize("dangling", [False, True])
def test_without_overwrite_an_existing_target_stays(tmp_path: Path, dangling: bool) -> None:
    target = tmp_path / "out.xlsx"
    if dangling:
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_atomic(target, b"new", overwrite=False)
    assert names(tmp_path) == ["out.xlsx"]
    assert target.is_symlink() if dangling else target.read_bytes() == b"old"


def test_without_overwrite_on_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "out.xlsx"
    write_atomic(target, b"first", overwrite=False)
    with pytest.raises(FileExistsError):
        write_atomic(target, b"second", overwrite=False)
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["out.xlsx"]


@pytest.mark.parametrize("step", ["fsync", "replace", "fchmod-interrupt"])
def test_any_failure_keeps_the_old_file_and_removes_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "out.xlsx"
    target.write_bytes(b"old")

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif step == "replace":
        monkeypatch.setattr(Path, "replace", full)
    else:
        monkeypatch.setattr(os, "fchmod", interrupt)
    with pytest.raises((OSError, KeyboardInterrupt)):
        write_atomic(target, b"new", durable=True)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["out.xlsx"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_run_left_is_taken_away_but_not_what_another_is_just_writing(tmp_path: Path, kind: str) -> None:
    left, busy = tmp_path / f"{TEMPORARY_PREFIX}left.tmp", tmp_path / f"{TEMPORARY_PREFIX}busy.tmp"
    for path in (left, busy):
        if kind == "file":
            path.write_bytes(b"half")
        else:
            (path / "narrative").mkdir(parents=True)
            (path / "narrative" / "goals.j2").write_bytes(b"half")
    (tmp_path / "old.xlsx").write_bytes(b"a result")
    now = busy.stat().st_mtime  # by the clock of the disk, which may be another than ours
    for path in (left, tmp_path / "old.xlsx"):
        os.utime(path, (now - 7200, now - 7200))
    write_atomic(tmp_path / "out.xlsx", b"new")
    assert names(tmp_path) == [busy.name, "old.xlsx", "out.xlsx"]


def test_a_result_stands_although_its_temporary_name_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(Path, "unlink", refuse)
    write_atomic(tmp_path / "out.xlsx", b"new", overwrite=False)
    assert (tmp_path / "out.xlsx").read_bytes() == b"new"


FILES = {"rules.toml": b"rules", "narrative/goals.j2": b"text"}


def test_a_folder_is_there_with_all_its_files_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "goals.j2":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="space"):
            write_folder(tmp_path / "deep" / "pack", FILES)
    assert names(tmp_path / "deep") == []
    write_folder(tmp_path / "deep" / "pack", FILES)
    found = {name: (tmp_path / "deep" / "pack" / name).read_bytes() for name in FILES}
    assert found == FILES
    assert names(tmp_path / "deep") == ["pack"]


@pytest.mark.parametrize("there", ["an empty folder", "a full folder", "a file"])
def test_a_folder_replaces_nothing(tmp_path: Path, there: str) -> None:
    target = tmp_path / "pack"
    if there == "a file":
        target.write_bytes(b"mine")
    else:
        target.mkdir()
    if there == "a full folder":
        (target / "mine").write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match="exists"):
        write_folder(target, FILES)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_locale_that_cannot_spell_the_name_is_a_fault_of_the_name(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from perfeval.files import write_atomic, write_fault\n"
    script += "target = Path(sys.argv[1]) / '\\u8868.xlsx'\n"
    script += "try: write_atomic(target, b'x')\nexcept OSError as error: print(write_fault(error, target).code)"
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "OUT004\n"
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "exists", "code"),
    [
        (OSError(errno.ENOSPC, "x"), False, "OUT003"),
        (OSError(errno.ENAMETOOLONG, "x"), False, "OUT004"),
        (PermissionError(errno.EACCES, "x"), True, "OUT002"),
        (PermissionError(errno.EACCES, "x"), False, "OUT001"),
        (OSError(errno.EROFS, "x"), False, "OUT001"),
        (OSError("no number"), False, "OUT001"),
    ],
)
def test_write_faults_have_their_own_way_out(tmp_path: Path, error: OSError, exists: bool, code: str) -> None:
    target = tmp_path / "结果.xlsx"
    if exists:
        target.touch()
    finding = write_fault(error, target)
    assert finding.code == code
    assert "结果.xlsx" in finding.message
    assert finding.fix


def test_read_faults(tmp_path: Path) -> None:
    path = tmp_path / "表.xlsx"
    assert read_fault(FileNotFoundError(errno.ENOENT, "x"), path).code == "BAT002"
    denied = read_fault(PermissionError(errno.EACCES, "x"), path)
    assert denied.code == "BAT003"
    assert "没有权限" in denied.message


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("招商引资专项经费", "招商引资专项经费"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "未命名"),
        ("", "未命名"),
        ("///", "未命名"),
        ("C:\\Windows\\system32", "C_Windows_system32"),
        ("CON", "_CON"),
        ("com1.xlsx", "_com1.xlsx"),
        ("nul .txt", "_nul .txt"),
        ("console", "console"),
        ("-rf", "_rf"),
        ("结尾有点...", "结尾有点"),
        ("~$锁", "$锁"),
        ("两\n行\t名", "两 行 名"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("\u202egnp.exe", "gnp.exe"),
        ("江门市投资促进局(一级)", "江门市投资促进局(一级)"),
        ("e\u0301", "é"),
        ("\udcff坏", "坏"),
    ],
)
def test_safe_names(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text(), st.integers(10, 200))
def test_safe_name_is_always_one_usable_part(text: str, limit: int) -> None:
    name = safe_name(text, limit=limit)
    assert name not in ("", ".", "..")
    assert Path(name).name == name
    assert len(name.encode("utf-8")) <= max(limit, len("未命名".encode())) + 1  # "_" before a reserved word
    assert name == name.strip()
    assert not name.endswith(".")
    assert not set(name) & set('<>:"/\\|?*\0')
    assert safe_name(name, limit=limit + 1) == name
