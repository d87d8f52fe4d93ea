"""The refusals whose code is made of a market's status have one in HTTP."""

from predictions.engine.decide.access import LEGAL
from sessioncontracts import api_errors

STATUSES = {"open", "closed", "proposed", "challenged", "resolved"}


def test_every_status_that_refuses_has_a_code() -> None:
    refused = {status for allowed in LEGAL.values() for status in STATUSES - allowed}
    assert {f"market_{status}" for status in refused} <= api_errors.STATUS.keys()
