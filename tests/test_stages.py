"""Files go through the stages of the work together, and come out as if each had been alone."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from perfeval import batch
from perfeval.pipeline import Options, Outcome, fill, producing
from perfeval.planning import Task
from perfeval.stages import Staged, Turn, finished, together

INBOX = Path(__file__).parents[1] / "samples" / "inbox"


def counting(name: str, stages: int, seen: list[str], turn: Turn = Turn.PASS) -> Staged[str]:
    for stage in range(stages):
        seen.append(f"{name}{stage}")
        yield turn
    seen.append(f"{name}!")
    return name * stages


def test_each_stage_is_done_for_all_before_the_next() -> None:
    seen: list[str] = []
    assert together([counting("a", 2, seen), counting("b", 0, seen), counting("c", 3, seen)]) == ["aa", "", "ccc"]
    assert seen == ["a0", "b!", "c0", "a1", "c1", "a!", "c2", "c!"]


def test_what_is_large_goes_to_its_end_before_the_others_go_on() -> None:
    seen: list[str] = []
    together([counting("a", 2, seen), counting("b", 2, seen, Turn.KEEP)])
    assert seen == ["a0", "b0", "b1", "b!", "a1", "a!"]


def test_one_alone_and_none_at_all() -> None:
    assert finished(counting("x", 2, [])) == "xx"
    assert together(()) == []


def test_an_error_passes_through() -> None:
    def failing() -> Staged[str]:
        yield Turn.PASS
        raise LookupError("second stage")

    with pytest.raises(LookupError):
        together([counting("a", 5, []), failing()])


def told(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(finding.code, finding.cell, finding.message) for finding in outcome.findings]


def said(outcome: Outcome) -> tuple[str, list[tuple[str, str, str]]]:
    return outcome.status, told(outcome)


def test_files_done_together_come_out_as_each_alone(tmp_path: Path) -> None:
    """Good, odd and damaged ones side by side, in both orders: none leaves anything behind for its neighbours."""
    inputs = sorted(path for path in INBOX.rglob("*") if path.is_file())
    alone = [fill(path, tmp_path / f"{number}.xlsx", Options()) for number, path in enumerate(inputs)]
    for step in (1, -1):
        out = tmp_path / f"together{step}"
        tasks = [Task(path, out / f"{number}.xlsx") for number, path in enumerate(inputs)][::step]
        reports = list(batch.run(tasks, Options(), said))
        assert [report.value for report in reports] == [said(outcome) for outcome in alone][::step]
        for number, outcome in enumerate(alone):
            together_made, alone_made = out / f"{number}.xlsx", tmp_path / f"{number}.xlsx"
            assert together_made.exists() == alone_made.exists() == (outcome.output is not None)
            if alone_made.exists():
                assert together_made.read_bytes() == alone_made.read_bytes()


def test_a_large_workbook_does_not_wait_in_memory(tmp_path: Path) -> None:
    sample = next(iter(sorted(INBOX.rglob("*招商*.xlsx"))))
    assert next(producing(sample, Options())) is Turn.PASS
    large = tmp_path / "大.xlsx"
    padded = io.BytesIO(sample.read_bytes())
    with zipfile.ZipFile(padded, "a") as package:
        package.writestr("xl/media/image9.bin", bytes(2 << 20))
    large.write_bytes(padded.getvalue())
    assert next(producing(large, Options())) is Turn.KEEP
    assert fill(large, tmp_path / "大_评分表.xlsx", Options()).output is not None
