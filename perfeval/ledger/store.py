"""The ledger as a SQLite file in the output folder."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from perfeval import __version__
from perfeval.errors import PathError
from perfeval.files import reason
from perfeval.findings import Finding
from perfeval.ledger.records import Entry, FormLine, file_key, plain_path, same_file
from perfeval.ledger.versions import family_keys

__all__ = ["FOLDER", "Ledger", "ledger_path", "open_ledger", "refuse_links"]

FOLDER = ".perfeval"  # hidden, so that scanning passes it by
_NAME = "ledger.sqlite"
_BUSY_SECONDS = 10
# One script for each version of the schema, from the one before. Never edit one that was released: add another.
_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE file (
      id INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of recording, new when a file is done again
      path TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL, settled INTEGER NOT NULL,
      digest TEXT NOT NULL, options TEXT NOT NULL,
      status TEXT NOT NULL, codes TEXT NOT NULL,
      errors INTEGER NOT NULL, warnings INTEGER NOT NULL, notes INTEGER NOT NULL,
      output TEXT, output_size INTEGER NOT NULL, output_modified INTEGER NOT NULL, output_digest TEXT NOT NULL,
      done TEXT NOT NULL,
      archive TEXT, archived INTEGER NOT NULL,
      UNIQUE (path, digest)
    );
    CREATE INDEX file_digest ON file (digest);
    CREATE INDEX file_open ON file (archive) WHERE archive IS NOT NULL AND NOT archived;
    CREATE TABLE form (
      file INTEGER NOT NULL REFERENCES file ON DELETE CASCADE, number INTEGER NOT NULL,
      sheet TEXT NOT NULL, pack TEXT NOT NULL, form_id TEXT, revision INTEGER,
      unit TEXT NOT NULL, project TEXT NOT NULL, year INTEGER,
      score TEXT, shown TEXT, grade TEXT,
      PRIMARY KEY (file, number)
    ) WITHOUT ROWID;
    CREATE INDEX form_about ON form (project, unit, year);
    CREATE INDEX form_known ON form (form_id);
    """,
)


_COLUMNS = tuple(name for name in Entry.__match_args__ if name != "forms")  # of the table `file`, in order
_INSERT_FILE = f"INSERT INTO file ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_INSERT_FORM = "INSERT INTO form VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def ledger_path(out: Path) -> Path:
    """Where the ledger of an output folder lies."""
    return out / FOLDER / _NAME


def open_ledger(out: Path, *, durable: bool = False) -> tuple[Ledger | None, tuple[Finding, ...]]:
    """The ledger of an output folder, made when missing; findings tell what was wrong with it.

    None: there can be none now (no rights, no space), and the work goes on without. `durable` survives a power cut,
    not only a crash of the program. PathError when a later version of the program made it.
    """
    path = ledger_path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_links(path)
        try:
            return _opened(path, out, durable=durable), ()
        except sqlite3.Error as error:
            if not _is_damage(error):
                return None, (_unwritten(path, error),)
        aside = _set_aside(path)
        damaged = Finding("BAT010", params={"path": str(path), "aside": aside.name})
        return Ledger(path, out, durable=durable), (damaged,)
    except (OSError, sqlite3.Error) as error:
        return None, (_unwritten(path, error),)


def refuse_links(path: Path) -> None:
    """OSError when the ledger or its folder is a link: what it leads to may be the database of somebody else."""
    for place in (path.parent, path):
        if place.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(place))


