"""From a message on the disk to the draft of its answer, read again by programs that are not ours."""

from __future__ import annotations

import email
import email.policy
import io
import json
import re
import zipfile
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import mailparser
import pytest
from click.testing import CliRunner

from perfeval.cli import program
from perfeval.findings import Finding
from perfeval.mail import LIMITS, MailResult, Policy, Settings, answer_files, session
from perfeval.mail.register import Reply
from perfeval.pipeline import Options
from tests.support.mails import FROM, encoded_word, forwarded, head, mail, text, workbook, zipped

SUBJECT = "Subject: " + encoded_word("回复：关于报送2024年度项目绩效自评表的函".encode("gb18030"), "gb2312")


@pytest.fixture(scope="module")
def forms(inbox: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(inbox.rglob("*.*")) if path.is_file()}


@pytest.fixture
def form(forms: dict[str, bytes]) -> bytes:
    return forms["招商引资专项经费.xlsx"]


def settings(out: Path, **more: object) -> Settings:
    return Settings(out=out, options=Options(), **more)  # type: ignore[arg-type]


def answer(out: Path, *raw: bytes, **more: object) -> tuple[list[MailResult], list[Finding]]:
    """Results of messages given as bytes, in the order in which they are answered."""
    folder = out.parent / f"{out.name}_in{len(list(out.parent.iterdir()))}"
    folder.mkdir()
    for number, data in enumerate(raw):
        (folder / f"{number:02}.eml").write_bytes(data)
    with session(settings(out, **more)) as opened:
        return list(answer_files([folder], opened)[1]), list(opened.remarks())


def submission(
    form: bytes, name: str = "自评表.xlsx", *, number: int = 1, headers: tuple[str, ...] = (), **more: object
) -> bytes:
    attached = workbook(b'attachment; filename="' + name.encode("gb18030") + b'"', data=form)
    message_id = f"<{number}@bureau.example>"
    return mail(text("请查收"), attached, message_id=message_id, headers=headers, **{"subject": SUBJECT, **more})  # type: ignore[arg-type]


def draft_of(result: MailResult) -> bytes:
    assert result.draft is not None
    return result.draft.read_bytes()


def codes(result: MailResult) -> list[str]:
    return [finding.code for finding in result.findings]


# ---- the draft -------------------------------------------------------------------------------------------------------


def test_the_draft_as_another_library_reads_it(form: bytes, tmp_path: Path) -> None:
    headers = ("References: <a@x> <b@x>", "In-Reply-To: <b@x>")
    [result], _ = answer(tmp_path / "out", submission(form, headers=headers))
    seen = mailparser.parse_from_bytes(draft_of(result))
    assert seen.subject == "回复：关于报送2024年度项目绩效自评表的函"
    assert seen.to == [("张三", "zhangsan@bureau.example")]
    assert seen.from_ == [("", "finance@office.example")]
    assert seen.headers["In-Reply-To"] == "<1@bureau.example>"
    assert str(seen.headers["References"]).split() == ["<a@x>", "<b@x>", "<1@bureau.example>"]
    assert not seen.defects
    [plain], [html] = seen.text_plain, seen.text_html
    for words in (plain, html):
        assert "98.85" in words and "招商引资专项经费" in words
        for finding in result.files[0].outcome.findings:
            assert finding.code in words
    assert "<" not in plain
    [attached] = seen.attachments
    assert attached["filename"] == "自评表_评分表.xlsx"


