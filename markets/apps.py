"""Session contracts: markets on a fixed, fully funded basket."""

from django.apps import AppConfig


class MarketsConfig(AppConfig):
    name = "markets"

    def ready(self) -> None:
        """Make sessions known to the ledger."""
        from ledger import registry
        from markets.domain import SESSIONS

        registry.register(SESSIONS)