def _opened(path: Path, out: Path, *, durable: bool) -> Ledger:
    """Open the ledger; while another run is making it, SQLite says "locked" at once instead of waiting."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return Ledger(path, out, durable=durable)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)


class Ledger:
    """An open ledger. Reading and writing never raise for the sake of a disk: they say so or know nothing."""

    def __init__(self, path: Path, out: Path, *, durable: bool = False) -> None:
        self.path = path
        self._out = out
        self._folder = f"{out}{os.sep}"
        self._base = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            self._base.execute("PRAGMA journal_mode = WAL")  # some shares cannot: SQLite then stays with its own
            self._base.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._base.execute("PRAGMA foreign_keys = ON")
            if (told := self._base.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise _Damaged(told)
            self._migrate()
        except BaseException:
            self._base.close()
            raise

    def close(self) -> None:
        """Put everything into the one file."""
        with contextlib.suppress(sqlite3.Error):
            self._base.close()

    def record(self, entry: Entry) -> Finding | None:
        """Put `entry` on record in place of an earlier one of the same content and path; says why if it cannot."""

        def work() -> None:
            self._forget(entry)
            self._insert(entry)

        return self._change(work)

    def record_all(self, entries: Sequence[Entry]) -> tuple[tuple[tuple[Entry, ...], ...], Finding | None]:
        """Record several at once; with each goes what `same_content` knew when its turn came."""
        twins: list[tuple[Entry, ...]] = []

        def work() -> None:
            marks = ", ".join("?" * len(entries))
            sql = f"SELECT digest FROM file WHERE digest IN ({marks})"  # noqa: S608 - question marks
            known = {digest for (digest,) in self._base.execute(sql, [entry.digest for entry in entries])}
            for entry in entries:
                if entry.digest in known:
                    self._forget(entry)
                    self._insert(entry)
                    twins.append(self.same_content(entry))
                else:
                    known.add(entry.digest)
                    self._insert(entry)
                    twins.append(())

        fault = self._change(work)
        return tuple(twins), fault

    def set_archived(self, entry: Entry) -> Finding | None:
        """Note that the original of `entry` lies in the archive."""
        sql = "UPDATE file SET archived = 1 WHERE path = ? AND digest = ?"
        return self._change(lambda: self._base.execute(sql, (entry.path, entry.digest)))

    def latest(self, path: Path) -> Entry | None:
        """What was last recorded of the file at `path`."""
        found = self._entries("WHERE path = ? ORDER BY id DESC LIMIT 1", (file_key(path),))
        return found[0] if found else None

    def finished(self, path: Path, real: str, options: str) -> tuple[Path, str] | None:
        """The result and status of `path` (`real` without links) if doing it again would change nothing.

        That is: same content, same options, and the result in place.
        """
        sql = (
            "SELECT options, status, size, modified, settled, digest,"
            " output, output_size, output_modified, output_digest FROM file WHERE path = ? ORDER BY id DESC LIMIT 1"
        )
        try:
            row = self._base.execute(sql, (plain_path(real),)).fetchone()
        except sqlite3.Error:  # as in `_entries`
            return None
        if row is None or row[0] != options or row[1] == "failed" or row[6] is None:
            return None
        _, status, size, modified, settled, digest, output, *result = row
        output = self._out / output
        if same_file(path, size, modified if settled else None, digest) and same_file(output, *result):
            return output, status
        return None

    def same_content(self, entry: Entry) -> tuple[Entry, ...]:
        """Other files on record with the content of `entry`, the newest few."""
        return self._entries("WHERE digest = ? AND path != ? ORDER BY id DESC LIMIT 3", (entry.digest, entry.path))

    def same_form(self, entry: Entry) -> tuple[Entry, ...]:
        """Other entries on record with a form of the same id, or of the same unit, project and year."""
        found: dict[tuple[str, str], Entry] = {}
        for form in entry.forms:
            if form.key is not None:
                where = (
                    "WHERE id IN (SELECT file FROM form WHERE form_id = ?"
                    " UNION SELECT file FROM form WHERE project = ? AND unit = ? AND year IS ?)"
                )
                for other in self._entries(where, (form.form_id, form.project, form.unit, form.year)):
                    found[other.path, other.digest] = other
        found.pop((entry.path, entry.digest), None)
        return tuple(found.values())

    def not_archived(self) -> tuple[Entry, ...]:
        """Entries whose original was to be archived and perhaps was not."""
        return self._entries("WHERE archive IS NOT NULL AND NOT archived ORDER BY id")

    def has_versions(self) -> bool:
        """Whether two of the forms on record may be versions of one: `entries` and `submissions` tell which."""
        sql = "SELECT path, archive IS NOT NULL, form.* FROM file JOIN form ON file = id"
        seen: set[str] = set()
        try:
            for path, is_archived, *row in self._base.execute(sql):
                keys = set(family_keys(path, _form_line(row), is_archived=is_archived))
                if not seen.isdisjoint(keys):
                    return True
                seen |= keys
        except sqlite3.Error:
            return False
        return False

    def entries(self) -> tuple[Entry, ...]:
        """Everything on record, oldest first."""
        return self._entries("ORDER BY id")

    def _migrate(self) -> None:
        with self._transaction():
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version > len(_MIGRATIONS):
                raise PathError(
                    f"台账「{self.path}」是更新版本的 perfeval 建立的,本版本({__version__})不能使用它。\n"
                    "请升级 perfeval,或用 --out 换一个文件夹。"
                )
            for script in _MIGRATIONS[version:]:
                for statement in script.split(";"):
                    self._base.execute(statement)
            self._base.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has already rolled back
                self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def _change(self, work: Callable[[], object]) -> Finding | None:
        try:
            with self._transaction():
                work()
        except sqlite3.Error as error:
            return _unwritten(self.path, error)
        return None

    def _forget(self, entry: Entry) -> None:
        self._base.execute("DELETE FROM file WHERE path = ? AND digest = ?", (entry.path, entry.digest))

    def _insert(self, entry: Entry) -> None:
        values = {name: getattr(entry, name) for name in _COLUMNS}
        values["codes"] = " ".join(entry.codes)
        for name in ("output", "archive"):
            values[name] = self._relative(values[name])
        file = self._base.execute(_INSERT_FILE, tuple(values.values())).lastrowid
        self._base.executemany(
            _INSERT_FORM,
            [
                (file, number, form.sheet, form.pack, form.form_id, form.revision,
                 form.unit, form.project, form.year, form.score, form.shown, form.grade)
                for number, form in enumerate(entry.forms)
            ],
        )  # fmt: skip

    def _entries(self, where: str, values: tuple[str | int | None, ...] = ()) -> tuple[Entry, ...]:
        try:
            rows = self._base.execute(f"SELECT file.* FROM file {where}", values).fetchall()  # noqa: S608 - ours
            forms: defaultdict[int, list[FormLine]] = defaultdict(list)
            sql = "SELECT * FROM form ORDER BY file, number"
            if len(rows) < 10:
                wanted = ", ".join(str(row[0]) for row in rows)
                sql = f"SELECT * FROM form WHERE file IN ({wanted}) ORDER BY file, number"  # noqa: S608 - numbers
            for row in self._base.execute(sql) if rows else ():
                forms[row[0]].append(_form_line(row))
        except sqlite3.Error:  # damage met on the way: unknown means that the file is done again
            return ()
        return tuple(self._entry(row, tuple(forms[row[0]])) for row in rows)

    def _entry(self, row: Sequence[Any], forms: tuple[FormLine, ...]) -> Entry:
        values = dict(zip(_COLUMNS, row[1:], strict=True))
        values["codes"] = tuple(values["codes"].split())
        for name in ("settled", "archived"):
            values[name] = bool(values[name])
        for name in ("output", "archive"):
            values[name] = None if values[name] is None else self._out / values[name]
        return Entry(**values, forms=forms)

    def _relative(self, path: Path | None) -> str | None:
        """Results are noted by their place in the output folder, which may move with all it holds."""
        if path is None:
            return None
        if (text := str(path)).startswith(self._folder):
            return plain_path(text[len(self._folder) :])
        return plain_path(path.relative_to(self._out) if path.is_relative_to(self._out) else path.absolute())


def _form_line(row: Sequence[Any]) -> FormLine:
    """A row of the table `form`."""
    _, _, sheet, pack, form_id, revision, unit, project, year, score, shown, grade = row
    return FormLine(sheet, pack, unit, project, year, score, shown, grade, form_id, revision)


class _Damaged(sqlite3.DatabaseError):
    """SQLite reads the file, yet it contradicts itself."""


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # A table that is missing, or is not ours, is damage too: nobody else writes here.
    return isinstance(error, _Damaged) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def _set_aside(path: Path) -> Path:
    """Rename the ledger with what SQLite keeps beside it; nothing is deleted."""
    names: Iterable[str] = (f"{path.stem}-damaged-{number}{path.suffix}" for number in range(1, 1_000_000))
    aside = next(candidate for candidate in map(path.with_name, names) if not os.path.lexists(candidate))
    path.replace(aside)
    for tail in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + tail).replace(aside.with_name(aside.name + tail))
    return aside


def _unwritten(path: Path, error: Exception) -> Finding:
    if isinstance(error, OSError):
        return Finding("BAT011", params={"path": str(path), "reason": reason(error)})
    known = {
        sqlite3.SQLITE_FULL: "磁盘空间已用完",
        sqlite3.SQLITE_READONLY: "没有写入权限",
        sqlite3.SQLITE_CANTOPEN: "没有写入权限,或者磁盘空间已用完",
        sqlite3.SQLITE_PERM: "没有写入权限",
        sqlite3.SQLITE_BUSY: "正被另一个程序使用",
        sqlite3.SQLITE_LOCKED: "正被另一个程序使用",
        sqlite3.SQLITE_IOERR: "磁盘读写出错",
        sqlite3.SQLITE_CORRUPT: "文件已损坏,下次运行时会重建",
        sqlite3.SQLITE_NOTADB: "文件已损坏,下次运行时会重建",
    }
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return Finding("BAT011", params={"path": str(path), "reason": known.get(code, f"系统提示:{error}")})
