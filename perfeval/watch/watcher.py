"""The watcher: looks, waits, does each file in steps that can be taken up again after a crash at any of them.

The steps of a file: read it while it holds still; write its result (a name that already holds the very bytes is taken
as written); put it on record together with the place of its original; move the original there; mark it as moved.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfeval.errors import PathError
from perfeval.files import read_fault, reason, write_fault
from perfeval.findings import Finding
from perfeval.ledger import FOLDER, Entry, Ledger, entry_of, file_key, open_ledger, options_key
from perfeval.pack import available, load_pack
from perfeval.pipeline import Options, Outcome, layout_of, produce
from perfeval.planning import leads_out, output_name
from perfeval.watch import folders
from perfeval.watch.decide import Process, Sighting, State, Wait, plan
from perfeval.watch.folders import DONE, ORIGINALS, TO_CORRECT, Changed
from perfeval.watch.lock import only_one
from perfeval.watch.reasons import is_reasons, reasons_text, text_name
from perfeval.watch.wake import Waker
from perfeval.workbook.guard import LIMITS, too_large

__all__ = ["Handled", "Settings", "Watcher"]

_RESCAN = 60.0  # seconds between full looks where the system tells of changes
_FIRST_RETRY = 5.0
_LAST_RETRY = 600.0
_HOPELESS = 3  # files in a row that could not be written: the disk is at fault, the others can wait


@dataclass(frozen=True, slots=True)
class Settings:
    """How to watch."""

    inbox: Path
    out: Path
    options: Options
    settle: float = 3.0  # seconds a file must look the same before it is taken
    interval: float = 5.0  # seconds between looks without events
    poll: bool = False  # do without events, for network shares
    once: bool = False  # end when nothing is left to do


@dataclass(frozen=True, slots=True)
class Handled:
    """A file that is through."""

    path: str  # below the hot folder, with /
    folder: str  # 已完成 or 需修改
    outcome: Outcome  # its `output` is the workbook in that folder
    remarks: tuple[Finding, ...] = ()  # about the file among others: the same content was there before


@dataclass(slots=True)
class Watcher:
    """Watches one hot folder; `told` and `handled` are called as things happen."""

    settings: Settings
    handled: Callable[[Handled], None]
    told: Callable[[Finding], None]
    clock: Callable[[], float] = time.monotonic
    today: Callable[[], dt.date] = dt.date.today
    stop: threading.Event = field(default_factory=threading.Event)
    faults: dict[str, str] = field(default_factory=dict)  # file still waiting → code of what stood in its way
    _seen: dict[str, Sighting] = field(default_factory=dict)
    _said: set[tuple[str, str]] = field(default_factory=set)
    _ledger: Ledger | None = None
    _key: str = ""

    def run(self) -> None:
        """Watch until `stop` is set, or with `once` until everything is done.

        PathError and UsageError when the folders cannot be used, or another watcher has them.
        """
        with self.ready():
            self._loop()

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Everything `round` needs: packs, the lock, the ledger, and what a crash left behind put right."""
        inbox, out, options = self.settings.inbox, self.settings.out, self.settings.options
        folders.check_folders(inbox, out)
        for pack_id in (options.pack,) if options.pack else available(options.templates):
            layout_of(load_pack(pack_id, options.templates))  # what is wrong is said now, not at the first file
        self._key = options_key(options)
        try:
            (out / FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PathError(f"建不了文件夹「{out}」:{reason(error)}。") from error
        with only_one((inbox, out / FOLDER)):
            folders.remove_leftovers([out / name for name in (DONE, TO_CORRECT, ORIGINALS)])
            self._open_ledger()
            try:
                self._recover()
                yield
            finally:
                if self._ledger is not None:
                    self._ledger.close()

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        waker = Waker(self.settings.inbox, self.stop, poll=self.settings.poll)
        while not self.stop.is_set():
            pause = self.round()
            if pause is None:
                return
            if pause > 0:
                waker.wait(min(pause, _RESCAN if waker.has_events else self.settings.interval))
                waker.renew()

    def round(self) -> float | None:
        """Look once and do what can be done; returns how long to wait at most, None when `once` is through."""
        inbox = self.settings.inbox
        try:
            now = folders.scan(inbox)
        except OSError as error:
            self._say(Finding("BAT012", params={"path": str(inbox), "reason": reason(error)}))
            if self.settings.once:
                raise PathError(f"收件夹「{inbox}」打不开:{reason(error)}。") from error
            return self.settings.interval
        self._said.discard(("BAT012", ""))
        decisions = plan(self._seen, now, self.clock(), self.settings.settle)
        self._seen = {decision.path: decision.sighting for decision in decisions}
        self._said = {(code, path) for code, path in self._said if not path or path in now}
        self.faults = {path: code for path, code in self.faults.items() if path in now}
        self._tell_of_links(now)
        todo = [decision for decision in decisions if isinstance(decision, Process)]
        waits = [decision for decision in decisions if isinstance(decision, Wait)]
        for wait in waits:
            if wait.is_open:
                self._say(Finding("BAT013", params={"path": str(inbox / wait.path)}), wait.path)
        in_a_row = 0
        for decision in todo:
            if self.stop.is_set() or in_a_row >= _HOPELESS:
                break
            in_a_row = 0 if self._do(decision) else in_a_row + 1
        if self.settings.once and not any(not wait.blocked for wait in waits) and self._through(todo, in_a_row):
            return None
        if todo and in_a_row < _HOPELESS:
            return 0.0  # what came in the meantime is seen at once
        soonest = min((wait.until for wait in waits), default=None)
        return self.settings.interval if soonest is None else max(0.05, soonest - self.clock())

    def _tell_of_links(self, now: Mapping[str, State]) -> None:
        """Links out of the hot folder stay where they are; each is told once."""
        real_inbox = os.path.realpath(self.settings.inbox)
        for path in [path for path, state in now.items() if not state.regular]:
            link = self.settings.inbox / path
            if ("BAT004", path) not in self._said and link.is_symlink() and leads_out(str(link), real_inbox):
                self._say(Finding("BAT004", params={"path": str(link)}), path)

    def _through(self, todo: list[Process], in_a_row: int) -> bool:
        """Whether another look would find nothing more: none was taken, or all that were cannot be done now."""
        return not todo or in_a_row > 0

    def _say(self, finding: Finding, path: str = "") -> None:
        """Tell something about a file, or about the folders, once until it has changed."""
        key = (finding.code, path)
        if key not in self._said:
            self._said.add(key)
            self.told(finding)

    # ---- one file ----------------------------------------------------------------------------------------------------

    def _do(self, decision: Process) -> bool:
        """Take a file through all steps; False when something outside it stood in the way, to be tried again."""
        path, state = decision.path, decision.sighting.state
        source = self.settings.inbox / path
        if state.size > LIMITS.file_size:  # the disk is not at fault: the others can be done
            self._retry(decision, too_large().finding())
            return True
        try:
            data, before = folders.read_stable(source, state)
        except Changed:
            self._seen.pop(path, None)
            return True
        except OSError as error:
            if os.name == "nt" and isinstance(error, PermissionError):  # there it means: open in Excel or WPS
                return self._retry(decision, Finding("BAT013", params={"path": str(source)}))
            return self._retry(decision, read_fault(error, source))
        if not (self.settings.out / FOLDER).is_dir():  # a share that went away leaves an empty folder behind
            missing = Finding("BAT012", params={"path": str(self.settings.out), "reason": "路径不存在"})
            return self._retry(decision, missing)
        try:
            entry = self._cut_off(source, data)
            if entry is None:
                done = self._finish(path, source, state, data, before)
                if isinstance(done, Finding):
                    return self._retry(decision, done)
                entry = done
            return self._put_away(decision, data, entry)
        except Changed:
            self._seen.pop(path, None)
            return True

    def _cut_off(self, source: Path, data: bytes) -> Entry | None:
        """The record of this very file when its result is written and only the original was not moved yet."""
        entry = None if self._ledger is None else self._ledger.latest(source)
        if entry is None or entry.archive is None or entry.archived:
            return None
        return entry if entry.digest == hashlib.sha256(data).hexdigest() else None

    def _finish(self, path: str, source: Path, state: State, data: bytes, before: os.stat_result) -> Entry | Finding:
        """Write the result and put it on record; a finding tells what stood in the way."""
        outcome, result = produce(source, data, self.settings.options)
        good = outcome.status in ("ok", "warning")
        name, content = (source.name, data) if result is None else (output_name(source.name), result)
        files = [(name, content)]
        if not good:
            files.append((text_name(name), reasons_text(source.name, outcome)))
        folder = DONE if good else TO_CORRECT
        place = (self.settings.out / folder / path).parent
        if folders.state_of(source) != state:
            raise Changed
        entry = entry_of(outcome, self._key, before)
        for older in () if self._ledger is None else self._ledger.same_form(entry):
            _clear_away(older, self.settings.out / TO_CORRECT)
        try:
            paths = folders.free_slot(place, files)
            new = folders.write_all(paths, files)
        except OSError as error:
            return write_fault(error, place / name)
        if folders.state_of(source) != state:  # replaced meanwhile: this result is nobody's
            for written in new:
                with contextlib.suppress(OSError):
                    written.unlink()
            raise Changed
        outcome = replace(outcome, output=paths[0], output_digest=hashlib.sha256(content).hexdigest())
        originals = (self.settings.out / ORIGINALS / self.today().isoformat() / path).parent
        archive = folders.free_slot(originals, [(source.name, data)])[0]
        entry = replace(entry_of(outcome, self._key, before), archive=archive)
        remarks = self._record(entry)
        self.handled(Handled(path, folder, outcome, remarks))
        return entry

    def _record(self, entry: Entry) -> tuple[Finding, ...]:
        """Put a file on record; returns what is to be said about it."""
        if self._ledger is None:
            self._open_ledger()
        if self._ledger is None:
            return ()
        twins = self._ledger.same_content(entry)
        if (fault := self._ledger.record(entry)) is not None:
            self._say(fault)
            self._ledger.close()
            self._ledger = None  # opened anew for the next file: by then it is set aside if it was damaged
            return ()
        self._said.discard(("BAT011", ""))
        return tuple(Finding("BAT008", params={"path": entry.path, "other": twin.path}) for twin in twins[:1])

    def _put_away(self, decision: Process, data: bytes, entry: Entry) -> bool:
        """Move the original of a file whose result is written."""
        source = self.settings.inbox / decision.path
        target = entry.archive or self.settings.out / ORIGINALS / decision.path
        try:
            folders.move_original(source, decision.sighting.state, data, target)
        except OSError as error:
            params = {"path": str(source), "output": str(target), "reason": reason(error)}
            return self._retry(decision, Finding("BAT014", params=params))
        if self._ledger is not None and (fault := self._ledger.set_archived(entry)) is not None:
            self._say(fault)
        self._seen.pop(decision.path, None)
        self.faults.pop(decision.path, None)
        return True

    def _retry(self, decision: Process, fault: Finding) -> bool:
        """Leave the file where it is and try again later, each time after a longer while."""
        self.faults[decision.path] = fault.code
        self._say(fault, decision.path)
        last = decision.sighting
        delay = min(_FIRST_RETRY * 2**last.tries, _LAST_RETRY)
        self._seen[decision.path] = replace(last, retry_at=self.clock() + delay, tries=last.tries + 1)
        return False

    # ---- after a crash -----------------------------------------------------------------------------------------------

    def _open_ledger(self) -> None:
        self._ledger, remarks = open_ledger(self.settings.out, durable=True)
        for finding in remarks:
            self._say(finding)
            if finding.code == "BAT010":
                self._catch_up(())

    def _recover(self) -> None:
        """Note what the ledger missed: originals moved in the last instant before a crash, or while it was full."""
        if self._ledger is None:
            return
        for entry in self._ledger.not_archived():
            if entry.archive is not None and not os.path.lexists(entry.path) and os.path.lexists(entry.archive):
                self._ledger.set_archived(entry)
        self._catch_up(self._ledger.entries())

    def _catch_up(self, known: Sequence[Entry]) -> None:
        """Put originals on record that are not among the `known` ones; nothing else is written."""
        root = self.settings.out / ORIGINALS
        places, digests = {entry.archive for entry in known}, {entry.digest for entry in known}
        try:
            found = folders.scan(root) if root.is_dir() else {}
        except OSError:  # what cannot be read now is caught up with next time
            return
        for decision in plan({}, found, 0.0, 0.0):
            path, (day, _, below) = decision.path, decision.path.partition("/")
            if not isinstance(decision, Process) or root / path in places or not below:
                continue
            if self.stop.is_set() or self._ledger is None:
                return
            try:
                data, before = folders.read_stable(root / path, decision.sighting.state)
            except (OSError, Changed):
                continue
            if hashlib.sha256(data).hexdigest() in digests:  # handed in again later: that is on record
                continue
            source = self.settings.inbox / below
            outcome, result = produce(source, data, self.settings.options)
            good = outcome.status in ("ok", "warning")
            name, content = (source.name, data) if result is None else (output_name(source.name), result)
            place = (self.settings.out / (DONE if good else TO_CORRECT) / below).parent
            (slot,) = folders.free_slot(place, [(name, content)])
            if slot.exists():
                outcome = replace(outcome, output=slot, output_digest=hashlib.sha256(content).hexdigest())
            entry = entry_of(outcome, self._key, before)
            self._ledger.record(replace(entry, path=file_key(source), archive=root / path, archived=True, done=day))


def _clear_away(older: Entry, to_correct: Path) -> None:
    """Take a form out of 需修改 that has been handed in again, unless somebody has worked on the copy there.

    Nothing is lost: the copy is what this program made of the original, which is kept.
    """
    output = older.output
    if older.status not in ("error", "failed") or output is None or not output.is_relative_to(to_correct):
        return
    with contextlib.suppress(OSError):
        if hashlib.sha256(output.read_bytes()).hexdigest() == older.output_digest:
            output.unlink()
    with contextlib.suppress(OSError):
        text = output.with_name(text_name(output.name))
        if not output.exists() and is_reasons(text.read_bytes()):
            text.unlink()
