"""The hot folder (收件夹): what a clerk drops in comes out finished, or with the reasons why not.

Finished workbooks go to 已完成, those to correct to 需修改 with a text of reasons, originals to 原件 by date. An
original leaves the hot folder only when its result is safely on disk, every step can be repeated without a trace, and
what was cut off in the middle is taken up where it stood.
"""

from __future__ import annotations

from perfeval.watch.decide import Ignore, Process, Sighting, State, Wait, plan
from perfeval.watch.folders import DONE, ORIGINALS, TO_CORRECT, scan
from perfeval.watch.systemd import unit_text
from perfeval.watch.watcher import Handled, Settings, Watcher

__all__ = [
    "DONE",
    "ORIGINALS",
    "TO_CORRECT",
    "Handled",
    "Ignore",
    "Process",
    "Settings",
    "Sighting",
    "State",
    "Wait",
    "Watcher",
    "plan",
    "scan",
    "unit_text",
]
