"""What tests do inside a stack's own settings: `python -m tests.stack.people keys NAME...` or `... story URL`."""

import json
import os
import sys
from collections.abc import Sequence

import django

ORGANISER = "organiser"


def keys_of(names: Sequence[str]) -> dict[str, str]:
    """Accounts with an API key each."""
    from accounts import keys
    from accounts.facade import User, actor_named

    issued = {}
    for name in names:
        actor_named(name, organiser=name == ORGANISER)
        scopes = ["read", "trade", "organise"] if name == ORGANISER else ["read", "trade"]
        issued[name] = keys.issue(User.objects.get(username=name), name="test", scopes=scopes)[1]
    return issued


def story(url: str) -> dict[str, bool]:
    """The demo's whole session, played at `url`: claim → whether it holds."""
    from contextlib import ExitStack

    from rich.console import Console
    from session_contracts_client import Client

    from markets.management import cast
    from markets.management.commands.demo import _PRICES
    from markets.management.story import ROLES, Story, load

    with ExitStack() as ends:
        members = ends.enter_context(cast.enlisted(ROLES, with_passwords=False))
        clients = {role: ends.enter_context(Client(url, member.key)) for role, member in members.items()}
        return dict(Story(clients, load(_PRICES), Console(stderr=True)).play())


if __name__ == "__main__":
    sys.path.append("clients/python")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessioncontracts.settings")
    django.setup()
    from ledger.runtime import runtime

    found = keys_of(sys.argv[2:]) if sys.argv[1] == "keys" else story(sys.argv[2])
    runtime.stop()
    sys.stdout.write(json.dumps(found))
