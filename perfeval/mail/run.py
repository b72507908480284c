"""A run over message files: opened in order, answered one by one, and what it all comes to at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from perfeval.errors import PathError
from perfeval.findings import Finding
from perfeval.ledger import open_ledger, options_key
from perfeval.mail.answer import MailResult, Settings, Workshop
from perfeval.mail.register import Register
from perfeval.mail.sources import Source, find, load
from perfeval.mail.versions import Versions

__all__ = ["Session", "answer_files", "session"]


_MOST_VERSIONS = 10  # named one by one


class Session:
    """What a run has open."""

    def __init__(self, settings: Settings, register: Register, versions: Versions) -> None:
        self.settings = settings
        self.register = register
        self.versions = versions
        self.workshop = Workshop(settings, register, versions)

    def remarks(self) -> tuple[Finding, ...]:
        """What is to be said about the run as a whole: which of several versions of a form counts that just came in."""
        said = []
        for family in self.versions.families():
            counting = [one for one in family if one.newer is None]
            others = list(dict.fromkeys(_place(one.entry.path) for one in family if one.newer is not None))
            if not counting or not others:
                continue
            form = counting[0].form
            params = {
                "form": "、".join(filter(None, (form.unit.strip(), form.project.strip()))) or form.sheet,
                "count": str(len({one.entry.path for one in family})),
                "newest": _place(counting[0].entry.path),
                "others": "、".join(others[:_MOST_VERSIONS]) + ("等" if len(others) > _MOST_VERSIONS else ""),
            }
            said.append(Finding("EML012", params=params))
        return tuple(said)


@contextlib.contextmanager
def session(settings: Settings) -> Iterator[Session]:
    """Open the register and the ledger of the output folder."""
    with Register(settings.out) as register:
        ledger, findings = open_ledger(settings.out, durable=True)
        if ledger is None:
            raise PathError("".join(f"{finding.message}{finding.fix}" for finding in findings))
        try:
            versions = Versions(ledger, options_key(settings.options), register.untrusted_folders())
            yield Session(settings, register, versions)
        finally:
            ledger.close()


def answer_files(paths: Sequence[Path], opened: Session) -> tuple[int, Iterator[MailResult]]:
    """How many messages `paths` hold, and their results, oldest message first."""
    sources = find(paths, opened.settings.limits)
    return len(sources), (_one(source, opened) for source in sources)


def _one(source: Source, opened: Session) -> MailResult:
    message = load(source, opened.settings.limits)
    if isinstance(message, Finding):
        return MailResult(source.label, findings=(message,), settled=False)
    return opened.workshop.answer(message, source.label)


def _place(path: str) -> str:
    """The folder of the message and the name of the workbook: what finds it again."""
    parts = path.replace("\\", "/").split("/")
    return "/".join((*parts[-3:-2], parts[-1]))
