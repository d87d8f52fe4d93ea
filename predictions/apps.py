"""Event markets: YES or NO on a question, on the same ledger as the sessions."""

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    name = "predictions"

    def ready(self) -> None:
        """Make exchanges known to the ledger."""
        from ledger import registry
        from predictions.domain import EXCHANGES

        registry.register(EXCHANGES)
