"""Requests generated from the OpenAPI description: no 5xx, every error in the documented shape.

300 in bin/test, 2,000 with FULL=1.
"""

import os
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance

from ledger.verify import verify_all
from markets.api.tests.conftest import Caller

REQUESTS = 2_000 if os.environ.get("FULL") == "1" else 300
IDS = ("session_id", "order_id", "rfq_id", "quote_id", "trade_id", "feed_id", "key_id", "handle", "asset")


@pytest.fixture
def known(organiser: Caller, alice: Caller, bob: Caller) -> dict[str, Any]:
    """Ids that there are: generated ones would all be a 404."""
    sold = alice.post("sessions/demo/orders", {"asset": "AAPL", "side": "sell", "quantity": 9, "price": 10}).json()
    bob.post("sessions/demo/orders", {"asset": "AAPL", "side": "buy", "quantity": 1, "price": 10})
    asked = alice.post("sessions/demo/rfq", {"leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 1}).json()
    quoted = bob.post(f"rfq/{asked['rfq_id']}/quote", {"rate": 1}).json()
    organiser.post("sessions/demo/prices", {"prices": {"AAPL": 1, "NVDA": 1, "META": 1, "ORCL": 1}})
    return {
        "session_id": "demo",
        "order_id": sold["order_id"],
        "rfq_id": asked["rfq_id"],
        "quote_id": quoted["quote_id"],
        "trade_id": alice.get("sessions/demo/trades").json()["results"][0]["trade_id"],
        "feed_id": organiser.get("feeds").json()["results"][0]["feed_id"],
        "key_id": 10**9,
        "handle": "alice",
        "asset": "AAPL",
    }


@pytest.mark.filterwarnings("default")
def test_no_generated_request_breaks_anything(organiser: Caller, known: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/schema", get_wsgi_application())
    operations: list[Any] = [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]
    assert len(operations) > 45
    cases: st.SearchStrategy[Any] = st.one_of(
        [
            operation.as_strategy(generation_mode=mode)
            for operation in operations
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        ]
    )
    seen: dict[int, int] = {}
    own = organiser.get("keys").json()["results"][0]["key_id"]

    @given(case=cases, use_known=st.booleans())
    @settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any, use_known: bool) -> None:
        if use_known:
            for name in (case.path_parameters or {}).keys() & known.keys():
                case.path_parameters[name] = known[name]
        if "key_id" in (case.path_parameters or {}) and case.path_parameters["key_id"] in {own, str(own)}:
            return  # it would revoke the key that all of these come with
        response = case.call(headers={"Authorization": f"Bearer {organiser.secret}"})
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
        if response.status_code >= 400:
            body = response.json()
            assert body["status"] == response.status_code
            assert {"type", "title", "detail", "code", "errors"} <= body.keys()

    run()
    assert sum(seen.values()) >= REQUESTS * 0.9
    assert any(status < 300 for status in seen), seen
    assert list(verify_all()) == []
