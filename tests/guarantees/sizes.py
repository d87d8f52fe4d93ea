"""How much is done: by default, with `bin/test --full` (FULL=1), with `--soak` (SOAK=1). And the seed of chance."""

import os
import random
import secrets

import pytest
from django.db import connection

SOAK = os.environ.get("SOAK") == "1"
FULL = SOAK or os.environ.get("FULL") == "1"
BREAKS = pytest.mark.skipif(
    connection.vendor != "sqlite" and not FULL, reason="the harness is the same on both databases: FULL=1"
)
"""For the test of a broken build: the harness must notice."""


def size(default: int, full: int, soak: int) -> int:
    """The count of this run."""
    return soak if SOAK else full if FULL else default


def chance() -> tuple[int, random.Random]:
    """(seed, generator): SEED repeats a run's draws."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    return seed, random.Random(seed)