def test_the_draft_as_the_standard_library_reads_it(form: bytes, tmp_path: Path) -> None:
    [result], _ = answer(tmp_path / "out", submission(form))
    message = email.message_from_bytes(draft_of(result), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects and not any(part.defects for part in message.walk())
    assert message["subject"] == "回复：关于报送2024年度项目绩效自评表的函"
    [attached] = message.iter_attachments()
    output = result.files[0].outcome.output
    assert output is not None
    assert attached.get_content() == output.read_bytes()
    assert attached.get_filename() == output.name
    old = email.message_from_bytes(draft_of(result))  # how programs of the last century look for the name
    name = next(part for part in old.walk() if part.get_content_disposition() == "attachment").get_param("name")
    assert str(email.header.make_header(email.header.decode_header(str(name)))) == output.name
    longest = max(map(len, draft_of(result).split(b"\r\n")))
    assert longest <= 78
    assert draft_of(result).isascii() and b"\n" not in draft_of(result).replace(b"\r\n", b"")


def test_the_same_message_gives_the_same_draft(form: bytes, tmp_path: Path) -> None:
    [first], _ = answer(tmp_path / "a", submission(form))
    [second], _ = answer(tmp_path / "b", submission(form))
    assert draft_of(first) == draft_of(second)


@pytest.mark.parametrize(
    "subject",
    [
        "Subject: =?utf-8?Q?=0D=0ABcc:_all@office.example?=",
        "Subject: x =?utf-8?B?DQpCY2M6IGFsbEBvZmZpY2UuZXhhbXBsZQ==?=",
        "Subject: {{ 7*7 }} {% raw %}",
        "Subject: <script>alert(1)</script>",
    ],
)
def test_a_subject_stays_a_subject(subject: str, form: bytes, tmp_path: Path) -> None:
    [result], _ = answer(tmp_path / "out", submission(form, subject=subject))
    message = email.message_from_bytes(draft_of(result), policy=email.policy.default)
    assert message["bcc"] is None
    assert "49" not in str(message["subject"])
    body = message.get_body(("html",))
    assert body is not None
    assert "<script>" not in body.get_content()


def test_a_sender_cannot_add_recipients(form: bytes, tmp_path: Path) -> None:
    sender = "From: =?utf-8?Q?=0D=0ACc:_x@evil.example=0D=0A?= <zhangsan@bureau.example>"
    [result], _ = answer(tmp_path / "out", submission(form, sender=sender))
    message = email.message_from_bytes(draft_of(result), policy=email.policy.default)
    assert message["cc"] is None
    assert [address.addr_spec for address in message["to"].addresses] == ["zhangsan@bureau.example"]


def test_what_to_correct_stands_in_the_answer(forms: dict[str, bytes], tmp_path: Path) -> None:
    results, _ = answer(
        tmp_path / "out", *(submission(data, name, number=number) for number, (name, data) in enumerate(forms.items()))
    )
    statuses = {result.files[0].outcome.status for result in results if result.files}
    assert statuses >= {"warning", "error", "failed"}
    for result in results:
        plain = mailparser.parse_from_bytes(draft_of(result)).text_plain[0]
        outcome = result.files[0].outcome
        for finding in outcome.findings[:5]:
            assert finding.code in plain
        if outcome.status == "error":
            assert "需要修改" in plain and "改好后直接回复本邮件" in plain
        if outcome.status == "failed":
            assert "没有处理成功" in plain
        assert not re.search(r"None|Undefined|\{\{|\[\]|  \n", plain)


def test_what_could_not_be_read_is_told_to_the_sender(tmp_path: Path) -> None:
    tnef = workbook('attachment; filename="winmail.dat"', "application/ms-tnef", b"\x78\x9f\x3e\x22")
    [result], _ = answer(tmp_path / "out", mail(text("x"), tnef))
    assert result.status == "error"
    plain = mailparser.parse_from_bytes(draft_of(result)).text_plain[0]
    assert "winmail.dat" in plain and "没有找到可以处理的表格" in plain


def test_a_result_too_large_for_a_mail_stays_behind(form: bytes, tmp_path: Path) -> None:
    [result], _ = answer(tmp_path / "out", submission(form), limits=replace(LIMITS, reply_size=1000))
    assert codes(result) == ["EML020"]
    seen = mailparser.parse_from_bytes(draft_of(result))
    assert not seen.attachments
    assert "保留在结果文件夹中" in seen.text_plain[0]
    assert result.files[0].outcome.output is not None


def test_a_message_too_large_is_not_opened(form: bytes, tmp_path: Path) -> None:
    [result], _ = answer(tmp_path / "out", submission(form), limits=replace(LIMITS, message_size=1000))
    assert (codes(result), result.status, result.folder) == (["EML008"], "failed", None)


# ---- whom to answer, and how often -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "sender", "code"),
    [
        (("Auto-Submitted: auto-replied",), FROM, "EML016"),
        (("Precedence: bulk",), FROM, "EML016"),
        (("List-Id: <all.office.example>",), FROM, "EML016"),
        (("Return-Path: <>",), FROM, "EML016"),
        ((), "From: finance@office.example", "EML016"),
        ((), "", "EML017"),
        ((), "From: undisclosed-recipients:;", "EML017"),
        ((), "From: a@x.example, b@x.example", "EML017"),
        ((), "From: a@x.example\r\nFrom: b@x.example", "EML017"),
    ],
)
def test_nobody_is_answered(headers: tuple[str, ...], sender: str, code: str, form: bytes, tmp_path: Path) -> None:
    [result], _ = answer(
        tmp_path / "out", submission(form, headers=headers, sender=sender), sender="finance@office.example"
    )
    assert code in codes(result)
    assert result.draft is None and result.reply is Reply.NONE
    assert result.files[0].outcome.output is not None, "the workbook is done all the same"


