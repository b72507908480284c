"""What was received and answered, in the ledger of the output folder: no mail lost, none answered twice.

Unlike the rest of the ledger it is never rebuilt by itself: whoever does not know what has been answered must not
answer. Every change is on the disk before the next step is taken.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from perfeval.errors import PathError
from perfeval.files import reason
from perfeval.ledger import ledger_path, refuse_links

__all__ = ["Record", "Register", "Reply", "utc_text"]

_TABLES = """
CREATE TABLE IF NOT EXISTS mail_message (
  number INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of arrival
  content TEXT NOT NULL UNIQUE,              -- digest of what was written and attached
  message_id TEXT NOT NULL, files TEXT NOT NULL,
  sender TEXT NOT NULL, subject TEXT NOT NULL, sent TEXT NOT NULL, received TEXT NOT NULL,
  folder TEXT NOT NULL, trusted INTEGER NOT NULL, status TEXT NOT NULL,
  reply TEXT NOT NULL, recipient TEXT NOT NULL, note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS mail_message_id ON mail_message (message_id);
CREATE INDEX IF NOT EXISTS mail_message_reply ON mail_message (reply);
CREATE TABLE IF NOT EXISTS mail_seen (box TEXT NOT NULL, uid TEXT NOT NULL, PRIMARY KEY (box, uid)) WITHOUT ROWID;
"""
_BUSY_SECONDS = 10


class Reply(StrEnum):
    """How far the answer to a message has come."""

    NONE = "none"  # there is nobody to answer, or nothing to say
    DRAFT = "draft"  # lies in the folder for a person to send
    QUEUED = "queued"  # to be sent by the program
    SENDING = "sending"  # handed to the server; whether it took it is not known yet
    SENT = "sent"
    REFUSED = "refused"  # by the server, for good


@dataclass(frozen=True, slots=True)
class Record:
    """A message that has been dealt with."""

    content: str
    message_id: str
    files: str  # digest of the set of workbooks
    sender: str
    subject: str
    sent: str  # when the sender says; "" when not known
    received: str  # local time
    folder: str  # below the output folder; "" when it has none
    trusted: bool
    status: str
    reply: Reply
    recipient: str
    note: str = ""  # what the server said
    number: int = 0  # order of arrival, given when it is put on record


_COLUMNS = tuple(field.name for field in fields(Record) if field.name != "number")


class Register:
    """The tables, open; use it in a `with` block."""

    def __init__(self, out: Path) -> None:
        self.path = ledger_path(out)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            refuse_links(self.path)
            lock = self.path.with_name("mail.lock")
            refuse_links(lock)
            self._guard = _only_one(lock)
            self._base = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                self._base.execute("PRAGMA journal_mode = WAL")
                self._base.execute("PRAGMA synchronous = FULL")
                if self._base.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                    raise sqlite3.DatabaseError
                self._base.executescript(_TABLES)
            except BaseException:
                self._base.close()
                self._guard.close()
                raise
        except OSError as error:
            raise PathError(
                f"台账「{self.path}」写不了:{reason(error)}。请确认 --out 所指的文件夹可以写入。"
            ) from error
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def __enter__(self) -> Register:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()
        self._guard.close()

    def known(self, content: str, message_id: str, files: str, sender: str) -> Record | None:
        """The same message, if it was dealt with: same content, or same id, sender and workbooks.

        Lists and gateways add footers, so that one message may arrive twice with different texts.
        """
        found = self._records("content = ?", (content,))
        if not found and message_id:
            same = "message_id = ? AND files = ? AND sender = ? ORDER BY number LIMIT 1"
            found = self._records(same, (message_id, files, sender))
        return found[0] if found else None

    def has_id(self, message_id: str) -> bool:
        """Whether a message with this id is on record."""
        return bool(message_id) and bool(self._records("message_id = ? LIMIT 1", (message_id,)))

    def in_folder(self, folder: str) -> Record | None:
        """The message whose results lie in `folder`."""
        found = self._records("folder = ?", (folder,))
        return found[0] if found else None

    def add(self, record: Record) -> None:
        """Put a message on record, with everything it led to already safe on the disk."""
        marks = ", ".join("?" * len(_COLUMNS))
        sql = f"INSERT INTO mail_message ({', '.join(_COLUMNS)}) VALUES ({marks})"  # noqa: S608 - our own columns
        self._run(sql, tuple(getattr(record, name) for name in _COLUMNS))

    def queued(self) -> tuple[Record, ...]:
        """Messages whose answer is to be sent, oldest first."""
        return self._records("reply = ? ORDER BY number", (Reply.QUEUED,))

    def in_doubt(self) -> tuple[Record, ...]:
        """Messages whose answer was under way when the program ended."""
        return self._records("reply = ? ORDER BY number", (Reply.SENDING,))

    def claim(self, record: Record) -> bool:
        """Take an answer for sending; False when another run has taken it."""
        sql = "UPDATE mail_message SET reply = ? WHERE content = ? AND reply = ?"
        return self._run(sql, (Reply.SENDING, record.content, Reply.QUEUED)) == 1

    def settle(self, record: Record, reply: Reply, note: str = "") -> None:
        """Note what became of an answer."""
        self._run("UPDATE mail_message SET reply = ?, note = ? WHERE content = ?", (reply, note, record.content))

    def untrusted_folders(self) -> frozenset[str]:
        """Folders of messages whose sender could not be verified although that was asked for."""
        return frozenset(record.folder for record in self._records("NOT trusted", ()))

    def seen(self, box: str) -> frozenset[str]:
        """The UIDs of a mailbox that were dealt with."""
        try:
            rows = self._base.execute("SELECT uid FROM mail_seen WHERE box = ?", (box,)).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return frozenset(row[0] for row in rows)

    def mark_seen(self, box: str, uid: str) -> None:
        """Note that a message of a mailbox needs no second look."""
        self._run("INSERT OR IGNORE INTO mail_seen VALUES (?, ?)", (box, uid))

    def _run(self, sql: str, values: tuple[object, ...]) -> int:
        try:
            return self._base.execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _records(self, where: str, values: tuple[object, ...]) -> tuple[Record, ...]:
        sql = f"SELECT {', '.join(_COLUMNS)}, number FROM mail_message WHERE {where}"  # noqa: S608 - our own text
        try:
            rows = self._base.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        records = []
        for row in rows:
            entry = dict(zip((*_COLUMNS, "number"), row, strict=True))
            records.append(Record(**{**entry, "trusted": bool(entry["trusted"]), "reply": Reply(entry["reply"])}))
        return tuple(records)

    def _unusable(self, error: sqlite3.Error) -> PathError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        known = {
            sqlite3.SQLITE_BUSY: "正被另一个程序使用,请等它结束再运行",
            sqlite3.SQLITE_FULL: "磁盘空间已用完,请清出空间再运行",
            sqlite3.SQLITE_READONLY: "没有写入权限",
            sqlite3.SQLITE_CANTOPEN: "没有写入权限,或者磁盘空间已用完",
            sqlite3.SQLITE_IOERR: "磁盘读写出错,请检查磁盘再运行",
        }
        why = known.get(code, "文件已损坏。不知道哪些邮件已经答复过,就不能继续;请恢复备份,或用 --out 换一个文件夹")
        return PathError(f"台账「{self.path}」用不了:{why}。")


def _only_one(path: Path) -> sqlite3.Connection:
    """Hold a lock until the connection is closed or the process ends, however it ends: two runs would answer twice."""
    guard = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        guard.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        guard.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            raise PathError(
                f"「{path.parent.parent}」里已经有一个 perfeval mail 在运行。请等它结束再运行,或用 --out 换一个文件夹。"
            ) from None
        raise
    return guard


def utc_text(when: dt.datetime | None) -> str:
    """A time as it stands in the register."""
    return "" if when is None else when.astimezone(dt.UTC).isoformat(timespec="seconds")
