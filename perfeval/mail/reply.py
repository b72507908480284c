"""The answer to a message as a draft that opens in mail programs: Chinese subject, plain and HTML text, workbooks.

Built byte by byte, so that the same message gives the same draft under every Python version, and so that old Chinese
mail programs read the attachment's name too: they want it as encoded word in Content-Type, modern ones as RFC 2231.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from perfeval.errors import PackError
from perfeval.mail.message import Message
from perfeval.pack import templates_folders
from perfeval.render import clean

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["File", "Texts", "compose", "encoded_words", "texts"]

FOLDER = "mail"  # below a folder of packs
_WORD_BYTES = 39  # bytes in one encoded word: 64 characters with its frame, so that no line grows beyond 78
_MOST_REFERENCES = 30
_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
}


@dataclass(frozen=True, slots=True)
class File:
    """A workbook to attach."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of an answer."""

    subject: str
    plain: str
    html: str


def texts(message: Message, context: Mapping[str, Any], templates: Path | None) -> Texts:
    """The words of the answer to `message`, from `mail/*.j2` beside the packs."""
    values = {**context, "subject": message.topic or "(无主题)"}
    rendered = {name: _rendered(f"{name}.j2", values, templates) for name in ("subject.txt", "reply.txt", "reply.html")}
    one_line = " ".join(clean(rendered["subject.txt"]).split())
    return Texts(one_line, _tidy(clean(rendered["reply.txt"])), rendered["reply.html"].strip() + "\n")


def compose(message: Message, words: Texts, files: Sequence[File], sender: str | None) -> bytes:
    """The draft as it is stored: CRLF line ends, nothing that depends on the clock."""
    seed = hashlib.sha256("\0".join((message.message_id, message.content, words.plain)).encode("utf-8", "replace"))
    mixed, alternative = (f"=_{part}_{seed.hexdigest()[:32]}" for part in ("mixed", "text"))
    head = [("From", sender)] if sender else []
    to = message.reply_to
    if to is not None:
        head.append(("To", f"{encoded_words(to.name)} <{to}>" if to.name else str(to)))
    head.append(("Subject", encoded_words(words.subject)))
    if message.message_id:
        earlier = [one for one in message.references if one != message.message_id][-_MOST_REFERENCES:]
        head.append(("In-Reply-To", message.message_id))
        head.append(("References", "\r\n ".join((*earlier, message.message_id))))
    head += [
        ("X-Unsent", "1"),  # Outlook opens it for editing
        ("Auto-Submitted", "auto-replied"),  # other programs do not answer it
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/mixed;\r\n boundary="{mixed}"'),
    ]
    body = [
        _part(alternative, "text/plain; charset=utf-8", words.plain),
        _part(alternative, "text/html; charset=utf-8", words.html),
        f"--{alternative}--\r\n",
    ]
    pieces = [
        "".join(f"{name}: {value}\r\n" for name, value in head),
        f'\r\n--{mixed}\r\nContent-Type: multipart/alternative;\r\n boundary="{alternative}"\r\n\r\n',
        *body,
        *(_attachment(mixed, file) for file in files),
        f"--{mixed}--\r\n",
    ]
    return "".join(pieces).encode("ascii")


def encoded_words(text: str) -> str:
    """`text` for a header: as it is when plain, else as encoded words that never cut a character."""
    text = clean(text).replace("\n", " ")
    if re.fullmatch(r"[A-Za-z0-9 ._\-+/]{1,60}", text):
        return text
    words, chunk = [], b""
    for char in text:
        piece = char.encode("utf-8", "replace")
        if len(chunk) + len(piece) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += piece
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(word).decode('ascii')}?=" for word in words)


def _part(boundary: str, kind: str, text: str) -> str:
    data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8", "replace")
    return f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{_base64(data)}"


def _attachment(boundary: str, file: File) -> str:
    kind = _TYPES.get(Path(file.name).suffix.lower(), "application/octet-stream")
    modern = "".join(f";\r\n {parameter}" for parameter in _extended(file.name))
    return (
        f'--{boundary}\r\nContent-Type:\r\n {kind};\r\n name="{encoded_words(file.name)}"\r\n'
        f"Content-Disposition: attachment{modern}\r\nContent-Transfer-Encoding: base64\r\n\r\n{_base64(file.data)}"
    )


def _extended(name: str) -> Iterator[str]:
    """The name as RFC 2231 parameters, in sections where it is long."""
    text = "utf-8''" + quote(name, safe="")
    if len(text) <= 60:
        yield f"filename*={text}"
        return
    number, rest = 0, text
    while rest:
        cut = min(len(rest), 56)
        while cut < len(rest) and "%" in rest[cut - 2 : cut]:
            cut -= 1
        yield f"filename*{number}*={rest[:cut]}"
        rest, number = rest[cut:], number + 1


def _base64(data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    return "".join(f"{text[start : start + 76]}\r\n" for start in range(0, len(text), 76))


def _tidy(text: str) -> str:
    """At most one blank line in a row, no blanks at line ends."""
    lines = [line.rstrip() for line in text.strip().split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _rendered(name: str, values: Mapping[str, Any], templates: Path | None) -> str:
    from jinja2 import TemplateError

    environment = _environment(templates)
    try:
        return environment.get_template(name).render(values)
    except TemplateError as error:
        raise PackError(
            f"邮件模板「{FOLDER}/{name}」有错误:{error}。请改正它,或删去自己的模板以使用自带的。"
        ) from error


@lru_cache(maxsize=8)
def _environment(templates: Path | None) -> Environment:
    """The templates of the first folder that has any; HTML ones escape whatever a stranger wrote."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    folders = [folder / FOLDER for folder in templates_folders(templates)]
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([str(folder) for folder in folders if folder.is_dir()], encoding="utf-8"),
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
