#!/usr/bin/env python
"""Django's command line."""

import os
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent / "clients/python"))  # the demo plays through the Python client
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessioncontracts.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Settings: {error}")
    except (OperationalError, ProgrammingError) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"The database does not answer as it should: {error}. If it is new, run: manage.py migrate")
