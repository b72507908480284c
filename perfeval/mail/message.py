"""One message as read: who, when, what it answers, and its leaves. Bodies are looked at, never shown as they are."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from dataclasses import dataclass

from perfeval.mail.addresses import Address, address, addresses, date_of, ids_of
from perfeval.mail.limits import Limits
from perfeval.mail.mime import Headers, Leaf, Walk, split_message
from perfeval.mail.names import decoded, text_of_bytes

__all__ = ["Message", "header_text", "read_message"]

_LEADING = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n)*")
_PREFIX = re.compile(r"(?:(?:re|fw|fwd|回复|答复|转发)\s*(?:\[\d+\])?\s*[:\uff1a]\s*)+", re.IGNORECASE)
_MBOX_LINE = re.compile(rb"\A>?From [^\r\n]*\r?\n")


@dataclass(frozen=True, slots=True)
class Message:
    """A message and its parts."""

    headers: Headers
    leaves: tuple[Leaf, ...]
    message_id: str  # "<…>", "" when it has none
    references: tuple[str, ...]
    subject: str
    sender: Address | None  # None: no address, or several
    reply_to: Address | None  # where an answer goes; None: nowhere
    recipients: tuple[Address, ...]
    date: dt.datetime | None
    content: str  # digest of what the person wrote and attached, the same however often it is delivered
    too_many: bool = False
    too_deep: bool = False
    cut_off: bool = False

    @property
    def topic(self) -> str:
        """The subject without 「回复:」, 「Fwd:」 and the like in front."""
        match = _PREFIX.match(self.subject)
        return self.subject[match.end() :].strip() if match else self.subject

    @property
    def automatic(self) -> bool:
        """Whether a program wrote it (a bounce, an out-of-office note, a list): answering could go on for ever."""
        submitted = self.headers.get("auto-submitted").lower()
        return (
            (bool(submitted) and not submitted.startswith(b"no"))
            or self.headers.get("precedence").lower() in (b"bulk", b"junk", b"list", b"auto_reply")
            or any(self.headers.get(name) for name in ("x-autoreply", "x-autorespond", "list-id", "x-loop"))
            or self.headers.get("return-path").replace(b" ", b"") == b"<>"
            or self.headers.get("content-type").lower().startswith(b"multipart/report")
        )


def read_message(data: bytes, limits: Limits) -> Message:
    """The message in `data`; whatever is wrong with it, something is returned."""
    data = _LEADING.sub(b"", data, count=1)
    data = _MBOX_LINE.sub(b"", data, count=1)
    headers, body = split_message(data, limits)
    walk = Walk(limits)
    leaves = tuple(walk.leaves(headers, body))
    return built(headers, leaves, walk)


def built(headers: Headers, leaves: tuple[Leaf, ...], walk: Walk) -> Message:
    """The message with these headers and parts."""
    senders = headers.all("from")
    sender = address(senders[0]) if len(senders) == 1 else None
    replies = list(addresses(headers.get("reply-to")))
    subject = header_text(headers.get("subject"))
    parents = ids_of(headers.get("references")) or ids_of(headers.get("in-reply-to"))[:1]
    ids = ids_of(headers.get("message-id"))
    recipients = tuple(one for name in ("to", "cc") for raw in headers.all(name) for one in addresses(raw))
    return Message(
        headers=headers,
        leaves=leaves,
        message_id=ids[0] if len(ids) == 1 else "",
        references=parents,
        subject=subject,
        sender=sender,
        reply_to=replies[0] if replies else sender,
        recipients=recipients,
        date=date_of(headers.get("date")),
        content=_digest(sender, subject, leaves),
        too_many=walk.too_many,
        too_deep=walk.too_deep,
        cut_off=walk.cut_off,
    )


def header_text(raw: bytes) -> str:
    """A header field as one line of clean text."""
    text = decoded(re.sub(r"\r?\n[ \t]*", " ", text_of_bytes(raw)))
    kept = (" " if char.isspace() else char for char in text)
    visible = (char for char in kept if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))
    return re.sub(" +", " ", "".join(visible)).strip()[:400]


def _digest(sender: Address | None, subject: str, leaves: tuple[Leaf, ...]) -> str:
    """The same for every copy of a mail, whichever way it travelled: routes, boundaries and encodings do not count."""
    whole = hashlib.sha256(f"{sender or ''}\0{subject}".encode("utf-8", "surrogateescape"))
    for leaf in leaves:
        data = leaf.data
        if leaf.kind.startswith("text/"):
            data = b" ".join(data.split())
        whole.update(hashlib.sha256(data).digest())
    return whole.hexdigest()
