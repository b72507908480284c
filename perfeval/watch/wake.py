"""Waiting until it is worth looking at the hot folder again: for a while, or until the system reports a change.

Events only make it quicker. They get lost on network shares and when folders are moved in whole, so that every file
is found by looking; `watchfiles`, where it is installed, just shortens the wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Waker"]

_SLICE = 0.5  # seconds between two looks at whether to stop


class Waker:
    """Waits for the next look at a folder."""

    def __init__(self, folder: Path, stop: threading.Event, *, poll: bool) -> None:
        self._folder = folder
        self._stop = stop
        self._poll = poll
        self._changes = self._listen()

    @property
    def has_events(self) -> bool:
        """Whether the system tells of changes."""
        return self._changes is not None

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or sooner when something changed in the folder or the watcher is to stop."""
        end = time.monotonic() + seconds
        while not self._stop.is_set() and (left := end - time.monotonic()) > 0:
            if self._changes is None:
                self._stop.wait(min(left, _SLICE))  # in slices, so that Ctrl-C is heard on Windows too
                continue
            try:
                if next(self._changes):
                    return
            except (OSError, RuntimeError, StopIteration):  # the folder vanished, or there are too many folders
                self._changes = None

    def renew(self) -> None:
        """Listen again after the folder was gone."""
        if self._changes is None:
            self._changes = self._listen()

    def _listen(self) -> Iterator[object] | None:
        if self._poll:
            return None
        try:
            from watchfiles import watch
        except ImportError:
            return None
        milliseconds = int(_SLICE * 1000)
        events: Iterator[object] = watch(
            self._folder,
            watch_filter=None,
            debounce=milliseconds,
            rust_timeout=milliseconds,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        return events
