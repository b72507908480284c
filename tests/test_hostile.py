"""No text of a stranger becomes more than a text: not a formula, markup, template, path or escape, in any output.

Every text of `tests.support.hostile.HOSTILE` stands in every field of a form; every command that writes anything is run
over these forms; then every file below the folder is read back, whatever command wrote it.
"""

from __future__ import annotations

import csv
import email
import email.policy
import io
import json
import re
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import getaddresses
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import openpyxl
import pytest
from click.testing import CliRunner
from jinja2 import Environment
from lxml import etree

from perfeval.assemble import blank_form
from perfeval.cli import program
from perfeval.files import safe_name
from perfeval.pack import load_pack
from perfeval.pipeline import layout_of
from perfeval.roster import same_name
from perfeval.workbook.sheetxml import looks_like_formula
from tests.support.hostile import COMPUTED, HARMLESS, HOSTILE, form, forms_into
from tests.support.mails import encoded_word, mail, text, workbook

PACK, SPLIT = "jiangmen-2024", "mof-split-2022"
M = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# Texts that a TOML file or a template might take amiss.
FOR_PACKS = ("命令", "引号", "模板", "标记", "信头", "未完", "注释", "循环", "规则", "长文", "平常")
# What our own formulas are made of: addresses, numbers, arithmetic, and these functions.
OWN_FORMULA = re.compile(r"(?:\$?[A-Z]{1,3}\$?[1-9]\d*|\d+(?:\.\d+)?|[-+*/(),:%]|ROUND|SUM|SUMPRODUCT|MIN|MAX)+")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command has been run over the hostile forms; what each printed is in `屏幕`."""
    desk = tmp_path_factory.mktemp("桌")
    inbox = desk / "交来"
    for everywhere in (True, False):
        forms_into(inbox, PACK, everywhere=everywhere)
        forms_into(desk / f"收件夹-{everywhere}", PACK, everywhere=everywhere)
    forms_into(inbox, SPLIT, everywhere=True)
    screen = desk / "屏幕"
    screen.mkdir()

    def run(*args: str | Path) -> None:
        done = CliRunner().invoke(program, [str(arg) for arg in args])
        assert done.exit_code in (0, 1, 3), (args, done.output)
        (screen / f"{len(list(screen.iterdir()))}.txt").write_bytes(done.stdout_bytes + done.stderr_bytes)

    roster = desk / "名册.csv"
    with roster.open("w", encoding="utf-8-sig", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["单位", "项目", "联系人", "电话", "邮箱"])
        rows.writerows([value, value, value, value, value] for value in HOSTILE.values())
    run("fill", inbox, "--out", desk / "结果", "--jobs", "1")
    for everywhere in (True, False):
        run("watch", desk / f"收件夹-{everywhere}", "--out", desk / f"收件-{everywhere}", "--once")
    for kind in ("xlsx", "csv", "json"):
        out = desk / f"汇总.{kind}"
        run("summary", desk / "收件-False" / "已完成", "--out", out, "--roster", roster, "--jobs", "1")
    run("new", "--roster", roster, "--pack", PACK, "--out", desk / "发放")
    plain = inbox / f"{PACK}-平常-半.xlsx"
    (desk / "信").mkdir()
    for key, value in HOSTILE.items():
        run("diff", plain, inbox / f"{PACK}-{key}-半.xlsx", "--out", desk / f"对照-{key}.xlsx")
        name = encoded_word(f"{value[:40]}.xlsx".encode(), "utf-8")
        attached = workbook(f'attachment; filename="{name}"', data=form(PACK, value, everywhere=False))
        subject = f"Subject: {' '.join(value.split())}"
        letter = mail(
            text(value),
            attached,
            subject=subject,
            sender=f"From: {encoded_word(value[:60].encode(), 'utf-8')} <zhangsan@bureau.example>",
            message_id=f"<{len(letters(desk))}@bureau.example>",
        )
        (desk / "信" / f"{key}.eml").write_bytes(letter)
    run("mail", desk / "信", "--out", desk / "邮件")
    for key in FOR_PACKS:
        blank = desk / f"空白-{key}.xlsx"
        blank.write_bytes(_blank(HOSTILE[key]))
        run("packs", "new", blank, "--id", f"p{FOR_PACKS.index(key)}", "--out", desk / "评分体系")
    return desk


def letters(desk: Path) -> list[Path]:
    return list((desk / "信").iterdir())


def _blank(value: str) -> bytes:
    """An official blank form whose title and criteria say `value`, as do its labels after their words."""
    layout = layout_of(load_pack(PACK))
    table = range(layout.header_top, layout.total_row + 20)  # the blank form has more rows
    book = openpyxl.load_workbook(io.BytesIO(blank_form(layout, {"project": "X"})))
    sheet = book.worksheets[0]
    for row in sheet.iter_rows():
        for cell in row:
            words = re.sub("[\x00-\x08\x0b-\x1f]", " ", value)
            if isinstance(cell.value, str) and (cell.coordinate == "A1" or len(cell.value) > 60):
                cell.value = words
                cell.data_type = "s"
            elif isinstance(cell.value, str) and cell.column == 1 and cell.row not in table:
                cell.value += words[:60]
                cell.data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def written(desk: Path, suffix: str) -> list[Path]:
    """The files of a kind that the program wrote."""
    given = {desk / name for name in ("交来", "收件夹-True", "收件夹-False", "信", "屏幕", "名册.csv")}
    found = [
        path
        for path in sorted(desk.rglob(f"*{suffix}"))
        if given.isdisjoint((path, *path.parents)) and "原件" not in path.parts and not path.name.startswith("空白-")
    ]
    assert found, suffix
    return found


class Cell(NamedTuple):
    """A cell as any program finds it in the file."""

    place: str
    formula: str | None
    text: str
    is_text: bool  # also when somebody types Enter in it: a quotation mark stands before it, or its format is Text


def cells(path: Path) -> Iterator[Cell]:
    with zipfile.ZipFile(path) as archive:
        formats = etree.fromstring(archive.read("xl/styles.xml")).find(f"{M}cellXfs")
        assert formats is not None
        texts = [xf.get("quotePrefix") == "1" or xf.get("numFmtId") == "49" for xf in formats]
        shared = []
        if "xl/sharedStrings.xml" in archive.namelist():
            shared = ["".join(entry.itertext()) for entry in etree.fromstring(archive.read("xl/sharedStrings.xml"))]
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/sheet"):
                continue
            for cell in etree.fromstring(archive.read(name)).iter(f"{M}c"):
                formula = cell.find(f"{M}f")
                value = cell.findtext(f"{M}v") or "0"
                kind = cell.get("t")
                yield Cell(
                    f"{path.name} {name} {cell.get('r')}",
                    None if formula is None else formula.text or "",
                    shared[int(value)] if kind == "s" else "".join(cell.itertext()) if kind == "inlineStr" else "",
                    texts[int(cell.get("s", "0"))],
                )


def test_no_cell_of_a_workbook_is_a_formula_of_theirs(desk: Path) -> None:
    seen = 0
    for path in written(desk, ".xlsx"):
        for cell in cells(path):
            if cell.formula is not None:
                assert OWN_FORMULA.fullmatch(cell.formula), cell
            elif looks_like_formula(cell.text):
                seen += 1
                assert cell.is_text or path.name == "form.xlsx", cell  # the form of a pack is the author's, as it was
    assert seen > 2000


def test_every_form_went_through_every_output(desk: Path) -> None:
    every = len(HOSTILE)
    assert len(written(desk / "结果", "_评分表.xlsx")) == 3 * every
    assert len(written(desk / "邮件", "回复.eml")) == every
    for everywhere in (True, False):
        folder = desk / f"收件-{everywhere}"
        assert len(list((folder / "原件").rglob("*.xlsx"))) == every  # each is kept, and none is left where it was
        assert not list((desk / f"收件夹-{everywhere}").rglob("*.xlsx"))
        # Those that differ in blanks only are versions of one form.
        assert len(written(folder, ".xlsx")) >= len(set(map(solid, HOSTILE.values())))


def test_what_was_typed_is_still_there_as_text(desk: Path) -> None:
    for key, value in HOSTILE.items():
        shown = {solid(cell.text) for cell in cells(desk / "结果" / f"{PACK}-{key}-半_评分表.xlsx")}
        assert any(solid(value)[:300] in text for text in shown), key


def solid(text: str) -> str:
    """A text without blanks and what no cell can hold."""
    return "".join(re.sub("_x00[0-9A-F]{2}_|[\x00-\x1f]", "", text).split())


def test_a_hostile_form_has_the_formulas_of_a_harmless_one(desk: Path) -> None:
    for end in (f"{PACK}-{{}}-半", f"{SPLIT}-{{}}-全"):
        found = {
            key: [
                re.sub(r"(?<=[A-Z])\d+", "", cell.formula)  # a long text takes more rows
                for cell in cells(desk / "结果" / f"{end.format(key)}_评分表.xlsx")
                if cell.formula is not None
            ]
            for key in HOSTILE
        }
        assert found["平常"]
        assert [key for key, formulas in found.items() if formulas != found["平常"]] == []


def test_workbooks_lead_nowhere(desk: Path) -> None:
    """No link to the outside, no connection, no part of theirs that was not in the file they sent."""
    outward = re.compile(rb'Target="(?:https?|ftp|file|mailto|cmd|//|\\\\)', re.I)
    for path in written(desk, ".xlsx"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                assert not re.search(r"externalLink|connections|queryTable|vba|activeX|embeddings", name), (path, name)
                data = archive.read(name)
                if name.endswith(".rels"):
                    assert not outward.search(data), (path, name)
                assert b"<script" not in data


def test_no_cell_of_a_csv_file_starts_a_formula(desk: Path) -> None:
    checked = 0
    for path in written(desk, ".csv"):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.reader(stream):
                for value in row:
                    checked += 1
                    # A number of ours may be negative; a text may not begin so.
                    assert not looks_like_formula(value) or re.fullmatch(r"-?\d+(\.\d+)?", value), (path.name, value)
    assert checked > 1000


def test_json_is_json(desk: Path) -> None:
    document = json.loads((desk / "汇总.json").read_text(encoding="utf-8"))
    assert any(HOSTILE["链接"] in str(value) for value in document["forms"])


def test_nothing_is_computed_from_their_templates(desk: Path) -> None:
    for path in written(desk, ".xlsx"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                assert COMPUTED.encode() not in archive.read(name), (path, name)
    for path in (*written(desk, ".txt"), *written(desk, ".eml"), *(desk / "屏幕").iterdir()):
        assert COMPUTED not in path.read_text(encoding="utf-8"), path
    assert "subprocess.Popen" not in "".join(p.read_text(encoding="utf-8") for p in (desk / "屏幕").iterdir())


class _Tags(HTMLParser):
    """The elements of a page with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, tuple[str, ...]]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, tuple(sorted(name for name, _ in attrs))))


