"""Session contracts: markets on a fixed, fully funded basket."""

from django.apps import AppConfig


class MarketsConfig(AppConfig):
    name = "markets"

    def ready(self) -> None:
        """Make sessions known to the ledger, and to accounts, whose keys may open one session only."""
        from accounts import keys
        from ledger import registry
        from markets import queries
        from markets.domain import SESSIONS

        registry.register(SESSIONS)
        keys.find_session = queries.stream_named
