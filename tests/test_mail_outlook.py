"""Messages that Outlook saved: names in Unicode and in code pages, embedded messages, damage."""

from __future__ import annotations

import builtins
import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

import pytest
from olefile import OleFileIO
from oxmsg import Message as OutlookMessage

from perfeval.mail.attachments import collect
from perfeval.mail.limits import LIMITS
from perfeval.mail.outlook import read_outlook
from tests.support.mails import BOOK, book, mail, workbook, zipped
from tests.support.outlook import msg, storage

NAME = "(朱镕基㈱)自评表.xlsx"
BIG = book() + bytes(20_000)  # beyond the size that is kept in small sectors


def names(data: bytes) -> list[tuple[str, tuple[str, ...]]]:
    message = read_outlook(data, LIMITS)
    assert message is not None
    return [(entry.name, entry.inside) for entry in collect(message, LIMITS).files]


def test_the_fixture_is_what_other_libraries_read() -> None:
    data = msg((NAME, BIG), ("b.xlsx", BOOK), subject="关于报送")
    with OleFileIO(data) as ole:
        assert ole.parsing_issues == []
    message = OutlookMessage.load(data)
    assert (message.subject, message.sent_date) == ("关于报送", dt.datetime(2025, 1, 20, 1, 30, tzinfo=dt.UTC))
    assert [(a.file_name, a.file_bytes) for a in message.attachments] == [(NAME, BIG), ("b.xlsx", BOOK)]


def test_a_message_without_headers_of_its_own() -> None:
    message = read_outlook(msg((NAME, BIG), subject="关于报送2024年度自评表"), LIMITS)
    assert message is not None
    assert (message.subject, message.sender, message.message_id) == (
        "关于报送2024年度自评表", "zhangsan@bureau.example", "<1@bureau.example>",
    )  # fmt: skip
    assert message.sender is not None and message.sender.name == "张三"
    assert message.date == dt.datetime(2025, 1, 20, 1, 30, tzinfo=dt.UTC)
    [entry] = collect(message, LIMITS).files
    assert (entry.name, entry.data) == (NAME, BIG)


def test_the_headers_it_arrived_with_count() -> None:
    headers = (
        "From: =?gb2312?B?wO7LxA==?= <lisi@x.example>\r\nMessage-ID: <2@x>\r\nDate: Tue, 21 Jan 2025 08:00:00 +0800\r\n"
    )
    message = read_outlook(msg(("a.xlsx", BOOK), transport=headers), LIMITS)
    assert message is not None and message.sender is not None
    assert (message.sender, message.sender.name, message.message_id) == ("lisi@x.example", "李四", "<2@x>")


def test_texts_in_a_code_page_that_nobody_names() -> None:
    assert names(msg((NAME, BOOK), codepage="gb18030")) == [(NAME, ())]


def test_an_embedded_message_and_what_lies_deeper() -> None:
    inner = storage(("内.xlsx", BOOK), embedded=True)
    assert [name for name, _ in names(msg(("转发", inner), ("外.zip", zipped({"压缩.xlsx": book("2")}))))] == [
        "内.xlsx",
        "压缩.xlsx",
    ]


def test_a_saved_message_attached_to_a_mail() -> None:
    from perfeval.mail.message import read_message

    raw = mail(workbook('attachment; filename="fw.msg"', data=msg(("a.xlsx", BOOK), subject="原件")))
    [entry] = collect(read_message(raw, LIMITS), LIMITS).files
    assert (entry.name, entry.inside) == ("a.xlsx", ("转发的邮件「原件」",))


def test_embedded_messages_without_end() -> None:
    tree = storage(("a.xlsx", BOOK), embedded=True)
    for _ in range(30):
        tree = storage(("转发", tree), embedded=True)
    message = read_outlook(msg(("转发", tree)), LIMITS)
    assert message is not None and message.too_deep
    assert [finding.code for finding in collect(message, LIMITS).findings] == ["EML009"]


def test_damage_is_never_an_exception() -> None:
    whole = msg((NAME, BIG), ("转发", storage(("内.xlsx", BOOK), embedded=True)))
    source = random.Random(7)
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(source.randint(1, 20)):
            broken[source.randrange(len(broken) if source.random() < 0.5 else 1024)] = source.randrange(256)
        message = read_outlook(bytes(broken[: source.randint(0, len(broken))]), LIMITS)
        if message is not None:
            collect(message, LIMITS)


def test_without_the_library_the_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **more: Mapping[str, object]) -> Any:
        if name.partition(".")[0] in ("oxmsg", "olefile"):
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert read_outlook(msg(("a.xlsx", BOOK)), LIMITS) is None
