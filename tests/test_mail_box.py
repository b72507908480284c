"""The mailbox against a real IMAP server and a real SMTP server: no mail lost, none answered twice, nothing leaked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mails import FROM, mail, text, workbook
from tests.support.mailservers import PASSWORD, Imap, Outbox, imap_server, requires_dovecot, smtp_server

# The servers are on loopback: the warning about passwords without TLS is about real networks.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

GOOD = "Authentication-Results: mx.office.example; dmarc=pass header.from=bureau.example"
SEND = ("--allow", "bureau.example", "--authserv", "mx.office.example", "--send")


@pytest.fixture
def imap() -> Iterator[Imap]:
    with imap_server() as server:
        yield server


@pytest.fixture
def smtp() -> Iterator[Outbox]:
    with smtp_server() as server:
        yield server


@pytest.fixture
def form(inbox: Path) -> bytes:
    return next(inbox.rglob("招商引资专项经费.xlsx")).read_bytes()


def submission(form: bytes, number: int = 1, *headers: str, sender: str = FROM) -> bytes:
    return mail(
        text(f"第{number}封"),
        workbook('attachment; filename="form.xlsx"', data=form),
        message_id=f"<{number}@bureau.example>",
        headers=headers,
        sender=sender,
    )


def run(*args: str, code: int | None = 0, password: str | None = PASSWORD) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PERFEVAL_MAIL_PASSWORD"}
    if password is not None:
        environment["PERFEVAL_MAIL_PASSWORD"] = password
    environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    done = subprocess.run(
        [sys.executable, "-m", "perfeval", "mail", *args],
        capture_output=True, encoding="utf-8", env=environment, timeout=120, check=False,
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    if code is not None:
        assert done.returncode == code, done.stdout + done.stderr
    return done


def messages(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done.stdout)["messages"]
    return found


@requires_dovecot
def test_unseen_messages_are_answered_and_marked(imap: Imap, form: bytes, tmp_path: Path) -> None:
    imap.deliver(submission(form))
    imap.deliver(mail(text("只是问候"), message_id="<2@bureau.example>"))
    done = run("--imap", imap.url, "--out", str(tmp_path / "out"), "--json")
    results = messages(done)
    assert [entry["status"] for entry in results] == ["warning", "skipped"]
    assert Path(results[0]["draft"]).is_file()
    assert imap.unseen() == 1, "a letter that is no submission stays for a person to read"
    assert "name=perfeval" in imap.log, "163 and 126 open no folder before IMAP ID"
    assert imap.log.index("name=perfeval") < len(imap.log)
    again = run("--imap", imap.url, "--out", str(tmp_path / "out"), "--json")
    assert messages(again) == []


@requires_dovecot
def test_answers_go_to_verified_senders_on_the_list(imap: Imap, smtp: Outbox, form: bytes, tmp_path: Path) -> None:
    imap.deliver(submission(form, 1, GOOD))
    out = tmp_path / "out"
    done = run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND)
    assert "等待发出" in done.stdout
    [(sender, recipients, data)] = smtp.messages
    assert (sender, recipients) == ("finance@office.example", ["zhangsan@bureau.example"])
    head = data.partition(b"\r\n\r\n")[0]
    assert b"In-Reply-To: <1@bureau.example>" in head
    assert b"\r\nDate: " in head and b"\r\nMessage-ID: <" in head and b"X-Unsent" not in head
    run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND)
    imap.deliver(submission(form, 1, GOOD))  # delivered once more by a gateway
    run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND)
    assert len(smtp.messages) == 1
    assert imap.unseen() == 0


@requires_dovecot
@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        ((), FROM),
        (("Authentication-Results: evil.example; dmarc=pass header.from=bureau.example",), FROM),
        (("Authentication-Results: mx.office.example; dmarc=fail header.from=bureau.example", GOOD), FROM),
        ((GOOD,), 'From: "boss@bureau.example" <x@evil.example>'),
        ((GOOD, "Reply-To: x@evil.example"), FROM),
    ],
    ids=["nothing", "another server", "forged below", "name like an address", "answer elsewhere"],
)
def test_nothing_goes_out_unless_all_is_right(
    imap: Imap, smtp: Outbox, form: bytes, tmp_path: Path, headers: tuple[str, ...], sender: str
) -> None:
    imap.deliver(submission(form, 1, *headers, sender=sender))
    run("--imap", imap.url, "--smtp", smtp.url, "--out", str(tmp_path / "out"), *SEND)
    assert smtp.messages == []
    assert smtp.logins == []


@requires_dovecot
def test_senders_not_on_the_list_are_not_opened(imap: Imap, form: bytes, tmp_path: Path) -> None:
    imap.deliver(submission(form, 1, sender="From: li@elsewhere.example"))
    out = tmp_path / "out"
    [result] = messages(run("--imap", imap.url, "--out", str(out), "--allow", "bureau.example", "--json"))
    assert [finding["code"] for finding in result["findings"]] == ["EML015"]
    assert imap.unseen() == 1
    [again] = messages(run("--imap", imap.url, "--out", str(out), "--allow", "elsewhere.example", "--json"))
    assert again["files"] and "发件人未验证" in again["folder"]


@requires_dovecot
def test_a_refused_answer_is_told_and_one_put_off_is_sent_later(
    imap: Imap, smtp: Outbox, form: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    imap.deliver(submission(form, 1, GOOD))
    smtp.answer = "451 try later"
    first = run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND, code=5)
    assert "EML021" in first.stdout and "451 try later" in first.stdout
    smtp.answer = "250 OK"
    run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND)
    assert len(smtp.messages) == 1
    imap.deliver(submission(form, 2, GOOD))
    smtp.recipients = "550 no such user"
    second = run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND, code=5)
    assert "550 no such user" in second.stdout
    smtp.recipients = "250 OK"
    run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND)
    assert len(smtp.messages) == 1, "a person sends what was refused for good"


@requires_dovecot
def test_a_line_that_breaks_after_the_message_was_taken(imap: Imap, smtp: Outbox, form: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in (1, 2):
        imap.deliver(submission(form, number, GOOD))
    smtp.hang_up = True
    done = run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND, code=5)
    assert "EML022" in done.stdout and "还有 1 封回复没有发出" in done.stdout
    smtp.hang_up = False
    run("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND)
    assert len(smtp.messages) == 2
    assert len({data.partition(b"In-Reply-To: ")[2][:20] for _, _, data in smtp.messages}) == 2, "the first one twice"


@requires_dovecot
def test_wrong_password_and_no_password(imap: Imap, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    wrong = run("--imap", imap.url, "--out", out, code=5, password="guess")
    assert "授权码" in wrong.stderr and "guess" not in wrong.stderr
    none = run("--imap", imap.url, "--out", out, code=5, password=None)
    assert "PERFEVAL_MAIL_PASSWORD" in none.stderr
    spoken = run("--imap", imap.url.replace("@127", ":hunter2@127"), "--out", out, code=2)
    assert "不要把密码写在命令里" in spoken.stderr and "hunter2" not in spoken.stderr
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


@requires_dovecot
def test_a_message_that_is_too_large_is_not_even_fetched(imap: Imap, form: bytes, tmp_path: Path) -> None:
    imap.deliver(submission(form + bytes(51 << 20)))
    [result] = messages(run("--imap", imap.url, "--out", str(tmp_path / "out"), "--json", code=1))
    assert [finding["code"] for finding in result["findings"]] == ["EML008"]
    assert imap.unseen() == 1


# Ends the program by SIGKILL at its N-th step: before and after everything that leaves a trace somewhere.
_KILLER = """
import functools, os, signal, smtplib, sys
from pathlib import Path
from imap_tools import BaseMailBox
from perfeval.ledger.store import Ledger
from perfeval.mail.register import Register

