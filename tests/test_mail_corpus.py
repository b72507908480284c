"""Messages of every kind, with what must come out of them: files by name, and codes for what could not be read."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from perfeval.mail.attachments import collect
from perfeval.mail.limits import LIMITS, Limits
from perfeval.mail.message import read_message
from tests.support.mails import (
    BOOK,
    book,
    encoded_word,
    forwarded,
    head,
    mail,
    multipart,
    part,
    percent,
    raw_zip,
    text,
    workbook,
    wrapped,
    zipped,
)

NAME = "(朱镕基㈱)自评表.xlsx"  # two characters outside gb2312
GBK = NAME.encode("gb18030")
UTF8 = NAME.encode()
BASE64 = base64.b64encode(GBK + b" ").decode()  # with padding
SLASH = "誠園許可自评表.xlsx"  # in GBK, second bytes are backslashes and the like
SMALL = replace(LIMITS, parts=20, depth=3, files=3, file_size=200_000, unpacked=300_000, members=10)


@dataclass(frozen=True)
class Case:
    raw: bytes
    files: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    limits: Limits = LIMITS


def one(
    disposition: str | bytes, content_type: str | bytes = "application/octet-stream", data: bytes = BOOK, **more: str
) -> bytes:
    return mail(text("见附件"), workbook(disposition, content_type, data, **more))


def word_name(*words: str) -> bytes:
    return one('attachment; filename="' + "\n ".join(words) + '"')


def continued(raw: bytes, charset: str, *cuts: int) -> bytes:
    edges = (0, *cuts, len(raw))
    pieces = [percent(raw[start:end]) for start, end in pairwise(edges)]
    lines = "".join(
        f";\n filename*{number}*={piece}" for number, piece in enumerate([f"{charset}''{pieces[0]}", *pieces[1:]])
    )
    return one(f"attachment{lines}")


def deep(levels: int) -> bytes:
    inner = multipart([workbook('attachment; filename="a.xlsx"')], boundary="b0")
    for level in range(1, levels):
        inner = multipart([inner], boundary=f"b{level}")
    return head() + inner


def forwarded_deep(levels: int) -> bytes:
    inner = one('attachment; filename="a.xlsx"')
    for _ in range(levels):
        inner = mail(forwarded(inner))
    return inner


def nested_zip(levels: int) -> bytes:
    inner = zipped({"a.xlsx": BOOK})
    for _ in range(levels):
        inner = zipped({"内层.zip": inner})
    return one('attachment; filename="x.zip"', data=inner)


NAMES = {
    # ---- RFC 2047 in a parameter
    "2047 gb18030": Case(word_name(encoded_word(GBK, "gb18030")), (NAME,)),
    "2047 utf-8": Case(word_name(encoded_word(UTF8, "UTF-8")), (NAME,)),
    "2047 utf-8 Q": Case(word_name(encoded_word(UTF8, "utf-8", "Q")), (NAME,)),
    "2047 gbk Q": Case(word_name(encoded_word(GBK, "GBK", "q".upper())), (NAME,)),
    "2047 gb2312 holding GBK": Case(word_name(encoded_word(GBK, "gb2312")), (NAME,)),
    "2047 GB2312 holding GBK, Q": Case(word_name(encoded_word(GBK, "GB2312", "Q")), (NAME,)),
    "2047 x-gbk": Case(word_name(encoded_word(GBK, "x-gbk")), (NAME,)),
    "2047 cp936": Case(word_name(encoded_word(GBK, "CP936")), (NAME,)),
    "2047 gb18030 with four bytes": Case(
        word_name(encoded_word("𠮷字自评表.xlsx".encode("gb18030"), "gb18030")), ("𠮷字自评表.xlsx",)
    ),
    "2047 gb2312 holding UTF-8": Case(word_name(encoded_word(UTF8, "gb2312")), (NAME,)),
    "2047 utf-8 holding GBK": Case(word_name(encoded_word(GBK, "utf-8")), (NAME,)),
    "2047 unknown charset": Case(word_name(encoded_word(GBK, "x-unknown")), (NAME,)),
    "2047 made-up charset": Case(word_name(encoded_word(UTF8, "chinese")), (NAME,)),
    "2047 iso-8859-1 holding GBK": Case(word_name(encoded_word(GBK, "iso-8859-1")), (NAME,)),
    "2047 big5": Case(word_name(encoded_word("績效自評表.xlsx".encode("big5"), "big5")), ("績效自評表.xlsx",)),
    "2047 hz": Case(word_name(encoded_word("自评表.xlsx".encode("hz"), "hz-gb-2312")), ("自评表.xlsx",)),
    "2047 with language": Case(word_name(encoded_word(UTF8, "utf-8*zh-CN")), (NAME,)),
    "2047 folded, split inside a character": Case(
        word_name(encoded_word(GBK[:4], "gbk"), encoded_word(GBK[4:9], "gbk"), encoded_word(GBK[9:], "gbk")), (NAME,)
    ),
    "2047 UTF-8 split inside a character": Case(
        word_name(encoded_word(UTF8[:5], "utf-8"), encoded_word(UTF8[5:], "utf-8")), (NAME,)
    ),
    "2047 base64 itself split": Case(word_name(f"=?gbk?B?{BASE64[:7]}?=", f"=?gbk?B?{BASE64[7:]}?="), (NAME,)),
    "2047 without padding": Case(word_name(f"=?gbk?B?{BASE64.rstrip('=')}?="), (NAME,)),
    "2047 unquoted": Case(one(f"attachment; filename={encoded_word(GBK, 'gb2312')}"), (NAME,)),
    "2047 in name= only": Case(
        one("attachment", f'application/vnd.ms-excel; name="{encoded_word(GBK, "gb2312")}"'), (NAME,)
    ),
    "2047 twice": Case(word_name(encoded_word(encoded_word(GBK, "gbk").encode(), "utf-8")), (NAME,)),
    # ---- RFC 2231
    "2231 utf-8": Case(one(f"attachment; filename*=UTF-8''{percent(UTF8)}"), (NAME,)),
    "2231 gbk": Case(one(f"attachment; filename*=GBK''{percent(GBK)}"), (NAME,)),
    "2231 gb2312 holding GBK": Case(one(f"attachment; filename*=gb2312'zh-CN'{percent(GBK)}"), (NAME,)),
    "2231 without charset": Case(one(f"attachment; filename*=''{percent(GBK)}"), (NAME,)),
    "2231 continued": Case(continued(UTF8, "utf-8", 9, 15), (NAME,)),
    "2231 continued inside a character": Case(continued(GBK, "gbk", 4, 7), (NAME,)),
    "2231 continued plain": Case(
        one('attachment; filename*0="2024 self"; filename*1="-rating.xlsx"'), ("2024 self-rating.xlsx",)
    ),
    "2231 sections out of order": Case(
        one(f"attachment; filename*1*={percent(UTF8[9:])}; filename*0*=utf-8''{percent(UTF8[:9])}"), (NAME,)
    ),
    "2231 broken beside a right plain one": Case(
        one(f"attachment; filename*=utf-8''%FF%FE%FF.xlsx; filename=\"{encoded_word(UTF8, 'utf-8')}\""), (NAME,)
    ),
    "2047 inside 2231 sections": Case(
        one(f'attachment; filename*0="{encoded_word(GBK[:4], "gbk")}"; filename*1="{encoded_word(GBK[4:], "gbk")}"'),
        (NAME,),
    ),
    # ---- no encoding at all
    "raw GBK": Case(one(b'attachment; filename="' + GBK + b'"'), (NAME,)),
    "raw GBK unquoted": Case(one(b"attachment; filename=" + GBK), (NAME,)),
    "raw GBK with backslash bytes": Case(one(b'attachment; filename="' + SLASH.encode("gbk") + b'"'), (SLASH,)),
    "raw UTF-8": Case(one(b'attachment; filename="' + UTF8 + b'"'), (NAME,)),
    "raw GBK in name= only, inline": Case(one("inline", b'application/octet-stream; name="' + GBK + b'"'), (NAME,)),
    "percent-encoded plain": Case(one(f'attachment; filename="{percent(UTF8)}"'), (NAME,)),
    "percent-encoded GBK plain": Case(one(f'attachment; filename="{percent(GBK)}"'), (NAME,)),
    "a real percent sign": Case(one('attachment; filename="100%25.xlsx"'), ("100%25.xlsx",)),
    "entities": Case(one('attachment; filename="&#33258;&#35780;&#34920;.xlsx"'), ("自评表.xlsx",)),
    "one character that UTF-8 would read as Cyrillic": Case(
        word_name(encoded_word("一.xlsx".encode("gbk"), "gb2312")), ("一.xlsx",)
    ),
    "quotes and backslashes": Case(one('attachment; filename="a\\"b\\\\c.xlsx"'), ("c.xlsx",)),
    "semicolon inside": Case(one('attachment; filename="甲;乙.xlsx"; size=5'), ("甲;乙.xlsx",)),
    "no name at all": Case(
        one("", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), ("附件.xlsx",)
    ),
    # ---- hostile names
    "path": Case(one('attachment; filename="../../etc/cron.d/x.xlsx"'), ("x.xlsx",)),
    "windows path": Case(one('attachment; filename="C:\\Users\\li\\自评表.xlsx"'), ("自评表.xlsx",)),
    "device": Case(one('attachment; filename="CON.xlsx"'), ("_CON.xlsx",)),
    "control and direction characters": Case(
        one("attachment; filename*=utf-8''a%00%0D%0A%E2%80%AEb.xlsx"), ("a b.xlsx",)
    ),
    "colon and stars": Case(one('attachment; filename="a:b*?<c>|.xlsx"'), ("a_b_c_.xlsx",)),
    "very long": Case(
        one(f"attachment; filename*=utf-8''{percent(('长' * 300).encode())}.xlsx"), ("长" * 36 + ".xlsx",)
    ),
    "lock file": Case(one('attachment; filename="~$自评表.xlsx"')),
}

SHAPES = {
    "inline": Case(one('inline; filename="a.xlsx"'), ("a.xlsx",)),
    "quoted-printable": Case(
        one('attachment; filename="a.xlsx"', data=book("=" * 50), encoding="quoted-printable"), ("a.xlsx",)
    ),
    "the message is the workbook": Case(
        head() + workbook('attachment; filename="a.xlsx"', "application/vnd.ms-excel"), ("a.xlsx",)
    ),
    "base64 with a footer from a list": Case(
        mail(
            part(
                ("Content-Type: application/octet-stream; name=a.xlsx", "Content-Transfer-Encoding: base64"),
                wrapped(BOOK) + b"\r\n____________\r\nmailing list\r\n",
            )
        ),
        ("a.xlsx",),
    ),
    "related inside mixed": Case(
        mail(
            multipart(
                [text("<p>见附件</p>", kind="html"), workbook('inline; filename="logo.png"', "image/png", b"\x89PNG")],
                "related",
                "rel",
            ),
            workbook('attachment; filename="a.xlsx"'),
        ),
        ("a.xlsx",),
    ),
    "alternative with a workbook": Case(
        mail(multipart([text("x"), workbook('attachment; filename="a.xlsx"')], "alternative", "alt")), ("a.xlsx",)
    ),
    "signed": Case(
        head()
        + multipart(
            [
                multipart([text("x"), workbook('attachment; filename="a.xlsx"')], boundary="in"),
                part(("Content-Type: application/pkcs7-signature; name=smime.p7s",), b"sig"),
            ],
            "signed",
            "out",
        ),
        ("a.xlsx",),
    ),
    "forwarded": Case(mail(text("请处理"), forwarded(one(b'attachment; filename="' + GBK + b'"'))), (NAME,)),
    "forwarded in base64": Case(mail(forwarded(one('attachment; filename="a.xlsx"'), encoding="base64")), ("a.xlsx",)),
    "forwarded as .eml file": Case(
        one('attachment; filename="转发.eml"', data=one('attachment; filename="a.xlsx"')), ("a.xlsx",)
    ),
    "forwarded three times": Case(forwarded_deep(3), ("a.xlsx",)),
    "digest of several messages": Case(
        head()
        + multipart(
            [
                forwarded(one('attachment; filename="a.xlsx"')),
                forwarded(one('attachment; filename="a.xlsx"', data=book("2"))),
            ],
            "digest",
        ),
        ("a.xlsx", "a(2).xlsx"),
    ),
    "two of the same name": Case(
        mail(workbook('attachment; filename="a.xlsx"'), workbook('attachment; filename="A.xlsx"', data=book("2"))),
        ("a.xlsx", "A(2).xlsx"),
    ),
    "the same twice": Case(
        mail(workbook('attachment; filename="a.xlsx"'), workbook('attachment; filename="b.xlsx"')),
        ("a.xlsx",),
        ("EML010",),
    ),
    "bare line feeds": Case(one('attachment; filename="a.xlsx"').replace(b"\r\n", b"\n"), ("a.xlsx",)),
    "bare carriage returns": Case(one('attachment; filename="a.xlsx"').replace(b"\r\n", b"\r"), ("a.xlsx",)),
    "blank lines and a byte order mark first": Case(
        b"\xef\xbb\xbf\r\n\r\n" + one('attachment; filename="a.xlsx"'), ("a.xlsx",)
    ),
    "closing line missing": Case(
        mail(text("x"), workbook('attachment; filename="a.xlsx"'), closed=False), ("a.xlsx",), ("EML007",)
    ),
    "cut off in the attachment": Case(one('attachment; filename="a.xlsx"')[:-150], ("a.xlsx",), ("EML007",)),
    "boundary in the header fits nothing": Case(
        mail(workbook('attachment; filename="a.xlsx"')).replace(b'boundary="', b'boundary="x'), (), ("EML007",)
    ),
    "html exported as xls": Case(
        one('attachment; filename="导出.xls"', "text/html", b"<html><table></table></html>"), ("导出.xls",)
    ),
    "pictures and documents only": Case(
        mail(
            text("x"),
            workbook('attachment; filename="扫描件.pdf"', data=b"%PDF-1.4"),
            workbook(
                'attachment; filename="说明.docx"', data=zipped({"[Content_Types].xml": b"", "word/document.xml": b""})
            ),
        )
    ),
    "no attachment": Case(head() + text("已寄出")),
    "empty": Case(b""),
    "headers only": Case(head()),
    # ---- wrapped where we cannot reach
    "winmail.dat": Case(
        one('attachment; filename="winmail.dat"', "application/ms-tnef", b"\x78\x9f\x3e\x22rest"), (), ("EML002",)
    ),
    "tnef under another name": Case(
        one('attachment; filename="ATT0001.dat"', data=b"\x78\x9f\x3e\x22rest"), (), ("EML002",)
    ),
    "QQ big attachment": Case(
        head()
        + text(
            '<a href="http://mail.qq.com/cgi-bin/ftnExs_download?k=123&amp;t=exs_ftn_download">自评表.xlsx</a>',
            kind="html",
        ),
        (),
        ("EML003",),
    ),
    "QQ big attachment, GBK text": Case(
        head()
        + text("从QQ邮箱发来的超大附件\n自评表.xlsx 进入下载页面:http://wx.mail.qq.com/ftn/download?key=1", "gb18030"),
        (),
        ("EML003",),
    ),
    "163 cloud attachment": Case(
        head() + text("从网易163邮箱发来的云附件\nhttps://mail.163.com/large-attachment-download/index.html?p=1"),
        (),
        ("EML003",),
    ),
    "talk about big attachments": Case(head() + text("请勿使用超大附件发送。")),
    "rar": Case(one('attachment; filename="自评表.rar"', data=b"Rar!\x1a\x07\x00data"), (), ("EML004",)),
    "7z under the name zip": Case(one('attachment; filename="a.zip"', data=b"7z\xbc\xaf\x27\x1c...."), (), ("EML004",)),
    "encrypted message": Case(
        head() + part(("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",), b"x"),
        (),
        ("EML004",),
    ),
    "part of a split message": Case(
        head() + part(("Content-Type: message/partial; id=x; number=1; total=2",), b"x"), (), ("EML004",)
    ),
    # ---- archives
    "zip with GBK names": Case(
        one(
            'attachment; filename="报送.zip"', data=raw_zip([(GBK, BOOK), ("子目录/乙.xlsx".encode("gbk"), book("2"))])
        ),
        (NAME, "乙.xlsx"),
    ),
    "zip with GBK names of backslash bytes": Case(
        one('attachment; filename="x.zip"', data=raw_zip([(SLASH.encode("gbk"), BOOK)])), (SLASH,)
    ),
    "zip with UTF-8 names and flag": Case(
        one('attachment; filename="x.zip"', data=raw_zip([(UTF8, BOOK)], flags=0x800)), (NAME,)
    ),
    "zip with UTF-8 names without flag": Case(
        one('attachment; filename="x.zip"', data=raw_zip([(UTF8, BOOK)])), (NAME,)
    ),
    "zip with a Unicode path field": Case(
        one(
            'attachment; filename="x.zip"',
            data=raw_zip(
                [(b"????.xlsx", BOOK)],
                extra=struct.pack("<HHBL", 0x7075, 5 + len(UTF8), 1, zlib.crc32(b"????.xlsx")) + UTF8,
            ),
        ),
        (NAME,),
    ),
    "zip that climbs out": Case(
        one('attachment; filename="x.zip"', data=raw_zip([(b"../../x.xlsx", BOOK), (b"/abs/y.xlsx", book("2"))])),
        ("x.xlsx", "y.xlsx"),
    ),
    "zip from a Mac": Case(
        one(
            'attachment; filename="x.zip"', data=zipped({"a.xlsx": BOOK, "__MACOSX/._a.xlsx": b"x", ".DS_Store": b"x"})
        ),
        ("a.xlsx",),
    ),
    "zip in a zip": Case(nested_zip(2), ("a.xlsx",)),
    "message in a zip": Case(
        one('attachment; filename="x.zip"', data=zipped({"信.eml": one('attachment; filename="a.xlsx"')})), ("a.xlsx",)
    ),
    "zip with a password": Case(
        one('attachment; filename="x.zip"', data=raw_zip([(b"a.xlsx", BOOK)], flags=1)), (), ("EML005",)
    ),
    "zip cut off": Case(one('attachment; filename="x.zip"', data=zipped({"a.xlsx": BOOK})[:60]), (), ("EML006",)),
    "zip with a broken member": Case(
        one('attachment; filename="x.zip"', data=raw_zip([(b"a.xlsx", BOOK)], checksum=1)),
        (),
        ("EML006",),
    ),
    "a damaged workbook is still handed on": Case(one('attachment; filename="a.xlsx"', data=BOOK[:50]), ("a.xlsx",)),
}

BOMBS = {
    "zip bomb": Case(
        one('attachment; filename="x.zip"', data=zipped({"a.xlsx": bytes(5_000_000)})), (), ("EML009",), SMALL
    ),
    "zip bomb that lies about its size": Case(
        one('attachment; filename="x.zip"', data=raw_zip([(b"a.xlsx", bytes(5_000_000))], stated=100)),
        (),
        ("EML006",),
        SMALL,
    ),
    "many members": Case(
        one('attachment; filename="x.zip"', data=zipped({f"{n}.txt": b"x" for n in range(50)})), (), ("EML009",), SMALL
    ),
    "many small bombs": Case(
        mail(
            *(
                workbook(f'attachment; filename="{n}.zip"', data=zipped({f"{n}.bin": bytes(150_000 + n)}))
                for n in range(4)
            )
        ),
        (),
        ("EML009", "EML009", "EML009"),
        SMALL,
    ),
    "directory larger than any archive needs": Case(
        one(
            'attachment; filename="x.zip"',
            data=BOOK[:-22] + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 99_000_000, 0, 0),
        ),
        (),
        ("EML006",),
    ),
    "zips in zips": Case(nested_zip(6), (), ("EML009",), SMALL),
    "messages in messages": Case(forwarded_deep(6), (), ("EML009",), SMALL),
    "parts in parts": Case(deep(40), (), ("EML009",), SMALL),
    "thousand levels": Case(deep(1000), (), ("EML009",)),
    "many parts": Case(
        mail(*(text("x") for _ in range(100)), workbook('attachment; filename="a.xlsx"')), (), ("EML009",), SMALL
    ),
    "many workbooks": Case(
        mail(*(workbook(f'attachment; filename="{n}.xlsx"', data=book(str(n))) for n in range(6))),
        ("0.xlsx", "1.xlsx", "2.xlsx"),
        ("EML009",),
        SMALL,
    ),
    "one huge workbook": Case(one('attachment; filename="a.xlsx"', data=BOOK + bytes(300_000)), (), ("EML009",), SMALL),
}

CORPUS = {**NAMES, **SHAPES, **BOMBS}


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 60


@pytest.mark.parametrize("case", CORPUS.values(), ids=CORPUS)
def test_message(case: Case) -> None:
    collected = collect(read_message(case.raw, case.limits), case.limits)
    names = tuple(entry.name for entry in collected.files)
    assert names == case.files
    assert tuple(finding.code for finding in collected.findings) == case.codes
    assert all(finding.message and finding.fix for finding in collected.findings)


@pytest.mark.parametrize("name", [name for name, case in {**NAMES, **SHAPES}.items() if case.files])
def test_workbooks_come_out_byte_by_byte(name: str) -> None:
    case = CORPUS[name]
    damaged = {"cut off in the attachment", "a damaged workbook is still handed on", "html exported as xls"}
    for entry in collect(read_message(case.raw, case.limits), case.limits).files:
        sent = (BOOK, book("2"), book("=" * 50))
        # A footer that a list appended is decoded with the rest, behind the end of the workbook.
        assert entry.data.startswith(sent) == (name not in damaged)
