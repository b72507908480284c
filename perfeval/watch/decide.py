"""What to do with each file that lies in the hot folder: decided from what was seen, without touching a disk.

A file is taken when it has looked the same for a while and nobody has it open. Time is a clock that only runs on
(never the calendar), and where it runs back all the same, a wait begins anew instead of lasting for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from perfeval.planning import WORKBOOKS, is_lock_file, natural_key

__all__ = ["Decision", "Ignore", "Process", "Sighting", "State", "Wait", "plan"]

_EMPTY_PATIENCE = 10  # a copy over the network may show an empty file first: so many times longer is waited
_LOCK_SECONDS = 600.0  # a lock file older than this was left behind by a program that crashed
_LOOK_AGAIN = 2.0  # at a file that somebody has open
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class State:
    """A file as one look at the folder shows it."""

    size: int
    modified: int  # nanoseconds
    regular: bool = True  # neither link nor device


@dataclass(frozen=True, slots=True)
class Sighting:
    """Since when a file has looked as it does."""

    state: State
    since: float
    retry_at: float = 0.0  # not before this, after something outside the file stood in the way
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Process:
    """Take it."""

    path: str
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at `until`; `blocked`: only somebody else can end the wait."""

    path: str
    sighting: Sighting
    until: float
    blocked: bool = False
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Ignore:
    """Leave it where it is."""

    path: str
    sighting: Sighting


Decision = Process | Wait | Ignore


def plan(before: Mapping[str, Sighting], now: Mapping[str, State], clock: float, settle: float) -> list[Decision]:
    """One decision for each file of `now` (by its path below the hot folder, with `/`), in the order of names.

    The next call is given the sightings of this one; `settle` is the time in seconds a file must look the same.
    """
    seen = {path: _sighting(before.get(path), state, clock) for path, state in now.items()}
    return [_decide(path, seen, clock, settle) for path in sorted(seen, key=_order)]


def _order(path: str) -> tuple[object, ...]:
    return tuple(natural_key(part) for part in path.split("/"))


def _sighting(last: Sighting | None, state: State, clock: float) -> Sighting:
    if last is None or last.state != state:
        return Sighting(state, clock)
    if clock < last.since:
        return replace(last, since=clock)
    return last


def _decide(path: str, seen: Mapping[str, Sighting], clock: float, settle: float) -> Decision:
    sighting = seen[path]
    name = path.rpartition("/")[2]
    if not sighting.state.regular or _is_not_for_us(name):
        return Ignore(path, sighting)
    if clock < sighting.retry_at <= clock + _LONGEST_WAIT:
        return Wait(path, sighting, sighting.retry_at, blocked=True)
    patience = settle if sighting.state.size else settle * _EMPTY_PATIENCE
    if clock < sighting.since + patience:
        return Wait(path, sighting, sighting.since + patience)
    if _is_open(path, seen, clock):
        return Wait(path, sighting, clock + _LOOK_AGAIN, blocked=True, is_open=True)
    return Process(path, sighting)


def _is_not_for_us(name: str) -> bool:
    """Lock files, hidden and temporary files, and whatever is no workbook by its name."""
    if is_lock_file(name) or name.startswith((".", "~")):
        return True
    return PurePosixPath(name).suffix.lower() not in WORKBOOKS


def _is_open(path: str, seen: Mapping[str, Sighting], clock: float) -> bool:
    """Whether Excel, WPS or LibreOffice has left its lock file beside the workbook."""
    folder, slash, name = path.rpartition("/")
    for lock in (f"~${name}", f".~{name}", f".~lock.{name}#"):
        sighting = seen.get(f"{folder}{slash}{lock}")
        if sighting is not None and clock < sighting.since + _LOCK_SECONDS:
            return True
    return False
