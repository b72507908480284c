"""The parts on their own: names in every encoding, structure against the standard library, senders and their proofs."""

from __future__ import annotations

import email
import email.policy
import random
import time
from email.message import EmailMessage, MIMEPart

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfeval.mail.addresses import address
from perfeval.mail.attachments import collect
from perfeval.mail.limits import LIMITS
from perfeval.mail.message import header_text, read_message
from perfeval.mail.names import decoded, file_name
from perfeval.mail.reply import encoded_words
from perfeval.mail.trust import Policy, authenticated
from tests.support.mails import book, encoded_word, head, multipart, part, percent, text
from tests.test_mail_corpus import CORPUS

HAN = "".join(map(chr, range(0x4E00, 0x9FA5)))
# Names as people give them: Chinese, letters, digits, and the signs that mean something in headers.
NAMES = st.text(st.sampled_from(HAN + "abcXYZ019 ()-_.,;=%'&#@[]《》（）㈱ⅣΩ"), min_size=1, max_size=40).map(
    lambda text: "表" + " ".join(text.split()) + ".xlsx"
)


def quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


@given(
    NAMES,
    st.sampled_from(["gbk", "gb18030", "utf-8"]),
    st.sampled_from(["gb2312", "GBK", "gb18030", "utf-8", "x-unknown"]),
)
def test_encoded_words_whatever_their_label(name: str, charset: str, label: str) -> None:
    try:
        raw = name.encode(charset)
    except UnicodeEncodeError:
        return
    for encoding in "BQ":
        assert decoded(encoded_word(raw, label, encoding)) == name
    assert file_name(f'attachment; filename="{encoded_word(raw, label)}"'.encode(), b"") == name


@given(NAMES, st.sampled_from(["gb18030", "utf-8"]), st.data())
def test_encoded_words_and_sections_cut_anywhere(name: str, charset: str, data: st.DataObject) -> None:
    raw = name.encode(charset)
    cut = data.draw(st.integers(1, len(raw) - 1))
    head, tail = raw[:cut], raw[cut:]
    words = f"{encoded_word(head, charset)}\r\n {encoded_word(tail, charset)}"
    assert file_name(f'attachment; filename="{words}"'.encode(), b"") == name
    sections = f"attachment; filename*0*={charset}''{percent(head)}; filename*1*={percent(tail)}"
    assert file_name(sections.encode(), b"") == name


@given(NAMES, st.sampled_from(["gb18030", "utf-8"]))
def test_raw_names(name: str, charset: str) -> None:
    if "=?" in name or name.count("%") > 1 or "&#" in name:
        return  # means something else there
    raw = b'attachment; filename="' + quoted(name).encode(charset) + b'"; size=1'
    assert file_name(raw, b"") == name


@given(st.text(st.characters(exclude_categories=("Cn", "Co", "Cs")), max_size=300))
def test_our_own_header_words_are_read_by_everybody(text: str) -> None:
    clean = header_text(text.encode("utf-8", "replace"))
    header = encoded_words(clean)
    assert max(map(len, header.split("\r\n"))) <= 70
    assert header.isascii() and not set(header.replace("\r\n ", "")) & set("\r\n")
    assert decoded(header.replace("\r\n", "")) == clean
    parsed = email.message_from_bytes(f"Subject: {header}\r\n\r\n".encode(), policy=email.policy.default)
    if "=?" not in clean:
        assert " ".join(str(parsed["subject"]).split()) == " ".join(clean.split())


@given(st.binary(max_size=400))
def test_headers_of_any_bytes_are_read(raw: bytes) -> None:
    file_name(raw, raw[::-1])
    header_text(raw)
    address(raw)


