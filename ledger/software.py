"""Which version of the software this is: what backups and bundles say of their maker."""

import tomllib
from functools import cache
from pathlib import Path


@cache
def version() -> str:
    """The version in pyproject.toml."""
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    return str(project["project"]["version"])