def drafts(desk: Path) -> Iterator[tuple[EmailMessage, list[str]]]:
    """Each draft with the addresses it goes to, which the old parser reads: the new one falls over a name as ../x."""
    for path in written(desk, "回复.eml"):
        data = path.read_bytes()
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        assert not message.defects
        yield message, [address for _, address in getaddresses([email.message_from_bytes(data)["To"]])]


def test_a_draft_has_no_header_and_no_element_of_theirs(desk: Path) -> None:
    own: set[tuple[str, tuple[str, ...]]] = set()
    pages = []
    for message, recipients in drafts(desk):
        assert set(map(str.lower, message.keys())) <= {
            "from", "to", "subject", "in-reply-to", "references", "x-unsent", "auto-submitted", "mime-version",
            "content-type",
        }  # fmt: skip
        assert recipients == ["zhangsan@bureau.example"]
        html, plain = (message.get_body((kind,)) for kind in ("html", "plain"))
        assert html is not None
        assert plain is not None
        tags = _Tags()
        tags.feed(html.get_content())
        pages.append(tags.found)
        for shown in (plain.get_content(), html.get_content(), str(message["subject"])):
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", shown)
        if HARMLESS in str(message["subject"]):
            own |= tags.found
    assert len(pages) == len(HOSTILE)
    assert own
    for found in pages:
        assert found <= own, found - own
    assert not {name for _, names in own for name in names} - {"lang", "charset", "style"}


