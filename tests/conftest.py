"""What most tests start from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from perfeval.pipeline import Options, Outcome, fill

sys.dont_write_bytecode = True  # nothing that a test has altered may be kept for later runs of the program
REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write the golden files anew instead of comparing")


@pytest.fixture(scope="session")
def inbox() -> Path:
    """The sample workbooks as they lie in the repository."""
    return REPOSITORY / "samples" / "inbox"


@pytest.fixture(scope="session")
def finished(inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Every sample that holds a form, filled, by the name of its file."""
    folder = tmp_path_factory.mktemp("finished")
    outcomes = {}
    for path in sorted(p for p in inbox.rglob("*") if p.is_file()):
        suffix = ".xlsm" if path.suffix == ".xlsm" else ".xlsx"
        outcome = fill(path, folder / f"{path.stem}{suffix}", Options())
        if outcome.output is not None:
            outcomes[path.name] = outcome
    return outcomes
