"""What things in a session may be called: checked when they are named, and by `audit` in histories from elsewhere."""

import re

from markets.engine.state import CASH, TREASURY

RESERVED = frozenset({TREASURY.casefold(), CASH.casefold()})
_SESSION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LEG = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-](?:[A-Za-z0-9._ -]{0,30}[A-Za-z0-9._-])?")
_HANDLE = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,32}")
_FOLDERS = {".", ".."}
"""An address reads these as folders: nobody could open such a session's page, or a participant's."""


def is_session_id(text: str) -> bool:
    return bool(_SESSION_ID.fullmatch(text)) and text not in _FOLDERS


def is_leg(text: str) -> bool:
    return bool(_LEG.fullmatch(text)) and text.casefold() not in RESERVED


def is_handle(text: str) -> bool:
    """Whether it is made like one; it may still be reserved."""
    return bool(_HANDLE.fullmatch(text))
