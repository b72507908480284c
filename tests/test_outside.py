"""From outside: the wheel as a user has it, where nobody may write to it, under other locales, in odd folders."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from perfeval.errors import ExitCode
from tests.conftest import REPOSITORY
from tests.support.locales import LOCALES, environment

Printed = dict[str, tuple[str, str]]  # command → its stdout and stderr
Files = dict[str, str]  # path → digest of the content

UNIT = "澜江市教育局"  # one workbook with reminders, one to correct, one that is no form
ODD = '绩效 自评\'s (终稿) "2024" $HOME;&'
ROSTER = f"单位,项目名称\n{UNIT},课后服务补助\n{UNIT},校园 足球\n"
JOB = (
    (["fill", "收件 箱", "--out", "结 果/"], ExitCode.FOUND_ERRORS),
    (["summary", "结 果/", "--out", "汇 总.csv", "--roster", "名册.csv"], ExitCode.FOUND_ERRORS),
    (["new", "--pack", "jiangmen-2024", "--roster", "./名册.csv", "--out", "发 放"], ExitCode.DONE),
    (["diff", "收件 箱/课后服务补助.xlsx", "结 果/课后服务补助_评分表.xlsx", "--out", "变 化.xlsx"], ExitCode.DONE),
)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked into a folder that nobody may write to."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    target = folder / "程序 文件夹"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)  # which is all that installing a wheel of Python files does
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(target)], check=True, timeout=120)  # as pip does
    for path in (target, *target.rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    return target


def python(
    installed: Path, desk: Path, *words: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python at `desk` with the installed program, without the rights of root, its output read as UTF-8."""
    done = subprocess.run(
        [*_without_rights(), sys.executable, *words],
        cwd=desk,
        env=_environment(installed, env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode())


def _environment(installed: Path, more: dict[str, str]) -> dict[str, str]:
    names = ("PYTHONUTF8", "PYTHONIOENCODING", "PYTHONWARNINGS", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "PYTHONPATH": str(installed), "HOME": "/nonexistent", **more}


def _without_rights() -> list[str]:
    """Root may write everywhere, and then no folder is read-only."""
    if os.name != "posix" or os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None and os.environ.get("CI") != "true":
        pytest.skip("root without setpriv: no folder is read-only")
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]


def new_desk(folder: Path) -> Path:
    """A folder of odd name with what the job needs."""
    desk = folder / ODD
    shutil.copytree(REPOSITORY / "samples" / "inbox" / UNIT, desk / "收件 箱")
    (desk / "名册.csv").write_text(ROSTER, encoding="utf-8-sig")
    return desk


def do_job(installed: Path, desk: Path, *options: str, env: dict[str, str] | None = None) -> Printed:
    """Run the job and give what it printed, by command."""
    printed = {}
    for words, code in JOB:
        done = python(installed, desk, *options, "-m", "perfeval", *words, env=env)
        assert done.returncode == code, done
        assert "Traceback" not in done.stderr
        printed[words[0]] = (done.stdout, done.stderr)
    return printed


def files(desk: Path) -> Files:
    """Every file of the desk but the ledger, with a digest of its content."""
    found = (path for path in desk.rglob("*") if path.is_file() and ".perfeval" not in path.parts)
    return {str(path.relative_to(desk)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture(scope="session")
def usual(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Printed, Files]:
    """What the job prints and leaves where nothing is set, as for a service or a scheduled task."""
    desk = new_desk(tmp_path_factory.mktemp("usual"))
    return do_job(installed, desk, env={"LC_ALL": "C"}), files(desk)


def test_the_program_is_that_of_the_wheel_and_cannot_be_written_to(installed: Path, tmp_path: Path) -> None:
    script = "import perfeval; print(perfeval.__file__); open(perfeval.__file__ + '.new', 'w')"
    done = python(installed, tmp_path, "-c", script)
    assert done.stdout == f"{installed / 'perfeval' / '__init__.py'}\n"
    assert "PermissionError" in done.stderr


def test_the_job_is_done(usual: tuple[Printed, Files]) -> None:
    printed, found = usual
    assert printed["fill"][0].endswith("共 3 个文件:完成 0,有提醒 1,需修改 1,失败 1\n")
    assert printed["fill"][1] == ""
    tables = ["", "_按单位", "_指标明细", "_未达标指标", "_问题清单", "_缺报名单"]
    assert found.keys() - {name for name in found if name.startswith("收件 箱/")} == {
        "名册.csv",
        "变 化.xlsx",
        "发 放/澜江市教育局_校园 足球.xlsx",
        "发 放/澜江市教育局_课后服务补助.xlsx",
        "结 果/校舍安全排查_评分表.xlsx",
        "结 果/汇总.xlsx",
        "结 果/课后服务补助_评分表.xlsx",
        *(f"汇 总{table}.csv" for table in tables),
    }


@pytest.mark.parametrize("name", LOCALES)
def test_a_locale_changes_nothing(name: str, installed: Path, usual: tuple[Printed, Files], tmp_path: Path) -> None:
    desk = new_desk(tmp_path)
    assert (do_job(installed, desk, env=environment(name)), files(desk)) == usual


def test_no_command_warns(installed: Path, usual: tuple[Printed, Files], tmp_path: Path) -> None:
    desk = new_desk(tmp_path)
    assert (do_job(installed, desk, "-X", "dev", "-W", "error"), files(desk)) == usual


def test_a_reader_that_goes_away_gets_its_line_and_the_folder_all_results(
    installed: Path, usual: tuple[Printed, Files], tmp_path: Path
) -> None:
    desk = new_desk(tmp_path)
    line = shlex.join([sys.executable, "-m", "perfeval", *JOB[0][0]]) + " | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=desk, env=_environment(installed, {}), capture_output=True, timeout=120, check=True
    )
    assert (done.stdout.decode("utf-8"), done.stderr) == (usual[0]["fill"][0].splitlines(keepends=True)[0], b"")
    results = {name: digest for name, digest in usual[1].items() if name.startswith(("收件 箱", "结 果", "名册"))}
    assert files(desk) == results
