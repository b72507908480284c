"""Where messages come from on a disk: .eml and .msg files, mbox files, maildirs, and folders of them.

Only heads are read at first: messages are answered in the order in which they were sent, because a later version of a
form replaces an earlier one, and a mailbox of gigabytes must not fill the memory.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfeval.files import read_fault
from perfeval.findings import Finding
from perfeval.mail.addresses import date_of
from perfeval.mail.limits import Limits
from perfeval.mail.message import Message, read_message
from perfeval.mail.mime import split_message
from perfeval.mail.outlook import read_outlook
from perfeval.workbook.magic import OLE_MAGIC

__all__ = ["Source", "find", "load"]

_SUFFIXES = (".eml", ".msg", ".mbox")
_HEAD = 64 << 10  # bytes that are read to learn the date
# The line between two messages of an mbox: after a blank line, ending in a year, and a header comes next.
_MBOX_LINE = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]{0,200}\d{4}[^\r\n]{0,50}\r?\n(?=[\x21-\x39\x3b-\x7e]+:|From )"
)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_ANY_FIELD = re.compile(rb"^[\x21-\x39\x3b-\x7e]+[ \t]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """One message, or what cannot be read as one."""

    path: Path
    label: str  # how it is named to people
    start: int = 0
    end: int | None = None  # within an mbox; None: the whole file
    sent: float | None = None  # when its sender says it was sent
    fault: Finding | None = None


def find(paths: Sequence[Path], limits: Limits) -> list[Source]:
    """The messages in `paths` (files, and folders with everything in them), oldest first, unreadable ones last."""
    files: dict[str, Path] = {}
    errors: list[OSError] = []
    for path in paths:
        for file in _files(path, errors) if os.path.isdir(path) else (path,):  # noqa: PTH112 - never raises
            files.setdefault(os.path.realpath(file), file)
    found = [source for file in files.values() for source in _sources(file, limits)]
    found += [Source(path := Path(error.filename), str(path), fault=read_fault(error, path)) for error in errors]
    dated = [source for source in found if source.fault is None]
    order = sorted(dated, key=lambda source: (source.sent is None, source.sent or 0.0))
    return order + [source for source in found if source.fault is not None]


def load(source: Source, limits: Limits) -> Message | Finding:
    """The message of a source, or the finding that says why there is none."""
    if source.fault is not None:
        return source.fault
    try:
        with source.path.open("rb") as stream:
            size = (os.fstat(stream.fileno()).st_size if source.end is None else source.end) - source.start
            if size > limits.message_size:
                return Finding("EML008", params={"size": str(size >> 20), "limit": str(limits.message_size >> 20)})
            stream.seek(source.start)
            data = stream.read(size)
    except OSError as error:
        return read_fault(error, source.path)
    if data.startswith(OLE_MAGIC):
        message = read_outlook(data, limits)
        return message or Finding("EML019", params={"name": source.path.name})
    if source.end is not None:
        data = _QUOTED_FROM.sub(rb"\1", data)
    if not _ANY_FIELD.search(data[:_HEAD]) or b"\0" in data[:512]:
        return Finding("EML018", params={"path": source.label})
    return read_message(data, limits)


def _files(folder: Path, errors: list[OSError]) -> Iterator[Path]:
    """Message files below `folder` by name; in a maildir every file of `cur` and `new` is one.

    Folders that cannot be opened go to `errors`.
    """
    for root, folders, names in os.walk(folder, onerror=errors.append, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(".") or _is_maildir(Path(root, name)))
        inside_maildir = Path(root).name in ("cur", "new") and _is_maildir(Path(root).parent)
        for name in sorted(names):
            file = Path(root, name)
            wanted = inside_maildir or (name.lower().endswith(_SUFFIXES) and not name.startswith((".", "~")))
            if wanted and not file.is_symlink():
                yield file


def _is_maildir(folder: Path) -> bool:
    return all(map(os.path.isdir, (folder / "cur", folder / "new", folder / "tmp")))


def _sources(path: Path, limits: Limits) -> Iterator[Source]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            yield Source(path, str(path), fault=Finding("EML018", params={"path": str(path)}))
            return
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
            if head.startswith(b"From ") or (path.suffix.lower() == ".mbox" and head.strip()):
                yield from _mbox(path, stream.fileno(), limits)
            elif head.startswith(OLE_MAGIC):
                message = load(Source(path, str(path)), limits)
                date = message.date if isinstance(message, Message) else None
                yield Source(path, str(path), sent=None if date is None else date.timestamp())
            else:
                yield Source(path, str(path), sent=_sent(head, limits))
    except OSError as error:
        yield Source(path, str(path), fault=read_fault(error, path))


def _mbox(path: Path, descriptor: int, limits: Limits) -> Iterator[Source]:
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
        previous: tuple[int, int] | None = None
        number = 0
        for number, match in enumerate(_MBOX_LINE.finditer(data), 1):
            if previous is not None:
                yield _message_at(path, data, number - 1, previous[1], match.start(), limits)
            previous = (match.start(), match.end())
            if number > limits.messages:
                yield _beyond(path, limits)
                return
        if previous is None:
            yield Source(path, str(path), fault=Finding("EML018", params={"path": str(path)}))
        else:
            yield _message_at(path, data, number, previous[1], len(data), limits)


def _message_at(path: Path, data: mmap.mmap, number: int, start: int, end: int, limits: Limits) -> Source:
    return Source(path, f"{path}(第{number}封)", start, end, _sent(data[start : min(end, start + _HEAD)], limits))


def _beyond(path: Path, limits: Limits) -> Source:
    params = {"what": f"「{path}」里的邮件", "limit": f"{limits.messages} 封"}
    return Source(path, str(path), fault=Finding("EML009", params=params))


def _sent(head: bytes, limits: Limits) -> float | None:
    headers, _ = split_message(head.lstrip(b"\xef\xbb\xbf\r\n"), limits)
    date = date_of(headers.get("date"))
    return None if date is None else date.timestamp()
