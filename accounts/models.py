"""Users. Names and addresses of people live here and nowhere in the ledger."""

import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models


def new_uid() -> str:
    """An opaque id: what the ledger knows of a person."""
    return secrets.token_hex(8)


class User(AbstractUser):
    """A person or a bot. `uid` stands in events; everything else here can be changed or forgotten."""

    uid = models.CharField(max_length=16, unique=True, default=new_uid, editable=False)
    is_organiser = models.BooleanField(default=False, help_text="May open sessions and run their own.")