def test_every_file_lies_where_it_should_under_a_name_every_system_takes(desk: Path) -> None:
    """Units and projects become names of files, of messages and of folders; none of them is a path."""
    assert not (desk.parent / "evil").exists()
    assert {path.name for path in desk.iterdir()} == {
        "交来", "屏幕", "结果", "名册.csv", "发放", "评分体系", "信", "邮件",
        *(path.name for path in desk.glob("汇总*")), *(path.name for path in desk.glob("空白*")),
        *(f"{word}-{everywhere}" for word in ("收件夹", "收件") for everywhere in (True, False)),
        *(f"对照-{key}.xlsx" for key in HOSTILE),
    }  # fmt: skip
    for path in desk.rglob("*"):
        if not path.name.startswith(".perfeval"):
            assert safe_name(path.name, limit=255) == path.name
    assert len(list((desk / "发放").iterdir())) == len({same_name(value) for value in HOSTILE.values()})
    assert not [path for path in desk.rglob("-*") if path.parent.name == "发放"], (
        "a command line takes it for an option"
    )


def test_texts_beside_workbooks_and_the_screen_hold_no_controls(desk: Path) -> None:
    for path in (*written(desk, ".txt"), *(desk / "屏幕").iterdir()):
        shown = path.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", shown), path


def test_a_proposed_pack_is_data(desk: Path) -> None:
    """A hostile blank form makes no rule, no template and no second key of its words."""
    rules, said = proposed(desk, "平常")
    starting = 0
    for key in FOR_PACKS:
        theirs, pieces = proposed(desk, key)
        assert theirs.keys() == rules.keys(), key
        assert pieces <= said, key
        starting += bool(pieces)  # a heading that is more than a heading gets no text to start from
    assert starting > 3


def proposed(desk: Path, key: str) -> tuple[dict[str, object], set[str]]:
    """The rules made of a blank form, and the pieces that Jinja takes its text blocks to be made of, comments apart."""
    folder = desk / "评分体系" / f"p{FOR_PACKS.index(key)}"
    blocks = [block.read_text(encoding="utf-8") for block in folder.glob("narrative/*.j2")]
    lexed = [token for block in blocks for token in Environment().lex(block)]
    pieces = {piece for _, kind, piece in lexed if kind != "comment"}
    return tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8")), pieces
