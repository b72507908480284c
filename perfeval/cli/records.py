"""The ledger of a `fill`: what need not be done again, and what the finance department must hear about."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perfeval.findings import Finding

if TYPE_CHECKING:
    from perfeval.batch import Report
    from perfeval.ledger import Entry, Ledger
    from perfeval.pipeline import Options

__all__ = ["Records"]

_TOGETHER, _SECONDS = 100, 0.5  # files that may wait to be recorded, and for how long


class Records:
    """Opens the ledger when the first file asks for it; without one (no rights, no space) the work goes on."""

    def __init__(self, out: Path, options: Options, *, force: bool) -> None:
        from perfeval.ledger import options_key

        self.options = options_key(options)
        self.faulty = 0  # files skipped whose last result has to be corrected
        self._out = out
        self._force = force
        self._ledger: Ledger | None = None
        self._wanted = True  # not yet tried to open, or open
        self._unsaved: list[Entry] = []
        self._saved = time.monotonic()
        self._remarks: list[Finding] = []
        self._done: set[str] = set()

    def result_of(self, path: Path, real: str) -> Path | None:
        """The result of an earlier run that doing `path` (`real` without links) again would only repeat."""
        if self._force or (ledger := self._open()) is None:
            return None
        finished = ledger.finished(path, real, self.options)
        if finished is None:
            return None
        result, status = finished
        self.faulty += status == "error"
        return result

    def keep(self, report: Report[Any]) -> None:
        """Put a file that was just done on record, now or with the next ones."""
        if report.entry is None:
            return
        self._unsaved.append(report.entry)
        if len(self._unsaved) >= _TOGETHER or time.monotonic() - self._saved > _SECONDS:
            self.save()

    def save(self) -> None:
        """Put on record what was kept; whoever is cut off before does at most these few files once more."""
        unsaved, self._unsaved = self._unsaved, []
        if not unsaved or (ledger := self._open()) is None:
            return
        twins, fault = ledger.record_all(unsaved)
        self._saved = time.monotonic()
        if fault is not None:
            self._remarks.append(fault)
            self.close()
            return
        for entry, others in zip(unsaved, twins, strict=True):
            self._done.add(entry.path)
            # A file that still lies there with the same content; one that was renamed is no second one.
            twin = next((other.path for other in others if Path(other.path).exists()), None)
            if twin is not None:
                self._remarks.append(Finding("BAT008", params={"path": entry.path, "other": twin}))

    def remarks(self) -> Iterator[Finding]:
        """What is to be said about the run as a whole; closes the ledger."""
        self.save()
        yield from self._remarks
        if self._ledger is not None and self._done and self._ledger.has_versions():
            yield from self._older_versions(self._ledger)
        self.close()

    def close(self) -> None:
        """End with the ledger."""
        self._wanted = False
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _open(self) -> Ledger | None:
        if self._ledger is None and self._wanted:
            from perfeval.ledger import open_ledger

            self._ledger, remarks = open_ledger(self._out)
            self._wanted = self._ledger is not None
            self._remarks += remarks
        return self._ledger

    def _older_versions(self, ledger: Ledger) -> Iterator[Finding]:
        from perfeval.ledger import submissions

        told: set[tuple[str, str]] = set()
        entries = ledger.entries()
        digests = {entry.path: entry.digest for entry in entries}
        for line in submissions(entries):
            path, newer = line.entry.path, line.newer
            if newer is None or newer == path or self._done.isdisjoint((path, newer)) or (path, newer) in told:
                continue
            if digests[path] != digests[newer]:  # equal ones have been told as such
                told.add((path, newer))
                yield Finding("BAT009", params={"path": path, "other": newer})
