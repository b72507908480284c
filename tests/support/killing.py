"""Kills a hot folder's watcher again and again, and looks after each time whether anything is lost or doubled.

    python -m tests.support.killing FOLDER KILLS SEED

Runs as a program of its own because it forks: the child takes the files, and dies either just before the n-th call
that may touch the disk or after some time, wherever it happens to be. Prints what it did; a broken promise ends it.
"""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from perfeval.ledger import open_ledger
from perfeval.pipeline import Options
from perfeval.watch import ORIGINALS, Settings, Watcher

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "inbox"
# finished, to correct, and no workbook at all; one in a folder of its own, one with the content of another
FILES = {
    "单位/招商.xlsx": "招商引资专项经费.xlsx",
    "校舍.xlsx": "校舍安全排查.xlsx",
    "坏.xlsx": "基层医疗设备购置.xlsx",
    "另一单位/深/招商.xlsx": "招商引资专项经费.xlsx",
}
# The modules that change files; a step is a call out of one of them into C.
STEPPING = ("perfeval.watch.", "perfeval.ledger.", "perfeval.files", "pathlib")


def watch(folder: Path) -> None:
    settings = Settings(folder / "收件夹", folder / "结果", Options(), settle=0, once=True)
    Watcher(settings, lambda event: None, lambda finding: None, today=lambda: dt.date(2025, 1, 31)).run()


def fill_inbox(folder: Path) -> dict[str, str]:
    """Put the files in place; returns their digests."""
    digests = {}
    for name, sample in FILES.items():
        source = next(SAMPLES.rglob(sample))
        target = folder / "收件夹" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        digests[name] = digest(target)
    return digests


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def visible(folder: Path) -> dict[str, str]:
    """Digests of what a person sees below `folder`; names that begin with a dot are hidden."""
    found = {}
    for path in folder.rglob("*") if folder.exists() else ():
        below = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in below.parts):
            found[below.as_posix()] = digest(path)
    return found


def killed(folder: Path, chance: random.Random, steps: int, seconds: float) -> bool:
    """Run a watcher that is killed somewhere; False when it was through before."""
    at_step = chance.randint(1, steps) if chance.random() < 0.6 else 0
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            steps_of(folder, at_step)
            status = 0
        finally:
            os._exit(status)
    if not at_step:
        time.sleep(chance.uniform(0, seconds))
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        raise SystemExit("the watcher itself failed")
    return False


def steps_of(folder: Path, last: int) -> int:
    """Watch; dies before step number `last`, or returns how many steps there were. 0: never mind the steps."""
    count = 0

    def hook(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        if event == "c_call" and frame.f_globals.get("__name__", "").startswith(STEPPING):
            count += 1
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(hook if last else None)
    watch(folder)
    sys.setprofile(None)
    return count


def main(root: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    warm = root / "warm"
    fill_inbox(warm)
    watch(warm)  # packs are loaded before the first fork
    gc.freeze()
    begin = time.monotonic()
    fill_inbox(root / "plain")
    watch(root / "plain")
    seconds = time.monotonic() - begin
    fill_inbox(root / "steps")
    steps = steps_of(root / "steps", sys.maxsize)
    expected = visible(warm / "结果")
    done = rounds = through = 0
    while done < kills:
        rounds += 1
        folder = root / f"round{rounds}"
        originals = fill_inbox(folder)
        while True:
            cut = killed(folder, chance, steps, seconds)
            now = visible(folder / "结果")
            waiting = visible(folder / "收件夹")
            archived = {path.split("/", 2)[2]: value for path, value in now.items() if path.startswith(ORIGINALS)}
            for name, value in originals.items():
                assert value in (waiting.get(name), archived.get(name)), f"{name} is lost"
            for path, value in now.items():
                assert expected.get(path) == value, f"{path} should not be there, or not like this"
            if not cut:
                break
            done += 1
        through += 1
        assert not waiting, f"still waiting: {sorted(waiting)}"
        assert now == expected, sorted(set(expected) ^ set(now))
        assert not list(folder.rglob("*.tmp")), "temporary files are left"
        ledger, remarks = open_ledger(folder / "结果")
        assert ledger is not None
        assert not remarks, remarks
        entries = ledger.entries()
        ledger.close()
        assert sorted(Path(entry.path).relative_to(folder / "收件夹").as_posix() for entry in entries) == sorted(FILES)
        assert all(entry.archived for entry in entries)
        shutil.rmtree(folder)
    print(f"{done} kills in {through} rounds of {len(FILES)} files, {steps} steps each; nothing lost, nothing doubled")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]))
