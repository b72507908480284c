"""What a file is, by its bytes: people rename files, and programs export web pages as `.xls`."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "BIFF8_MAGIC", "OLD_BIFF_MAGICS", "OLE_MAGIC", "ZIP_MAGICS", "described", "ole_described", "zip_described",
]  # fmt: skip

ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BIFF8_MAGIC = b"\x09\x08\x10\x00\x00\x06\x05\x00"
OLD_BIFF_MAGICS = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08\x08\x00")
_OLD_BIFF = "Excel 95 或更早的工作簿"

# Streams and folders by which an OLE2 file that is no workbook is known.
_OLE_KINDS = {
    "worddocument": "Word 文档",
    "powerpoint document": "PowerPoint 演示文稿",
    "visiodocument": "Visio 图",
    "__properties_version1.0": "Outlook 邮件(.msg)",
    "fileheader": "HWP 文档",
    "wpsdocument": "WPS 文字文档",
    "book": _OLD_BIFF,
}
_ZIP_KINDS = {
    "opendocument.text": "文字文档(ODT)",
    "opendocument.presentation": "演示文稿(ODP)",
    "opendocument": "OpenDocument 文档",
    "epub": "电子书",
}

# How files that are no workbook begin, and what to call them.
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "PDF 文件"),
    (b"%!PS", "PostScript 文件"),
    (b"\x89PNG", "图片(PNG)"),
    (b"\xff\xd8\xff", "图片(JPEG)"),
    (b"GIF8", "图片(GIF)"),
    (b"BM", "图片(BMP)"),
    (b"II*\0", "图片(TIFF)"),
    (b"MM\0*", "图片(TIFF)"),
    (b"Rar!", "RAR 压缩包"),
    (b"7z\xbc\xaf", "7z 压缩包"),
    (b"\x1f\x8b", "gzip 压缩包"),
    (b"{\\rtf", "RTF 文档"),
    (b"MZ", "可执行程序"),
    (b"\x7fELF", "可执行程序"),
    (b"ITSF", "帮助文件"),
    (b"%TGIF", "图片"),
    (b"OFD", "OFD 文件"),
)


def ole_described(names: Iterable[str]) -> str:
    """A Chinese name for an OLE2 file by its top-level streams."""
    kinds = [_OLE_KINDS[name.lower()] for name in names if name.lower() in _OLE_KINDS]
    return kinds[0] if kinds else "其他办公软件的文件"


def zip_described(mimetype: str) -> str:
    """A Chinese name for a packed document by its media type."""
    return next((kind for word, kind in _ZIP_KINDS.items() if word in mimetype), "压缩包")


def described(data: bytes) -> str:
    """A Chinese name for what `data` seems to be."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "图片(WebP)"
    if data.startswith(OLD_BIFF_MAGICS):
        return _OLD_BIFF
    for magic, kind in _KINDS:
        if data.startswith(magic):
            return kind
    head = _text_head(data)
    if head is None:
        return "无法识别的文件"
    lower = head.lstrip("\ufeff \t\r\n").lower()
    if lower.startswith(("from:", "received:", "return-path:", "mime-version:", "delivered-to:")):
        return "网页归档(MHT)或邮件" if "multipart/related" in lower else "邮件"
    if lower.startswith("<"):
        if "urn:schemas-microsoft-com:office:spreadsheet" in lower or "excel.sheet" in lower:
            return "Excel 2003 的 XML 表格"
        return (
            "网页(HTML)" if any(tag in lower for tag in ("<html", "<!doctype html", "<table", "<body")) else "XML 文件"
        )
    if lower.startswith(("{", "[")):
        return "JSON 文件"
    first = head.strip().partition("\n")[0]
    return "文本或 CSV 文件" if any(mark in first for mark in ",\t;") else "文本文件"


def _text_head(data: bytes) -> str | None:
    """The beginning as text, None when it is binary."""
    head = data[:4096]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace")
    if b"\0" in head:
        return None
    for codec in ("utf-8", "gb18030"):
        # The cut may fall inside a character: its remainder is not held against the text.
        for end in range(len(head), max(len(head) - 4, 0), -1):
            try:
                return head[:end].decode(codec)
            except UnicodeDecodeError:
                continue
    return None
