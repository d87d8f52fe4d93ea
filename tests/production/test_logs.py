"""No line of the log carries a secret, and lines without one are left alone."""

import logging

import pytest

from sessioncontracts.logs import WithoutSecrets, redacted

CANARY = "canary0123456789canary0123456789"


@pytest.mark.parametrize(
    "line",
    [
        f"cannot connect to postgresql://market:{CANARY}@db:5432/market",
        f"redis://:{CANARY}@cache:6379/0 is away",
        f"Authorization: Bearer sm_12345678_{CANARY}",
        f"{{'authorization': 'Bearer {CANARY}'}}",
        f"headers [(b'authorization', b'Bearer {CANARY}')]",
        f"password={CANARY}&username=alice",
        f"{{'password1': '{CANARY}', 'username': 'alice'}}",
        f'{{"csrfmiddlewaretoken": "{CANARY}"}}',
        f"Cookie: sessionid={CANARY}; csrftoken={CANARY}",
        f"the key sm_12345678_{CANARY} was used",
        f"SM_SECRET_KEY={CANARY}",
        f"secret_key = '{CANARY}'",
        f"api_key: {CANARY}",
    ],
)
def test_what_looks_like_a_secret_is_blotted_out(line: str) -> None:
    assert CANARY not in redacted(line)


@pytest.mark.parametrize(
    "line",
    [
        "session tuesday-1 waits for its settlement: there is no tick",
        "127.0.0.1:5000 GET /api/v1/sessions 200 0.01",
        "postgresql://db:5432/market does not answer",
        "the token bucket is empty",
        "sm_shopping_list",
    ],
)
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert redacted(line) == line


def test_tracebacks_are_blotted_out_too() -> None:
    error = RuntimeError(f"postgresql://market:{CANARY}@db/market")
    told = {"msg": "failed: %s", "args": (error,), "exc_info": (type(error), error, None)}
    record = logging.makeLogRecord(told)
    shown = WithoutSecrets("%(message)s").format(record)
    assert "RuntimeError" in shown
    assert CANARY not in shown
