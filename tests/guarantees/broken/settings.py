"""The server's own settings, and an app that breaks it on purpose. For tests of the tests only."""

from sessioncontracts.settings import *  # noqa: F403
from sessioncontracts.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.guarantees.broken.apps.Broken"]
