"""Hostile input of every kind, carried into every text field of a form and looked for in every output.

What one format or module refuses by itself is tested beside it (test_package, test_mail_corpus, test_batch); here the
program is run from end to end, and whatever it wrote is read back with other people's programs.
"""

from __future__ import annotations

import csv
import email
import email.policy
import hashlib
import html
import io
import json
import re
import tomllib
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import getaddresses
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from jinja2 import Environment

from perfeval.cli import program
from perfeval.errors import ExitCode
from perfeval.pack import load_pack
from perfeval.watch.lock import NAME as LOCK
from tests.support.clerk import filled
from tests.support.mails import encoded_word, mail, workbook
from tests.support.returns import Return
from tests.test_memory import FIELDS, ROWS

PACK = "jiangmen-2024"
PRODUCT = "1337"  # what 7*191 would come to, if anybody calculated it
SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
# openpyxl writes no control characters; `_x001B_` is how a workbook spells one.
HOSTILE = (
    "=CMD()",
    "=cmd|'/c calc'!A1",
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-1-1",
    "@SUM(A1:A9)",
    "\uff1dCMD()",
    "\t=CMD()",
    "_x000D_=CMD()",
    "\n=CMD()",
    "{{ 7*191 }}",
    "{% raw %}",
    "{% for a in range(999999) %}{% for b in range(999999) %}{% endfor %}{% endfor %}",
    "#}{{ 7*191 }}{#",
    SCRIPT,
    IMAGE,
    "../../x",
    "C:\\x",
    "CON",
    "长" * 4000,
    "a_x0000__x001B_[31m_x0007_b",
    "\u202egpj.exe",
    "_xlnm.Print_Area",
    "x_x000D_\nBcc: all@evil.example",
    '"""\nid = "evil"\n[x]',
)
TYPED = ("name", "target", "actual", "score", "shortfall_reason", "criterion", "evidence")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
# What our own formulas are made of.
_OURS = re.compile(r"=(?:MIN|MAX|SUM|ROUND|IF|[A-Z]{1,3}\d+|[\d.,:()*/%<>=+\- \"])+")


@dataclass(frozen=True)
class Desk:
    """What came of all hostile forms: everything the program wrote lies below `root`."""

    root: Path
    inbox: Path
    out: Path


def run(*args: str | Path) -> str:
    """Run a command; a mistake of ours fails the test. Returns what it printed."""
    done = CliRunner().invoke(program, [str(arg) for arg in args])
    assert done.exit_code in (ExitCode.DONE, ExitCode.FOUND_ERRORS), done.output
    assert "SYS0" not in done.output and "Traceback" not in done.output
    return done.stdout


def file_name(text: str, number: int) -> str:
    """A name as hostile as a file system allows."""
    text = text.replace("_x000D_", "\r").replace("_x0007_", "\x07").replace("_x001B_", "\x1b").replace("_x0000_", "")
    return f"{text[:40].replace('/', '_').lstrip('._')}{number:02}.xlsx"


def labels(back: Return) -> dict[str, str]:
    """The words of a cell with `{}` where something is typed between them, by address."""
    typed = {cell.ref: cell.text for cell in back.form.fields.values() if cell.text and cell.ref}
    return {ref: str(back.sheet[ref].value).replace(text, "{}") for ref, text in typed.items()}