def test_auto_submitted_no_is_a_person(form: bytes, tmp_path: Path) -> None:
    [result], _ = answer(tmp_path / "out", submission(form, headers=("Auto-Submitted: no",)))
    assert result.draft is not None


def test_the_same_mail_is_answered_once(form: bytes, tmp_path: Path) -> None:
    plain = submission(form)
    travelled = b"Received: from a by b; Mon, 20 Jan 2025 10:00:00 +0800\r\nDelivered-To: x@y.example\r\n" + plain
    footer = plain.replace("请查收".encode(), "请查收 -- 群发脚注".encode())
    resent = submission(form, number=2)
    results, _ = answer(tmp_path / "out", plain, plain, travelled, footer, resent)
    assert [result.known for result in results] == [False, True, True, True, True]
    again, _ = answer(tmp_path / "out", resent)
    assert again[0].known and codes(again[0]) == ["EML011"] and again[0].folder == results[0].folder
    assert len([path for path in (tmp_path / "out").iterdir() if path.name != ".perfeval"]) == 1


def test_the_same_id_with_another_workbook_is_another_mail(forms: dict[str, bytes], tmp_path: Path) -> None:
    first, second = list(forms.values())[:2]
    results, _ = answer(tmp_path / "out", submission(first), submission(second))
    assert [result.known for result in results] == [False, False]
    assert "EML013" in codes(results[1])


def test_a_mail_without_workbook_is_left_to_a_person(tmp_path: Path) -> None:
    [result], _ = answer(tmp_path / "out", mail(text("请问什么时候截止?")))
    assert (codes(result), result.status, result.draft) == (["EML001"], "skipped", None)


# ---- versions --------------------------------------------------------------------------------------------------------


def dated(raw: bytes, day: int) -> bytes:
    return raw.replace(b"Mon, 20 Jan 2025", f"{day} Jan 2025".encode())


def test_the_newest_of_several_versions_counts(form: bytes, tmp_path: Path) -> None:
    other = changed(form)
    late, early = (
        dated(submission(form, "最终版.xlsx", number=1), 25),
        dated(submission(other, "初稿.xlsx", number=2), 21),
    )
    results, remarks = answer(tmp_path / "out", late, early)
    assert [result.files[0].attachment.name for result in results] == ["初稿.xlsx", "最终版.xlsx"], (
        "in order of sending"
    )
    assert results[1].files[0].standings[0].older
    [said] = [finding for finding in remarks if finding.code == "EML012"]
    assert said.params["newest"].endswith("最终版.xlsx") and "初稿.xlsx" in said.params["others"]
    assert "以这一份为准" in mailparser.parse_from_bytes(draft_of(results[1])).text_plain[0]


def test_an_old_version_that_comes_late_does_not_count(form: bytes, tmp_path: Path) -> None:
    answer(tmp_path / "out", dated(submission(form, "最终版.xlsx", number=1), 25))
    [result], _ = answer(tmp_path / "out", dated(submission(changed(form), "初稿.xlsx", number=2), 21))
    newer = result.files[0].standings[0].newer
    assert newer is not None and newer.startswith("最终版.xlsx")
    assert "不再计入" in mailparser.parse_from_bytes(draft_of(result)).text_plain[0]


def test_a_date_in_the_future_wins_nothing(form: bytes, tmp_path: Path) -> None:
    future = submission(changed(form), "未来.xlsx", number=1).replace(b"20 Jan 2025", b"20 Jan 2999")
    answer(tmp_path / "out", future)
    [result], _ = answer(
        tmp_path / "out", submission(form, "现在.xlsx", number=2).replace(b"Mon, 20 Jan 2025", b"1 Jan 2998")
    )
    assert result.files[0].standings[0].newer is None


