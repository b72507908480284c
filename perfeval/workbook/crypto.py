"""Workbooks with a password: opened when the password is known and msoffcrypto-tool is installed."""

from __future__ import annotations

import io

from perfeval.patterns import lazy_pattern
from perfeval.workbook.compound import Compound
from perfeval.workbook.guard import BadWorkbook

__all__ = ["decrypted"]

# Excel itself encrypts workbooks whose structure is protected with this word and opens them without asking.
_DEFAULT_PASSWORD = "VelvetSweatshop"  # noqa: S105 – published by Microsoft, protects nothing
_ROUNDS = lazy_pattern(rb'spinCount="([0-9]+)"')
_MOST_ROUNDS = 1_000_000  # office programs use 100,000; a hostile file asks for hours


def decrypted(data: bytes, container: Compound, password: str | None) -> bytes:
    """The same workbook without encryption; BadWorkbook when the password is missing or wrong."""
    try:
        import msoffcrypto
        from msoffcrypto.exceptions import InvalidKeyError
    except ImportError:
        raise BadWorkbook("TPL013" if password else "TPL004") from None
    if "EncryptionInfo" in container:
        rounds = _ROUNDS.findall(container.stream("EncryptionInfo"))
        if any(len(count) > 7 or int(count) > _MOST_ROUNDS for count in rounds):
            raise BadWorkbook("TPL003")
    target = io.BytesIO()
    try:
        file = msoffcrypto.OfficeFile(io.BytesIO(data))
        file.load_key(password=password or _DEFAULT_PASSWORD)
        file.decrypt(target)
    except InvalidKeyError:
        raise BadWorkbook("TPL005" if password else "TPL004") from None
    except Exception:
        raise BadWorkbook("TPL003") from None
    return target.getvalue()
