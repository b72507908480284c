"""The terminal: results to stdout, progress and messages to stderr, and neither ever ends in a traceback.

Output is UTF-8 whatever the locale says, because file names and findings are Chinese. When the reader of stdout goes
away (`perfeval check … | head`), results are dropped from there on; a `fill` still writes its workbooks.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import IO, TextIO

import click

from perfeval.errors import PathError
from perfeval.files import reason
from perfeval.render import Look, columns

__all__ = ["Console", "forget_stdout", "progress_line", "restart_in_utf8", "use_utf8"]

_REDRAW_SECONDS = 0.1


def restart_in_utf8() -> None:
    """Start over with UTF-8 names where the locale has another encoding, such as GB18030; else do nothing.

    File names are UTF-8 on nearly every disk. Read and written in the encoding of such a locale they would come out
    garbled, half of one encoding and half of the other, or could not be spelled at all.
    """
    if sys.getfilesystemencoding() == "utf-8" or "utf8" in sys._xoptions or getattr(sys, "frozen", False):
        return
    with contextlib.suppress(OSError):  # no /proc: go on with the locale as it is
        # The words as they were typed: Python's decoder of the locale and its encoder are not always inverse.
        words = Path("/proc/self/cmdline").read_bytes().split(b"\0")[1:-1]
        python = os.fsencode(sys.executable)
        os.execv(python, [python, b"-X", b"utf8", *words])  # noqa: S606 - this very program


def use_utf8() -> None:
    """Make the standard streams UTF-8, also under LANG=C and on Windows consoles; closed ones lead nowhere."""
    if sys.stdout is None:  # `>&-`, or started without a console
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the life of the program
    if sys.stderr is None:
        sys.stderr = sys.stdout
    for stream, errors in ((sys.stdout, "strict"), (sys.stderr, "replace")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=errors)


class Console:
    """Where a command writes."""

    def __init__(self) -> None:
        self.reader_gone = False  # nobody reads stdout any more
        self._progress = _Progress(sys.stderr)
        self._plain = not _is_terminal(sys.stdout)

    @property
    def look(self) -> Look:
        """Colours and line width of stdout: plain unless it is a terminal."""
        if not _is_terminal(sys.stdout):
            return Look()
        import shutil  # only for a terminal

        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return Look(colour=not plain, width=shutil.get_terminal_size().columns)

    def result(self, text: str) -> None:
        """Write a piece of the result."""
        if self.reader_gone:
            return
        self._progress.erase()
        try:
            if self._plain:  # a file or a pipe: nothing to translate, and often thousands of pieces
                sys.stdout.write(text)
                sys.stdout.flush()
            else:
                click.echo(text, nl=False)
        except BrokenPipeError:
            self.reader_gone = True
            forget_stdout()
        except OSError as error:
            forget_stdout()
            raise PathError(f"结果输出不了:{reason(error)}。请确认输出所到的磁盘有空间。") from error

    def message(self, text: str) -> None:
        """Tell the person something that is not part of the result."""
        self._progress.erase()
        with contextlib.suppress(OSError):
            click.echo(text, err=True)

    def progress(self, done: int, total: int) -> None:
        """Redraw the progress line, on a terminal only."""
        self._progress.show(done, total)

    def finish(self) -> None:
        """Take the progress line away."""
        self._progress.erase()


class _Progress:
    """One line on stderr: a bar, how many of how many, the rate and the time left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._wanted = _is_terminal(stream)
        self._started = self._drawn = time.monotonic()
        self._width = 0

    def show(self, done: int, total: int) -> None:
        if not self._wanted:
            return
        now = time.monotonic()
        if now - self._drawn < _REDRAW_SECONDS and done < total:
            return
        self._drawn = now
        line = progress_line(done, total, now - self._started)
        self.erase()
        self._write(line)
        self._width = columns(line)

    def erase(self) -> None:
        if self._width:
            self._write("\r" + " " * self._width + "\r")
            self._width = 0

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


def progress_line(done: int, total: int, seconds: float) -> str:
    """`[##########----------] 50/100  每秒 210 个  还需约 1 秒`."""
    filled = 20 * done // total if total else 20
    line = f"[{'#' * filled}{'-' * (20 - filled)}] {done}/{total}"
    if done and seconds > 0.5:
        rate = done / seconds
        left = (total - done) / rate
        speed = f"{rate:.0f} 个" if rate >= 1 else f"{rate:.1f} 个"
        line += f"  每秒 {speed}  还需约 {f'{left / 60:.0f} 分' if left >= 90 else f'{left:.0f} 秒'}"
    return line


def _is_terminal(stream: IO[str] | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def forget_stdout() -> None:
    """Point stdout at nothing, so that flushing it at the end of the program does not fail again."""
    with contextlib.suppress(OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