def spoil(back: Return, before: Mapping[str, str], text: str) -> None:
    """Put `text` into every place of a filled form where a clerk types words."""
    places = [cell.ref for path, cell in back.form.fields.items() if not path.startswith(("funds.", "total."))]
    places += [cell.ref for cell in back.form.narrative.values()]
    places += [indicator.cell(key).ref for indicator in back.form.indicators for key in TYPED]
    for place in filter(None, places):
        cell = back.sheet[place]
        cell.value = before.get(place, "{}").replace("{}", text)
        cell.data_type = "s"
    back.sheet.title = re.sub(r"[\[\]:*?/\\\s]", "", text)[:20].strip("'") or "表"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Every command run over a form for each hostile text."""
    root = tmp_path_factory.mktemp("safety") / "一" / "二" / "三"
    inbox, out, letters = root / "收", root / "出", root / "信"
    for folder in (inbox, out, letters):
        folder.mkdir(parents=True)
    base = root / "原.xlsx"
    base.write_bytes(filled(load_pack(PACK), FIELDS, ROWS))
    back = Return(base)
    before = labels(back)
    roster = openpyxl.Workbook()
    roster.active.append(["单位", "项目", "联系人", "邮箱", "电话", "文件依据", "总体目标"])
    for number, text in enumerate(HOSTILE):
        path = inbox / file_name(text, number)
        spoil(back, before, text)
        back.save(path)
        roster.active.append([text] * 7)
        for cell in roster.active[number + 2]:
            cell.data_type = "s"
        name = encoded_word(path.name.encode(), "utf-8")
        subject = f"Subject: {encoded_word(text[:60].encode(), 'utf-8')}"
        letter = mail(
            workbook(f'attachment; filename="{name}"', data=path.read_bytes()),
            subject=subject,
            sender=f"From: {encoded_word(text[:60].encode(), 'utf-8')} <zhangsan@bureau.example>",
            message_id=f"<{number}@bureau.example>",
        )
        (letters / f"{number:02}.eml").write_bytes(letter)
    roster.save(root / "名册.xlsx")
    (out / "fill.json").write_text(run("fill", inbox, "--out", out / "填", "--json"), encoding="utf-8")
    for name in ("汇总.csv", "汇总.json", "汇总.xlsx"):
        run("summary", inbox, "--out", out / "汇总" / name)
    run("new", "--roster", root / "名册.xlsx", "--pack", PACK, "--out", out / "发")
    run("mail", letters, "--out", out / "信")
    for number, path in enumerate(sorted(inbox.iterdir())):
        (out / f"{number}.diff.txt").write_text(
            run("diff", base, path, "--out", out / "比" / f"{number}.xlsx"), encoding="utf-8"
        )
    run("watch", inbox, "--out", out / "看", "--once", "--settle", "0", "--interval", "0.1", "--poll")
    return Desk(root, inbox, out)


def workbooks(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".xlsx", ".xlsm"))


def results(folder: Path) -> list[Path]:
    """The workbooks that the program made, equal ones once."""
    made = [path for path in workbooks(folder) if "原件" not in path.relative_to(folder).parts]
    return list({hashlib.sha256(path.read_bytes()).digest(): path for path in made}.values())


def cells(path: Path) -> Iterator[tuple[str, str, object]]:
    """Place, type and value of every cell, as openpyxl reads them."""
    book = openpyxl.load_workbook(path, read_only=True)
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.value is not None:
                    yield f"{path.name} {sheet.title}!{cell.coordinate}", cell.data_type, cell.value
    book.close()


def test_no_cell_of_any_workbook_is_a_formula_that_somebody_typed(desk: Desk) -> None:
    for path in results(desk.out):
        for place, kind, value in cells(path):
            if kind == "f":
                assert _OURS.fullmatch(str(value)), f"{place}: {value}"
            else:
                assert PRODUCT not in str(value), f"{place}: {value}"
        with zipfile.ZipFile(path) as archive:
            links = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".rels"))
        for target in map(html.unescape, re.findall('Target="([^"]*)" TargetMode="External"', links.decode())):
            assert not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\]", target), f"{path.name} links to {target}"


def test_every_form_went_through_every_output(desk: Desk) -> None:
    many = len(HOSTILE)
    assert len(workbooks(desk.out / "填")) == many + 1  # and the summary
    assert len(workbooks(desk.out / "发")) == many - 4  # five differ only by white space and width: one project
    assert len(workbooks(desk.out / "比")) == many
    assert len(list((desk.out / "信").rglob("回复.eml"))) == many
    assert len(workbooks(desk.out / "看" / "需修改")) + len(workbooks(desk.out / "看" / "已完成")) >= many - 4
    assert list((desk.out / "看" / "需修改").rglob("*.txt"))


def test_what_was_typed_is_still_there_as_text(desk: Desk) -> None:
    for number, text in enumerate(HOSTILE):
        stem = file_name(text, number).removesuffix(".xlsx")
        values = {value for _, kind, value in cells(desk.out / "填" / f"{stem}_评分表.xlsx") if kind == "s"}
        plain = " ".join(re.sub("_x00.._", "", text).split())[:2000]
        assert any(plain in " ".join(re.sub("_x00.._", "", str(value)).split()) for value in values), text


def test_no_field_of_any_csv_starts_a_formula(desk: Desk) -> None:
    found = list((desk.out / "汇总").glob("*.csv"))
    assert len(found) >= 4
    for path in found:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
        assert rows
        for value in (value for row in rows for value in row if not re.fullmatch(r"-?\d+(\.\d+)?", value)):
            assert value.lstrip()[:1] not in tuple("=+-@\uff1d\uff0b\uff0d\uff20"), value
            assert value[:1] not in tuple("\t\r\n"), value
            assert PRODUCT not in value


def test_json_is_json_and_holds_the_texts_unchanged(desk: Desk) -> None:
    for path in (desk.out / "fill.json", desk.out / "汇总" / "汇总.json"):
        text = path.read_text(encoding="utf-8")
        json.loads(text)
        assert PRODUCT not in text
    files = json.loads((desk.out / "fill.json").read_text(encoding="utf-8"))["files"]
    assert {"=CMD()", "{{ 7*191 }}", SCRIPT} <= {file["form"]["project"] for file in files}


def test_reasons_and_the_screen_get_no_control_characters(desk: Desk) -> None:
    for path in (*(desk.out / "看").rglob("*.txt"), *desk.out.glob("*.diff.txt")):
        text = path.read_text(encoding="utf-8-sig")
        assert not _CONTROLS.search(text), path
        assert PRODUCT not in text


class Tags(HTMLParser):
    """The names of all elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"@{name}" for name, _ in attrs)}


