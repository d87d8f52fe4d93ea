"""How much is done: by default, with `bin/test --full` (FULL=1), with `--soak` (SOAK=1). And the seed of chance."""

import os
import random
import secrets

import pytest
from django.db import connection

SOAK = os.environ.get("SOAK") == "1"
FULL = SOAK or os.environ.get("FULL") == "1"
ONCE = pytest.mark.skipif(connection.vendor != "sqlite" and not FULL, reason="the same on both databases: FULL=1")
"""For what does not depend on the database: tests of broken builds, which the harness must notice, among them."""


def size(default: int, full: int, soak: int) -> int:
    """The count of this run."""
    return soak if SOAK else full if FULL else default


def chance() -> tuple[int, random.Random]:
    """(seed, generator): SEED repeats a run's draws."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    return seed, random.Random(seed)
