"""What only the environment can get wrong, and the exit codes of the program.

A fault in a workbook is a finding, not an exception. An exception means that a path, a pack or the
command line stands in the way; its text is Chinese, says what to do, and is shown without traceback.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

__all__ = ["ExitCode", "MailError", "PackError", "PathError", "PerfevalError", "UsageError", "traced"]


class ExitCode(IntEnum):
    """The stable exit codes; scripts depend on them."""

    DONE = 0  # done, reminders allowed
    FOUND_ERRORS = 1  # done, some file has a finding of severity 错误
    USAGE = 2  # wrong command line
    PACK = 3  # a pack is missing or invalid
    PATH = 4  # a path cannot be read or written
    MAIL = 5  # the mailbox refused
    BUG = 70  # our fault
    INTERRUPTED = 130  # Ctrl-C


def traced(error: BaseException) -> str:
    """The traceback of a mistake of ours, for its log."""
    from traceback import format_exception  # slow to load, and meant to be never needed

    return "".join(format_exception(error))


class PerfevalError(Exception):
    """A reason outside the workbooks why the command cannot go on; the text is for the user."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG


class UsageError(PerfevalError):
    """The options contradict each other or would endanger data."""

    exit_code = ExitCode.USAGE


class PackError(PerfevalError):
    """The pack asked for does not exist or does not pass its own check."""

    exit_code = ExitCode.PACK


class PathError(PerfevalError):
    """A file or folder cannot be read or written."""

    exit_code = ExitCode.PATH


class MailError(PerfevalError):
    """The mail server cannot be reached or refuses."""

    exit_code = ExitCode.MAIL
