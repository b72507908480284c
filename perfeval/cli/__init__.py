"""The command line: options → one library call → lines of text → exit code.

Whatever a command does can be done with `import perfeval`; here are only the words of the terminal. Starting up must
stay quick, so the readers, writers and scoring behind a command are imported when it runs.
"""

from __future__ import annotations

from perfeval.cli.program import main, program

__all__ = ["main", "program"]
