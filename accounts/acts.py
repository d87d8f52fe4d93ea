"""What accounts wants on record. Who keeps the record says so when Django is ready: accounts knows no ledger."""

from collections.abc import Callable
from typing import Any


def _nobody(act: str, actor: Any, **about: Any) -> None:
    raise RuntimeError("Nobody keeps a record of acts: accounts.acts.record was not set.")


record: Callable[..., Any] = _nobody
"""As ledger.platform.record_act."""
