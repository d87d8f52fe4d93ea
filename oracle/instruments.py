"""What a list of instruments may be. No Django."""

import re
from collections.abc import Sequence

from common.errors import InvalidInput

MAX_INSTRUMENTS = 64
_NAME = re.compile(r"[A-Za-z0-9._-](?:[A-Za-z0-9._ -]{0,30}[A-Za-z0-9._-])?")


def check_instruments(names: Sequence[object], *, field: str) -> tuple[str, ...]:
    """The names as a tuple, in their order.

    Raises InvalidInput naming `field` on none, more than MAX_INSTRUMENTS, a malformed or reserved name, or
    one that appears twice.
    """
    if isinstance(names, str) or not names:
        raise InvalidInput(field, "A list of at least one instrument is needed.")
    if len(names) > MAX_INSTRUMENTS:
        raise InvalidInput(field, f"At most {MAX_INSTRUMENTS} instruments are allowed, not {len(names)}.")
    checked: list[str] = []
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidInput(
                field,
                f"{str(name)[:40]!r} is not an instrument's name: 1 to 32 letters, digits, '.', '-', '_', "
                "spaces inside.",
            )
        if name == "CASH":
            raise InvalidInput(field, "CASH is the numeraire; it has no price of its own.")
        if name in checked:
            raise InvalidInput(field, f"The instrument {name} appears twice.")
        checked.append(name)
    return tuple(checked)
