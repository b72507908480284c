"""Locales that a user may have and the machine that tests need not: compiled on the spot by `localedef`."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

__all__ = ["LOCALES", "environment"]

# Name → where it is compiled from; None: every system has it. GB18030 fails as GBK does, and takes long to compile.
_COMPILED: dict[str, tuple[str, str] | None] = {
    "C": None,
    "zh_CN.GBK": ("zh_CN", "GBK"),
}
LOCALES = tuple(_COMPILED)


def environment(name: str) -> dict[str, str]:
    """What makes Python take its encoding from a locale; the test is skipped where that locale cannot be made."""
    variables = {"LC_ALL": name, "LANG": name, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    source = _COMPILED[name]
    if source is None:
        return variables
    if shutil.which("localedef") is None and os.environ.get("CI") != "true":
        pytest.skip("needs localedef, which compiles locales")
    return {**variables, "LOCPATH": str(_folder(name, *source))}


@functools.cache
def _folder(name: str, definition: str, charmap: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="perfeval-locale-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = subprocess.run(
        ["localedef", "-i", definition, "-f", charmap, str(folder / name)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0 and os.environ.get("CI") != "true":
        pytest.skip(f"localedef has no sources of {name}")
    assert made.returncode == 0, made.stderr
    return folder
