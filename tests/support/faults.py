"""Runs the program with a fault at the n-th call that changes the disk: an error, or the end of the process.

`faults.c` beside this file sees the calls; it is built once and loaded before the C library. All commands run in one
process that has everything loaded already (`python -m tests.support.faults`), those that are killed in a fork of it:
hundreds are wanted, and a start costs more than the work.

A test that needs it carries `@requires_compiler`: skipped without one, except on the build server, like the oracles.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Ended", "Fault", "Mode", "Workbench", "requires_compiler", "workbench"]

REPOSITORY = Path(__file__).resolve().parents[2]
_LONGEST = 120  # seconds of a command that waits for ever
SOURCE = Path(__file__).with_suffix(".c")


class Mode(IntEnum):
    """What happens; the numbers are those of `faults.c`."""

    NOTHING = 0
    FAIL = 1  # this call fails
    FAIL_FROM = 2  # this one and all after it; a full disk still lets files be removed
    KILL = 3  # the process ends before it
    TEAR = 4  # … in the middle of it, when it is a write


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at which call, counted from 1."""

    mode: Mode = Mode.NOTHING
    at: int = 0
    error: int = 0

    def __str__(self) -> str:
        name = errno.errorcode.get(self.error, "")
        return f"{self.mode.name} {name} at call {self.at}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int | None  # None: it was killed
    output: str  # stdout and stderr
    calls: tuple[str, ...]  # the calls that were counted, as "rename /结果/表.xlsx"


def requires_compiler(item: Any) -> Any:
    """Mark a test that needs a C compiler, on a system where a library can be loaded before all others."""
    lacking = sys.platform != "linux" or not _compiler()
    server = os.environ.get("CI", "").lower() == "true" and sys.platform == "linux"
    return pytest.mark.skipif(lacking and not server, reason="needs Linux and a C compiler (cc or gcc)")(item)


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


class Workbench:
    """The process that runs the commands."""

    def __init__(self, process: subprocess.Popen[str], scratch: Path) -> None:
        self._process = process
        self._scratch = scratch

    def run(
        self, folder: Path, args: Sequence[str | Path], fault: Fault | None = None, *, apart: bool = False
    ) -> Ended:
        """Run a command; only calls that change something below `folder` count.

        `apart`: the folders in it are on different disks.
        """
        output, log = self._scratch / "output", self._scratch / "calls"
        asked = {"args": list(map(str, args)), "folder": str(folder), "output": str(output), "log": str(log)}
        code = self._ask({**asked, "apart": apart, **asdict(fault or Fault())})
        assert code >= 0 or code == -signal.SIGKILL, f"ended by signal {-code}"
        calls = tuple(line.partition(" ")[2] for line in log.read_text("utf-8", "replace").splitlines())
        return Ended(code if code >= 0 else None, output.read_text("utf-8", "replace"), calls)

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the process of the workbench ended"
        return int(answer)


@contextlib.contextmanager
def workbench(scratch: Path) -> Iterator[Workbench]:
    """Build the library and start the process; its own files lie in `scratch`."""
    compiler = _compiler()
    if compiler is None:
        pytest.fail("a C compiler is absent, but this test may not be skipped here")
    library = scratch / "faults.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    command = [sys.executable, "-m", "tests.support.faults", str(library)]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    with process:
        try:
            yield Workbench(process, scratch)
        finally:
            process.kill()


# ---- inside the process ----------------------------------------------------------------------------------------------


def _serve(library: ctypes.CDLL) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        gc.freeze()  # what is loaded stays: collecting it would take longer than the work, and copy it for a fork
        deadly = request["mode"] in (Mode.KILL, Mode.TEAR)
        code = _forked(library, request) if deadly else _ran(library, request)
        os.write(_ANSWERS, b"%d\n" % code)


def _forked(library: ctypes.CDLL, request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 99
    try:
        code = _ran(library, request)
    finally:
        os._exit(code)


def _ran(library: ctypes.CDLL, request: dict[str, Any]) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    output, log = (os.open(request[name], flags) for name in ("output", "log"))
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    tempfile.tempdir = str(Path(request["folder"], "tmp"))
    signal.alarm(_LONGEST)
    try:
        folder = os.fsencode(request["folder"])
        library.faults_arm(
            folder, request["mode"], ctypes.c_long(request["at"]), request["error"], request["apart"], log
        )
        return _command(request["args"])
    finally:
        library.faults_arm(b"", Mode.NOTHING, ctypes.c_long(0), 0, 0, -1)
        signal.alarm(0)
        os.close(log)


def _command(args: list[str]) -> int:
    from perfeval.cli import main

    try:
        main(args)
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()  # a process of its own would have let go of everything by now


if __name__ == "__main__":
    _ANSWERS = os.dup(1)  # what the commands write goes elsewhere
    _serve(ctypes.CDLL(sys.argv[1]))
