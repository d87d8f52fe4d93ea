"""The ledger: streams of immutable events, and the one way to append to them."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self) -> None:
        """Register the ledger's own domain and its system checks."""
        from ledger import append_only, durability, platform, registry

        registry.register(platform.PLATFORM)
        append_only.register_check()
        durability.register_check()
