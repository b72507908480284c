"""What every reader of foreign bytes respects: the limits, the one XML parser, and the way to refuse.

A workbook comes by mail from anybody. It is never trusted with memory or time, and no entity or DTD in it is ever
followed; what cannot be read is refused with a code of stage TPL, so that a person learns what to do about it.
"""

from __future__ import annotations

import os
from pathlib import Path

from lxml import etree

from perfeval.findings import Finding
from perfeval.patterns import lazy_pattern
from perfeval.record import record

__all__ = ["LIMITS", "BadWorkbook", "Limits", "parse_xml", "read_file", "too_large"]


class BadWorkbook(Exception):
    """A file that cannot be read as a workbook: the user's fault, reported as a finding."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params

    def finding(self) -> Finding:
        """The refusal as the finding a person reads."""
        return Finding(self.code, params=self.params)


@record(frozen=True, slots=True)
class Limits:
    """How much one workbook may ask for. A form needs a thousandth of it; hostile files ask for more."""

    file_size: int = 128 << 20  # bytes on disk: pictures of evidence make real files large
    legacy_size: int = 64 << 20  # bytes of the workbook stream of an .xls
    members: int = 4096  # files inside the package
    part_size: int = 96 << 20  # bytes of one inflated part
    total_size: int = 768 << 20  # bytes of all inflated parts, as the package declares them
    ratio: int = 200  # inflated ÷ packed, for parts above `ratio_from`: empty styled rows reach 100
    ratio_from: int = 16 << 20
    tree_size: int = 32 << 20  # bytes of XML of a part that is held as one tree; worksheets are streamed
    rows: int = 1_048_576  # of one sheet, as Excel
    columns: int = 16_384
    text: int = 65_536  # characters of one cell; Excel takes 32,767
    cells: int = 1_000_000  # non-blank cells of one sheet, and cells in all its merges together
    wide_merges: int = 500  # merges of whole rows and the like, which are looked through one by one
    rules: int = 20_000  # conditional formats, validations, links and the like of one sheet


LIMITS = Limits()


def read_file(path: Path) -> bytes:
    """The bytes of a file on a disk; one beyond the limit is refused before it takes memory."""
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size > LIMITS.file_size:
            raise too_large()
        return stream.read()


def too_large() -> BadWorkbook:
    """The refusal of a file for its size on the disk."""
    return BadWorkbook("TPL006", what="文件", limit=f"{LIMITS.file_size >> 20} MB")


# ASCII-compatible encodings: in these the bytes of "<!DOCTYPE" mean only that.
_PLAIN_ENCODINGS = frozenset(
    ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252", "gb2312", "gbk", "gb18030", "big5")
)
_ENCODING = lazy_pattern(rb"<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_USUAL = b'<?xml version="1.0" encoding="UTF-8"'
_DECLARATION = lazy_pattern(r"\A\ufeff?<\?xml[^>]*\?>")
_UTF16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


def parse_xml(data: bytes, part: str = "") -> etree._Element:
    """Parse one part; `part` is its name for the refusal. The only XML parser of the program for foreign bytes."""
    if len(data) > LIMITS.tree_size:
        raise BadWorkbook("TPL006", what=part, limit=f"{LIMITS.tree_size >> 20} MB")
    data = plain_xml(data, part)
    try:
        root = etree.fromstring(data, _PARSER)
    except (etree.LxmlError, ValueError) as error:
        raise BadWorkbook("TPL012", part=part, detail=_short(error)) from None
    if root is None:
        raise BadWorkbook("TPL012", part=part, detail="empty")
    return root


def plain_xml(data: bytes, part: str = "") -> bytes:
    """`data` in an encoding that hides nothing, and without a document type; else a refusal."""
    codec = _UTF16.get(data[:2])
    if codec is not None:
        try:
            data = _DECLARATION.sub("", data.decode(codec)).lstrip("\ufeff").encode()
        except ValueError as error:
            raise BadWorkbook("TPL012", part=part, detail=_short(error)) from None
    else:
        data = data.lstrip(b"\xef\xbb\xbf \t\r\n")
        told = data.startswith(b"<?xml") and not data.startswith(_USUAL)
        declared = _ENCODING.match(data, 0, 300) if told else None
        encoding = declared[1].decode("ascii").lower() if declared else "utf-8"
        if encoding == "utf-16":  # .NET declares its strings so and then saves them as UTF-8
            data = data.partition(b">")[2]
        elif encoding not in _PLAIN_ENCODINGS or not data.startswith(b"<"):
            raise BadWorkbook("TPL012", part=part, detail=f"encoding {encoding}")
    if b"!" in data and (b"<!DOCTYPE" in data or b"<!ENTITY" in data):  # one letter is found faster than a word
        raise BadWorkbook("TPL007", part=part)
    return data


_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]
