"""The settings of the server that is measured: the application's own, and two addresses more (benchmarks/urls.py)."""

from sessioncontracts.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