def test_a_stranger_takes_nobody_s_place(form: bytes, tmp_path: Path) -> None:
    policy = Policy(authserv="mx.office.example")
    good = ("Authentication-Results: mx.office.example; dmarc=pass header.from=bureau.example",)
    answer(tmp_path / "out", dated(submission(form, "真.xlsx", number=1, headers=good), 20), policy=policy)
    [forged], remarks = answer(
        tmp_path / "out", dated(submission(changed(form), "假.xlsx", number=2), 25), policy=policy
    )
    assert "EML014" in codes(forged) and forged.folder is not None and "发件人未验证" in forged.folder.name
    assert [finding for finding in remarks if finding.code == "EML012"] == []
    [later], _ = answer(
        tmp_path / "out", dated(submission(form + b"\0", "真2.xlsx", number=3, headers=good), 22), policy=policy
    )
    assert later.files[0].standings[0].newer is None


def test_the_return_of_a_finished_form_is_its_next_version(form: bytes, tmp_path: Path) -> None:
    [first], _ = answer(tmp_path / "out", dated(submission(form, number=1), 20))
    output = first.files[0].outcome.output
    assert output is not None
    [second], remarks = answer(tmp_path / "out", dated(submission(output.read_bytes(), output.name, number=2), 22))
    finished = second.files[0].outcome.output
    assert finished is not None and finished.name == output.name
    assert len(second.files[0].standings[0].older) == 1
    assert [finding.code for finding in remarks] == ["EML012"]


def test_a_form_typed_anew_after_a_return_is_newer_still(form: bytes, tmp_path: Path) -> None:
    [first], _ = answer(tmp_path / "out", dated(submission(form, number=1), 20))
    output = first.files[0].outcome.output
    assert output is not None
    returned = changed(output.read_bytes(), "考察拜访企业", "考察走访企业")
    [second], _ = answer(tmp_path / "out", dated(submission(returned, number=2), 22))
    assert second.files[0].outcome.forms[0].revision == 2
    [anew], _ = answer(tmp_path / "out", dated(submission(changed(form), "重填.xlsx", number=3), 25))
    assert anew.files[0].standings[0].newer is None
    [late], _ = answer(tmp_path / "out", dated(submission(form + b"\0", "早的.xlsx", number=4), 21))
    assert late.files[0].standings[0].newer is not None