left = [int(sys.argv.pop(1))]

def step():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def watched(owner, name):
    real = getattr(owner, name)
    @functools.wraps(real)
    def stepped(*args, **more):
        step()
        result = real(*args, **more)
        step()
        return result
    setattr(owner, name, stepped)

for owner, name in ((Path, "replace"), (Register, "_run"), (Ledger, "record"), (BaseMailBox, "flag"),
                    (smtplib.SMTP, "sendmail")):
    watched(owner, name)
from perfeval.cli import main
main(["mail", *sys.argv[1:]])
"""


@requires_dovecot
def test_killed_at_any_step_no_mail_is_lost_and_none_answered_twice(
    imap: Imap, smtp: Outbox, form: bytes, tmp_path: Path
) -> None:
    environment = {**os.environ, "PERFEVAL_MAIL_PASSWORD": PASSWORD}
    doubtful = killed = 0
    for number in range(1, 200):
        identity = f"<{number}@bureau.example>".encode()
        imap.deliver(submission(form, number, GOOD))
        out = tmp_path / f"out{number}"
        args = ("--imap", imap.url, "--smtp", smtp.url, "--out", str(out), *SEND)
        dead = subprocess.run(
            [sys.executable, "-c", _KILLER, str(number), *args], capture_output=True, env=environment, check=False
        )
        assert dead.returncode in (-9, 0), dead.stderr.decode()
        told = run(*args, code=None).stdout + dead.stdout.decode()
        run(*args)
        [folder] = [path for path in out.iterdir() if path.name != ".perfeval"]
        assert {path.name for path in folder.iterdir()} == {"原件", "form_评分表.xlsx", "回复.eml"}
        assert (folder / "原件" / "来信.eml").is_file()
        sent = sum(b"In-Reply-To: " + identity in data for _, _, data in smtp.messages)
        assert sent <= 1, f"answered twice after a kill at step {number}"
        assert sent == 1 or "EML022" in told, f"lost at step {number}"
        assert imap.unseen() == 0
        doubtful += "EML022" in told
        if dead.returncode == 0:
            break
        killed += 1
    assert killed > 15, "the steps are no longer watched"
    assert doubtful, "the moment of sending was never hit"