TREES = st.recursive(
    st.integers(0, 3),
    lambda inner: st.lists(inner, min_size=1, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(TREES, st.sampled_from(["mixed", "related"]))
def test_structure_as_the_standard_library_builds_and_reads_it(tree: object, kind: str) -> None:
    numbers: list[int] = []

    def build(node: object, part: MIMEPart) -> None:
        if isinstance(node, int):
            data = book(f"{node}-{len(numbers)}")
            numbers.append(len(numbers))
            part.set_content(data, "application", "octet-stream", filename=f"表{len(numbers)}.xlsx")
        else:
            assert isinstance(node, list)
            children = []
            for child in node:
                piece = MIMEPart(policy=email.policy.SMTP)
                build(child, piece)
                children.append(piece)
            getattr(part, f"make_{kind}")()
            for piece in children:
                part.attach(piece)

    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = "a@x.example"
    build([tree], message)
    raw = message.as_bytes()
    expected = [
        (part.get_filename(), part.get_content())
        for part in email.message_from_bytes(raw, policy=email.policy.default).walk()
        if not part.is_multipart()
    ]
    collected = collect(read_message(raw, LIMITS), LIMITS)
    assert [(entry.name, entry.data) for entry in collected.files] == expected
    assert not collected.findings


def test_damaged_messages_are_never_an_exception() -> None:
    source = random.Random(11)
    whole = [case.raw for case in CORPUS.values() if 0 < len(case.raw) < 20_000]
    for _ in range(600):
        broken = bytearray(source.choice(whole))
        for _ in range(source.randint(1, 12)):
            broken[source.randrange(len(broken))] = source.randrange(256)
        start, end = sorted((source.randint(0, len(broken) // 4), source.randint(len(broken) // 2, len(broken))))
        collected = collect(read_message(bytes(broken[start:end]), LIMITS), LIMITS)
        assert all(finding.message for finding in collected.findings)


# ---- senders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "expected", "name"),
    [
        (b"a@x.example", "a@x.example", ""),
        (b"<a@X.Example>", "a@x.example", ""),
        ("张三 <a@x.example>".encode("gbk"), "a@x.example", "张三"),
        ('"张三(科室)" <a@x.example>'.encode(), "a@x.example", "张三(科室)"),
        (b'"b@evil.example" <a@x.example>', "a@x.example", "b@evil.example"),
        (b"=?gb2312?B?1cXI/Q==?= <a@x.example>", "a@x.example", "张三"),
        (b"a@x.example (Zhang San)", "a@x.example", ""),
        (b'"Zhang, San" <a@x.example>', "a@x.example", "Zhang, San"),
        (b"a@x.example, b@x.example", None, None),
        (b"<a@x.example> <b@evil.example>", None, None),
        (b"<a@x.example", None, None),
        (b'"a@x.example"', None, None),
        (b"a@x.example\0@evil.example", None, None),
        (b"a b@x.example", None, None),
        (b"a@@x.example", None, None),
        (b"=?utf-8?Q?a@x.example?=", None, None),
        (b"undisclosed-recipients:;", None, None),
        (b"", None, None),
    ],
)
def test_address(field: bytes, expected: str | None, name: str | None) -> None:
    found = address(field)
    assert found == expected
    assert found is None or found.name == name


GOOD = "mx.office.example; dmarc=pass header.from=bureau.example"


@pytest.mark.parametrize(
    ("fields", "trusted"),
    [
        ([GOOD], True),
        (["MX.Office.Example 1; dmarc=PASS (p=none) header.from=Bureau.Example"], True),
        (["mx.office.example; spf=fail; dkim=fail; dmarc=pass header.from=bureau.example"], True),
        (["mx.office.example; dkim=pass header.d=bureau.example header.s=s1"], True),
        (["mx.office.example; dkim=fail header.d=x.example; dkim=pass header.i=@bureau.example"], True),
        (["mx.office.example; spf=pass smtp.mailfrom=zhang@bureau.example"], True),
        (["mx.office.example;\r\n dkim=none;\r\n spf=pass\r\n smtp.mailfrom=bureau.example"], True),
        ([], False),
        (["mx.office.example; none"], False),
        (["mx.office.example; dmarc=fail header.from=bureau.example"], False),
        (["mx.office.example; dmarc=none header.from=bureau.example; dkim=pass header.d=bureau.example"], False),
        (["mx.office.example; dmarc=pass header.from=evil.example"], False),
        (["mx.office.example; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=x@evil.example"], False),
        (["mx.office.example; dkim=pass header.d=example"], False),
        (["mx.office.example; dkim=pass header.d=notbureau.example"], False),
        (["evil.example; dmarc=pass header.from=bureau.example"], False),
        (["evil.example; dmarc=pass", GOOD], False),
        (["mx.office.example.evil.example; dmarc=pass header.from=bureau.example"], False),
        (["mx.office.example; spf=fail smtp.mailfrom=x@evil.example", GOOD], False),
        (["mx.office.example; dkim=fail (; dmarc=pass header.from=bureau.example) header.d=evil.example"], False),
        (["mx.office.example; dkim=fail (a (b) ; dmarc=pass ) header.d=bureau.example"], False),
        (['mx.office.example; dkim=pass reason="x header.d=bureau.example" header.d=evil.example'], False),
        (['mx.office.example; dkim=pass "header.d=bureau.example" header.d=evil.example'], False),
        (['mx.office.example; spf=pass smtp.mailfrom="x; dmarc=pass"@evil.example'], False),
        (['mx.office.example; spf=pass smtp.mailfrom="@bureau.example"@evil.example'], False),
        (["mx.office.example dmarc=pass header.from=bureau.example"], False),
    ],
)
def test_authentication_results(fields: list[str], trusted: bool) -> None:
    assert authenticated(fields, "mx.office.example", "bureau.example") is trusted


@pytest.mark.parametrize(
    ("allowed", "sender", "expected"),
    [
        ((), b"a@x.example", True),
        (("a@x.example",), b"A@X.example", True),
        (("@x.example",), b"b@X.EXAMPLE", True),
        (("@x.example",), b"a@sub.x.example", False),
        (("@x.example",), b"a@evilx.example", False),
        (("@x.example",), b'"a@x.example" <b@evil.example>', False),
        (("@x.example",), b"", False),
    ],
)
def test_the_list(allowed: tuple[str, ...], sender: bytes, expected: bool) -> None:
    assert Policy(allowed=allowed).allows(address(sender)) is expected


MANY = 2 << 20  # bytes; what grows with the square of them takes minutes


@pytest.mark.parametrize(
    "raw",
    [
        head() + text("http://" * (MANY // 7)),
        head() + text("<a" * (MANY // 2), kind="html"),
        head()
        + part(("Content-Type: application/x; name=a.xlsx", "Content-Transfer-Encoding: base64"), b"a=" * (MANY // 2)),
        head() + part(("Content-Type: application/x" + ';a="\\' * 50_000,), b"x"),
        head() + multipart([text("--b" * (MANY // 3))], boundary="b"),
        head() + multipart([text("x")] * 400 + [text("\r\n--c" * 1000)], boundary="b"),
        head("Subject: " + "=?gbk?B?" * 30_000),
        head(sender="From: " + "<(" * 60_000),
        b"a:b\r" * (MANY // 4),
    ],
    ids=["links", "tags", "base64", "parameters", "almost boundaries", "parts", "words", "brackets", "fields"],
)
def test_time_grows_with_the_message_only(raw: bytes) -> None:
    started = time.process_time()
    message = read_message(raw, LIMITS)
    collect(message, LIMITS)
    assert message.topic is not None
    assert time.process_time() - started < 5
