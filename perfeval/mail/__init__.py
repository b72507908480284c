"""Mail (邮件往来): workbooks that come as attachments go back finished, with a letter that says what to do.

Nothing here trusts what a message says about itself: names, sizes, nesting and senders are checked before use. Nothing
is ever sent unless the caller asks for it, and then only to senders whom the receiving server vouches for.
"""

from __future__ import annotations

from perfeval.mail.answer import MailResult, Settings
from perfeval.mail.limits import LIMITS, Limits
from perfeval.mail.run import answer_files, session
from perfeval.mail.trust import Policy

__all__ = ["LIMITS", "Limits", "MailResult", "Policy", "Settings", "answer_files", "session"]
