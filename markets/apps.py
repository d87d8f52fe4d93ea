"""Session contracts: markets on a fixed, fully funded basket."""

from django.apps import AppConfig


class MarketsConfig(AppConfig):
    name = "markets"

    def ready(self) -> None:
        """Make sessions known to the ledger, and to accounts; and the ledger to accounts, whose acts it keeps."""
        from accounts import acts, keys
        from ledger import platform, registry
        from markets import queries
        from markets.domain import SESSIONS

        registry.register(SESSIONS)
        acts.record = platform.record_act
        keys.find_session = queries.stream_named