def changed(form: bytes, old: str = "151个", new: str = "152个") -> bytes:
    """The same form with another text: another version of it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(form)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            data = source.read(name)
            # What the program remembers in the workbook stays as it is, as it does in Excel.
            copy.writestr(name, data if b"perfeval" in data else data.replace(old.encode(), new.encode()))
    assert out.getvalue() != form
    return out.getvalue()


# ---- containers ------------------------------------------------------------------------------------------------------


def test_mbox_and_maildir_and_folders(forms: dict[str, bytes], tmp_path: Path) -> None:
    a, b, c = (submission(data, name, number=number) for number, (name, data) in enumerate(list(forms.items())[:3]))
    box = tmp_path / "in" / "收件箱.mbox"
    box.parent.mkdir()
    quoted = a.replace(b"\r\n", b"\n").replace("请查收".encode(), b">From now on\nFrom here\n\nFrom the bureau\n")
    box.write_bytes(
        b"From x@y Mon Jan 20 09:30:00 2025\n"
        + quoted
        + b"\nFrom x@y Mon Jan 20 09:31:00 2025\n"
        + b.replace(b"\r\n", b"\n")
    )
    for name in ("cur", "new", "tmp"):
        (tmp_path / "in" / "Maildir" / name).mkdir(parents=True)
    (tmp_path / "in" / "Maildir" / "cur" / "1737336600.M1.host:2,S").write_bytes(c)
    (tmp_path / "in" / "~$x.eml").write_bytes(c)
    (tmp_path / "in" / "读我.txt").write_text("x", encoding="utf-8")
    with session(settings(tmp_path / "out")) as opened:
        total, results = answer_files([tmp_path / "in"], opened)
        names = sorted(entry.attachment.name for result in results for entry in result.files)
    assert total == 3
    assert names == sorted(list(forms)[:3])


def test_forwarded_and_zipped_workbooks_name_where_they_were(form: bytes, tmp_path: Path) -> None:
    packed = workbook('attachment; filename="x.zip"', data=zipped({"甲.xlsx": form}))
    [result], _ = answer(tmp_path / "out", mail(text("转上"), forwarded(mail(packed, subject=SUBJECT))))
    [entry] = result.files
    assert entry.attachment.inside == ("转发的邮件「回复：关于报送2024年度项目绩效自评表的函」", "压缩包「x.zip」")
    assert "x.zip" in mailparser.parse_from_bytes(draft_of(result)).text_plain[0]


@pytest.mark.parametrize(
    "data", [b"", b"\0\1\2", b"PK\3\4", b"no header here", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)]
)
def test_what_is_no_message_is_told(data: bytes, tmp_path: Path) -> None:
    [result], _ = answer(tmp_path / "out", data)
    assert result.status == "failed"
    assert codes(result)[0] in ("EML018", "EML019")


# ---- the command -----------------------------------------------------------------------------------------------------


def invoke(*args: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(program, ["mail", *args])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_tells_and_drafts(form: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(submission(form))
    code, stdout, _ = invoke(str(tmp_path / "a.eml"), "--out", str(tmp_path / "out"))
    assert code == 0
    assert "98.85" in stdout and "回复.eml(回复草稿)" in stdout and "共 1 封邮件" in stdout
    code, stdout, _ = invoke(str(tmp_path / "a.eml"), "--out", str(tmp_path / "out2"), "--json")
    document = json.loads(stdout)
    assert document["version"] == 1
    [entry] = document["messages"]
    assert entry["reply"] == "draft" and entry["files"][0]["total"]["shown"] == "98.85"


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ((), 2, "两者选一"),
        (("x.eml", "--imap", "imaps://a@b"), 2, "两者选一"),
        (("x.eml", "--send"), 2, "--send 要同时写明"),
        (("x.eml", "--from", "绩效科"), 2, "不是邮件地址"),
        (("x.eml", "--from", "a@b.example\r\nBcc: c@d.example"), 2, "不是邮件地址"),
        (("--imap", "imaps://a:geheim@b"), 2, "不要把密码写在命令里"),
        (("--imap", "http://a@b"), 2, "不是服务器地址"),
        (("--imap", "imaps://b"), 2, "没有写帐号"),
        (("--imap", "imaps://a@b:port"), 2, "不是服务器地址"),
    ],
)
def test_wrong_command_lines(args: tuple[str, ...], code: int, words: str, tmp_path: Path) -> None:
    got, stdout, stderr = invoke(*args, "--out", str(tmp_path / "out"))
    assert (got, stdout) == (code, "")
    assert words in stderr and "geheim" not in stderr


def test_missing_files_and_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    code, _, stderr = invoke(str(tmp_path / "in"), "--out", str(tmp_path / "out"))
    assert code == 4 and "没有找到邮件" in stderr
    code, stdout, _ = invoke(str(tmp_path / "none.eml"), "--out", str(tmp_path / "out"))
    assert code == 4 and "BAT002" in stdout
    code, _, stderr = invoke(str(tmp_path), "--out", str(tmp_path / "out"))
    assert code == 2 and "下一次的来信" in stderr


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with session(settings(tmp_path / "out")):
        (tmp_path / "a.eml").write_bytes(head())
        code, _, stderr = invoke(str(tmp_path / "a.eml"), "--out", str(tmp_path / "out"))
    assert code == 4 and "已经有一个 perfeval mail 在运行" in stderr


def test_a_damaged_register_stops_everything(form: bytes, tmp_path: Path) -> None:
    answer(tmp_path / "out", submission(form))
    (tmp_path / "out" / ".perfeval" / "ledger.sqlite").write_bytes(b"x" * 5000)
    (tmp_path / "a.eml").write_bytes(submission(form))
    code, _, stderr = invoke(str(tmp_path / "a.eml"), "--out", str(tmp_path / "out"))
    assert code == 4 and "不知道哪些邮件已经答复过" in stderr


def test_own_templates_come_first(form: bytes, tmp_path: Path) -> None:
    own = tmp_path / "own" / "mail"
    own.mkdir(parents=True)
    (own / "subject.txt.j2").write_text("[绩效科] {{ subject }}", encoding="utf-8")
    (tmp_path / "a.eml").write_bytes(submission(form))
    code, _, _ = invoke(str(tmp_path / "a.eml"), "--out", str(tmp_path / "out"), "--templates", str(tmp_path / "own"))
    assert code == 0
    [draft] = (tmp_path / "out").rglob("回复.eml")
    assert mailparser.parse_from_bytes(draft.read_bytes()).subject.startswith("[绩效科] ")
    broken = tmp_path / "broken" / "mail" / "reply.txt.j2"
    broken.parent.mkdir(parents=True)
    broken.write_text("{{ nobody }}", encoding="utf-8")
    args = (str(tmp_path / "a.eml"), "--out", str(tmp_path / "out2"), "--templates", str(tmp_path / "broken"))
    code, _, stderr = invoke(*args)
    assert code == 3 and "reply.txt.j2" in stderr
