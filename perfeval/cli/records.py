"""The ledger of a `fill`: what need not be done again, and what the finance department must hear about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perfeval.findings import Finding

if TYPE_CHECKING:
    from perfeval.batch import Report
    from perfeval.ledger import Entry, Ledger
    from perfeval.pipeline import Options

__all__ = ["Records"]


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
        self._remarks: list[Finding] = []
        self._done: set[str] = set()

    def result_of(self, path: Path) -> Path | None:
        """The result of an earlier run that doing `path` again would only repeat."""
        if self._force or (ledger := self._open()) is None:
            return None
        entry = ledger.finished(path, self.options)
        if entry is None:
            return None
        self.faulty += entry.status == "error"
        return entry.output

    def keep(self, report: Report[Any]) -> None:
        """Put a file that was just done on record."""
        if report.entry is None or (ledger := self._open()) is None:
            return
        if (fault := ledger.record(report.entry)) is not None:
            self._remarks.append(fault)
            self.close()
            return
        self._done.add(report.entry.path)
        if (other := self._twin(ledger, report.entry)) is not None:
            self._remarks.append(Finding("BAT008", params={"path": str(report.path), "other": other}))

    def remarks(self) -> Iterator[Finding]:
        """What is to be said about the run as a whole; closes the ledger."""
        yield from self._remarks
        if self._ledger is not None and self._done:
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

    def _twin(self, ledger: Ledger, entry: Entry) -> str | None:
        """A file that still lies somewhere with the same content; one that was renamed is no second one."""
        return next((other.path for other in ledger.same_content(entry) if Path(other.path).exists()), None)

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
