"""Header words as people wrote them: every way in which mail programs encode a Chinese name (附件名、主题).

The bytes decide, not the label: half of the programs in use send GBK under the label gb2312, or without any label. So
UTF-8 is tried strictly, then GB18030, which contains GBK and gb2312; a label only helps where both fail. Adjacent
encoded words are joined before they are decoded, because programs cut them in the middle of a character.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

__all__ = ["decoded", "file_name", "parameters", "text_of_bytes"]

# Labels under which GBK travels; the rest of the world's labels Python knows itself.
_CHINESE = frozenset(
    ("gb2312", "gb_2312-80", "gb2312-80", "gbk", "x-gbk", "cp936", "ms936", "windows-936", "936", "euc-cn", "x-euc-cn",
     "gb18030", "csgb2312")
)  # fmt: skip
# Labels that say nothing: what a program writes that does not know, or that was built for one country.
_VAGUE = frozenset(
    ("us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1", "windows-1252", "cp1252", "unknown", "unknown-8bit",
     "x-unknown")
)  # fmt: skip
_CODECS = {"big5": "cp950", "x-big5": "cp950", "shift_jis": "cp932", "ks_c_5601-1987": "cp949", "euc-kr": "cp949"}
# Charsets whose bytes look like plain text or UTF-8 without being it: only the label tells.
_DISGUISED = ("iso2022", "hz", "utf-7", "utf-16", "utf-32")

_WORD = re.compile(r"=\?([A-Za-z0-9_.:\-]{1,40})(?:\*[A-Za-z0-9\-]{0,20})?\?([BbQq])\?([^?]*)\?=")
_CJK = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&#(?:(\d{2,7})|[xX]([0-9A-Fa-f]{2,6}));")
_PARAMETER = re.compile(r"\s*([^\s=;\"]+)\s*=\s*")
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")


def text_of_bytes(raw: bytes, label: str = "") -> str:
    """`raw` as text: UTF-8 or GB18030 where the bytes are that, else as labelled; never fails."""
    label = label.strip().strip("\"'").lower()
    named = _codec(label)
    if named is not None and named.startswith(_DISGUISED):
        order: tuple[str, ...] = (named, "utf-8", "gb18030")
    elif raw.isascii():
        return raw.decode("ascii")
    elif named is None or label in _VAGUE:
        order = ("utf-8", "gb18030")
    else:
        order = ("utf-8", named, "gb18030")
    for codec in order:
        try:
            text = raw.decode(codec)
        except (UnicodeError, ValueError):
            continue
        if codec == "utf-8" and named == "gb18030" and not _CJK.search(text):
            continue  # 「一」 in GBK is a Cyrillic letter in UTF-8
        if codec == "gb18030" and named is not None and label in _VAGUE and not _CJK.search(text):
            break
        return text
    return raw.decode(named or "gb18030", "replace")


def decoded(text: str) -> str:
    """`text` with its encoded words (RFC 2047) decoded, wherever they stand."""
    if "=?" not in text:
        return text
    return _decoded_words(text)


def file_name(disposition: bytes, content_type: bytes) -> str:
    """The name of an attachment from its two headers, "" when it has none; not yet safe to use on a disk.

    Of several names the first that comes out whole is taken: `filename*` may name a charset that does not
    fit its bytes while the plain `filename` beside it is right.
    """
    names = [*_values(parameters(disposition), "filename"), *_values(parameters(content_type), "name")]
    whole = [name for name in names if "\ufffd" not in name]
    return next(iter(whole or names), "")


def parameters(raw: bytes) -> dict[str, str]:
    """The parameters of a header such as `attachment; filename="x"` by lower-case name; "" is the value before them.

    Text comes first and the syntax second: the second byte of a GBK character may be a backslash.
    """
    text = _unfolded(text_of_bytes(raw))
    value, _, rest = text.partition(";")
    found = {"": value.strip().lower()}
    position = 0
    while match := _PARAMETER.match(rest, position):
        written, position = _written(rest, match.end())
        found.setdefault(match[1].lower(), written)
        position = rest.find(";", position) + 1
        if not position:
            break
    return found


def _written(text: str, start: int) -> tuple[str, int]:
    """The value that begins at `start`, and where it ends."""
    if text[start : start + 1] != '"':
        end = text.find(";", start)
        end = len(text) if end < 0 else end
        return text[start:end].strip(), end
    end = start + 1
    while end < len(text) and text[end] != '"':
        end += 2 if text[end : end + 2] in ('\\"', "\\\\") else 1
    return text[start + 1 : end].replace('\\"', '"').replace("\\\\", "\\"), end


def _values(params: dict[str, str], wanted: str) -> Iterator[str]:
    """Every reading of the parameter `wanted`, the most modern first (RFC 2231, then the plain one)."""
    sections: dict[int, tuple[str, bool]] = {}
    plain: str | None = None
    for key, value in params.items():
        match = _SECTION.fullmatch(key)
        if match is None or match[1] != wanted:
            continue
        if match[2] is None and match[3] is None:
            plain = value
        else:
            sections.setdefault(int(match[2] or 0), (value, match[3] is not None))
    if sections:
        yield _continued([sections[number] for number in sorted(sections)])
    if plain is not None:
        yield _plain_name(plain)


def _continued(sections: list[tuple[str, bool]]) -> str:
    """`filename*0*=gbk''%D7%D4; filename*1=…`: the bytes of all sections are one text."""
    if not any(extended for _, extended in sections):
        return _plain_name("".join(value for value, _ in sections))
    charset, pieces = "", []
    for number, (value, extended) in enumerate(sections):
        if number == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        pieces.append(unquote_to_bytes(value) if extended else value.encode("utf-8", "surrogateescape"))
    return _plain_name(text_of_bytes(b"".join(pieces), charset))


def _plain_name(value: str) -> str:
    name = decoded(value)
    if "=?" in name:
        name = decoded(name)  # encoded twice: some gateways do
    if len(_PERCENT.findall(name)) >= 2 and name.isascii():
        raw = unquote_to_bytes(name)
        text = text_of_bytes(raw)
        if not text.isascii() and "\ufffd" not in text:
            name = text
    if "&#" in name:
        name = _ENTITY.sub(_character, name)
    return name.strip()


def _character(match: re.Match[str]) -> str:
    number = int(match[1]) if match[1] else int(match[2], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else match[0]


def _unfolded(text: str) -> str:
    return re.sub(r"\r?\n[ \t]*", " ", text) if "\n" in text else text


def _decoded_words(text: str) -> str:
    pieces: list[str] = []
    run: list[tuple[str, str, str]] = []  # charset, encoding, payload of adjacent words
    position = 0
    for match in _WORD.finditer(text):
        between = text[position : match.start()]
        if run and between.strip():
            pieces.append(_joined(run))
            run = []
        if not run:
            pieces.append(between)
        elif run[-1][0] != match[1].lower():
            pieces.append(_joined(run))
            run = []
        run.append((match[1].lower(), match[2].upper(), match[3]))
        position = match.end()
    if run:
        pieces.append(_joined(run))
    pieces.append(text[position:])
    return "".join(pieces)


def _joined(run: list[tuple[str, str, str]]) -> str:
    """Adjacent words of one charset as one text; base64 that was cut anywhere is joined before it is decoded."""
    raw: list[bytes] = []
    pending = ""
    for _, encoding, payload in run:
        if encoding == "B":
            pending += payload
            if payload.endswith("=") or len(pending) % 4 == 0:
                raw.append(_base64(pending))
                pending = ""
        else:
            raw.append(_base64(pending))
            pending = ""
            raw.append(binascii.a2b_qp(payload.encode("utf-8", "surrogateescape"), header=True))
    raw.append(_base64(pending))
    return text_of_bytes(b"".join(raw), run[0][0])


def _base64(payload: str) -> bytes:
    letters = re.sub(r"[^A-Za-z0-9+/]", "", payload)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + "=" * (-len(letters) % 4))


def _codec(label: str) -> str | None:
    if label in _CHINESE:
        return "gb18030"
    name = _CODECS.get(label, label)
    try:
        info = codecs.lookup(name) if name else None
    except (LookupError, ValueError):
        return None
    return info.name if info is not None and info._is_text_encoding else None
