"""Messages built byte by byte, as the mail programs of the last thirty years build them, and as nobody should.

Nothing here goes through `email` or our own code: headers are bytes that somebody typed, so that a mistake in a library
cannot hide in both the message and its reading.
"""

from __future__ import annotations

import base64
import io
import quopri
import struct
import zipfile
import zlib
from collections.abc import Sequence

__all__ = [
    "BOOK",
    "book",
    "encoded_word",
    "forwarded",
    "mail",
    "multipart",
    "part",
    "percent",
    "raw_zip",
    "workbook",
    "zipped",
]

FROM = "From: =?utf-8?B?5byg5LiJ?= <zhangsan@bureau.example>"
DATE = "Date: Mon, 20 Jan 2025 09:30:00 +0800"


def book(mark: str = "") -> bytes:
    """A file that is a workbook by its bytes; `mark` makes it a different one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            packed.writestr(zipfile.ZipInfo(name), f"<x>{mark}</x>")
    return out.getvalue()


BOOK = book()


def line(text: str | bytes) -> bytes:
    return (text if isinstance(text, bytes) else text.encode("utf-8")).replace(b"\n", b"\r\n") + b"\r\n"


def part(headers: Sequence[str | bytes], body: bytes) -> bytes:
    """A part: its headers, a blank line, the body as it is."""
    return b"".join(map(line, headers)) + b"\r\n" + body


def text(words: str, charset: str = "utf-8", kind: str = "plain") -> bytes:
    """A text part in 8 bits."""
    return part(
        (f"Content-Type: text/{kind}; charset={charset}", "Content-Transfer-Encoding: 8bit"), words.encode(charset)
    )


def wrapped(data: bytes) -> bytes:
    """Base64 as it travels."""
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def workbook(
    disposition: str | bytes,
    content_type: str | bytes = "application/octet-stream",
    data: bytes = BOOK,
    *,
    encoding: str = "base64",
) -> bytes:
    """An attachment; both headers are written as given."""
    given = [b"Content-Type: " + _bytes(content_type), f"Content-Transfer-Encoding: {encoding}".encode()]
    if disposition:
        given.append(b"Content-Disposition: " + _bytes(disposition))
    body = {"base64": wrapped, "quoted-printable": quopri.encodestring}.get(encoding, bytes)(data)
    return part(given, body)


def multipart(parts: Sequence[bytes], kind: str = "mixed", boundary: str = "=_b", *, closed: bool = True) -> bytes:
    """A multipart entity, headers included, without MIME-Version."""
    pieces = b"".join(b"--" + boundary.encode() + b"\r\n" + piece + b"\r\n" for piece in parts)
    end = b"--" + boundary.encode() + b"--\r\n" if closed else b""
    return line(f'Content-Type: multipart/{kind}; boundary="{boundary}"') + b"\r\n" + pieces + end


def mail(
    *parts: bytes,
    subject: str | bytes = "Subject: report",
    sender: str | bytes = FROM,
    headers: Sequence[str | bytes] = (),
    message_id: str = "<1@bureau.example>",
    closed: bool = True,
) -> bytes:
    """A whole message with these parts; with one part given as (headers, body) use `part` and `whole` instead."""
    boundary = f"=_b{zlib.crc32(b''.join(parts)):08x}"  # of its own: a forwarded message must not end the outer one
    return head(subject, sender, headers, message_id) + multipart(parts, boundary=boundary, closed=closed)


def head(
    subject: str | bytes = "Subject: report",
    sender: str | bytes = FROM,
    headers: Sequence[str | bytes] = (),
    message_id: str = "<1@bureau.example>",
) -> bytes:
    """The headers of a message up to, and without, those of its body."""
    ids = [f"Message-ID: {message_id}"] if message_id else []
    lines = (*headers, sender, "To: finance@office.example", subject, DATE, *ids, "MIME-Version: 1.0")
    return b"".join(line(entry) for entry in lines if entry)


def forwarded(message: bytes, *, encoding: str = "7bit") -> bytes:
    """A message as a part of another."""
    body = wrapped(message) if encoding == "base64" else message
    return part(("Content-Type: message/rfc822", f"Content-Transfer-Encoding: {encoding}"), body)


def encoded_word(raw: bytes, label: str, encoding: str = "B") -> str:
    """One encoded word (RFC 2047) from bytes and whatever label."""
    if encoding == "B":
        return f"=?{label}?B?{base64.b64encode(raw).decode()}?="
    return f"=?{label}?Q?{''.join(f'={byte:02X}' for byte in raw)}?="


def percent(raw: bytes) -> str:
    """Every byte as %XX."""
    return "".join(f"%{byte:02X}" for byte in raw)


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive as Python writes it (UTF-8 names)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def raw_zip(
    members: Sequence[tuple[bytes, bytes]],
    *,
    flags: int = 0,
    extra: bytes = b"",
    stated: int | None = None,
    checksum: int | None = None,
) -> bytes:
    """A zip archive with names in any bytes; `stated` and `checksum` are lies about the size and sum of each member."""
    local, central = b"", b""
    for name, data in members:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush()
        size = len(data) if stated is None else stated
        check = zlib.crc32(data) if checksum is None else checksum
        sizes = (check, len(packed), size, len(name), len(extra))
        common = struct.pack("<HHHHHLLLHH", 20, flags, 8, 0, 0x21, *sizes)
        place = struct.pack("<HHHLL", 0, 0, 0, 0, len(local))
        central += b"PK\1\2" + struct.pack("<H", 20) + common + place + name + extra
        local += b"PK\3\4" + common + name + extra + packed
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(members), len(members), len(central), len(local), 0)
    return local + central + end


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8")