def test_a_reply_is_text_and_escaped_html_to_one_recipient(desk: Desk) -> None:
    for path in (desk.out / "信").rglob("回复.eml"):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        assert not message.defects
        assert set(message) <= {
            "From", "To", "Subject", "In-Reply-To", "References", "X-Unsent", "Auto-Submitted", "MIME-Version",
            "Content-Type",
        }  # fmt: skip
        old = email.message_from_bytes(path.read_bytes())  # the new parser falls over names such as ../x
        assert [address for _, address in getaddresses([old["To"]])] == ["zhangsan@bureau.example"]
        assert PRODUCT not in message["Subject"]
        plain, page = (message.get_body((kind,)) for kind in ("plain", "html"))
        assert plain is not None and page is not None
        for body in (plain.get_content(), page.get_content()):
            assert PRODUCT not in body and not _CONTROLS.search(body)
        tags = Tags()
        tags.feed(page.get_content())
        assert not tags.seen & {"script", "img", "a", "iframe", "@onerror", "@onload", "@src", "@href"}
        [attached] = message.iter_attachments()
        assert Path(str(attached.get_filename())).name == attached.get_filename()


def test_nothing_was_written_outside_the_output_folder(desk: Desk) -> None:
    assert sorted(path.name for path in desk.root.iterdir()) == ["信", "出", "原.xlsx", "名册.xlsx", "收"]
    above = [folder for folder in desk.root.parents if folder.name in ("一", "二")]
    assert [len(list(folder.iterdir())) for folder in above] == [1, 1]
    devices = {"con", "prn", "aux", "nul"}
    for path in (desk.out / "发").rglob("*"):
        assert not set(path.name) & set('<>:"|?*\\'), path
        assert path.stem.casefold() not in devices and not path.stem.startswith((".", "~"))
        assert not any(unicodedata.category(char) in ("Cc", "Cf") for char in path.name), path
    assert [path.name for path in desk.inbox.iterdir()] == [LOCK]  # the watch moved every original, none is lost
    assert len(workbooks(desk.out / "看" / "原件")) == len(HOSTILE)


# ---- a proposed pack -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_words_of_a_blank_form_stay_words_in_the_pack_made_of_it(text: str, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(filled(load_pack(PACK), {}, "")))
    sheet = book.worksheets[0]
    for row in sheet.iter_rows():
        for cell in row:
            if isinstance(cell.value, str) and cell.column == 1 and len(cell.value) > 3:
                cell.value = f"{cell.value}{text[:60]}" if cell.row % 2 else f"{text[:60]}{cell.value}"
                cell.data_type = "s"
    book.save(tmp_path / "空白.xlsx")
    done = CliRunner().invoke(
        program, ["packs", "new", str(tmp_path / "空白.xlsx"), "--id", "x-2026", "--out", str(tmp_path / "体系")]
    )
    assert done.exit_code in (ExitCode.DONE, ExitCode.FOUND_ERRORS, ExitCode.PACK), done.output
    assert "Traceback" not in done.output
    folder = tmp_path / "体系" / "x-2026"
    if folder.exists():
        assert tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8"))["id"] == "x-2026"
        for block in (folder / "narrative").glob("*.j2"):
            source = block.read_text(encoding="utf-8")
            code = [piece for _, kind, piece in Environment().lex(source) if kind not in ("comment", "data")]
            assert "191" not in code and "999999" not in code
    assert {path.name for path in tmp_path.iterdir()} <= {"空白.xlsx", "体系"}
