"""G16: no float and no overflow in money. A number that is sent is taken exactly as it stands, or refused by name."""

import json
import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from ledger.verify import verify_all
from markets.api.tests.conftest import SESSION, Caller, Hire
from tests.guarantees.sizes import ONCE, chance, size

NUMBERS = size(150, 3_000, 20_000)
pytestmark = [ONCE, pytest.mark.usefixtures("ledger"), pytest.mark.timeout(240 + NUMBERS)]
HOSTILE = (
    "NaN", "Infinity", "-Infinity", "1e308", "1e400", "-1e400", "1e-400", "1e99999999999999999999",
    str(2**63), str(2**63 - 1), str(-(2**63)), "9" * 40, "1" * 5000, "-0", "0", "0.00001", "1.00000000000000000001",
)  # fmt: skip
NONSENSE = (
    "",
    " ",
    "٣",
    "１２",
    "½",
    "1_000",
    "1,5",
    "0x10",
    "--1",
    "+",
    "1e",
    ".",
    "1 000",
    "sNaN",
    "1\u00a0",
    "true",
)
STRUCTURES = ("true", "false", "null", "[]", "{}", "[1]", '{"a":1}')
DOORS: dict[str, tuple[str, dict[str, Any]]] = {
    "quantity": ("sessions/demo/orders", {"asset": "AAPL", "side": "sell", "price": 10}),
    "price": ("sessions/demo/orders", {"asset": "AAPL", "side": "sell", "quantity": 1}),
    "amount_from": ("sessions/demo/rfq", {"leg_from": "AAPL", "leg_to": "NVDA"}),
}
"""Field → where it is sent, and what else belongs there."""


def raw(dice: random.Random) -> str:
    """A piece of JSON to stand where a number belongs: a plain one, a hostile one, a text, something else."""
    digits = "".join(dice.choices("123456789", k=dice.choice((1, 1, 2, 3, 6, 12, 19))))
    places = "".join(dice.choices("0123456789", k=dice.choice((1, 2, 4, 4, 5, 9))))
    plain = dice.choice(
        (digits, f"{digits}.{places}", f"0.{places}", f"{digits}e{dice.randrange(-8, 8)}", f"-{digits}")
    )
    kind = dice.choices(
        ("plain", "text", "hostile", "hostile text", "nonsense", "structure"), (30, 30, 10, 10, 10, 10)
    )[0]
    quoted = {"text": plain, "hostile text": dice.choice(HOSTILE), "nonsense": dice.choice(NONSENSE)}
    bare = {"plain": plain, "hostile": dice.choice(HOSTILE), "structure": dice.choice(STRUCTURES)}
    return json.dumps(quoted[kind]) if kind in quoted else bare[kind]


def exact(piece: str) -> Decimal | None:
    """The number that was written, if it is one."""
    try:
        return Decimal(piece.strip('"'))
    except InvalidOperation:
        return None


def test_every_number_is_exact_or_refused_by_name(
    organiser: Caller, hire: Hire, tell: Callable[[str], None], settings: Any
) -> None:
    settings.ORDERS_PER_SECOND = 0
    seed, dice = chance()
    organiser.post("sessions", {**SESSION, "q": [10**9] * 4})
    alice = hire("alice")
    alice.post("sessions/demo/participants", {"participant_id": "alice"})
    organiser.post("sessions/demo/allocations")
    told = Counter[int]()
    for _ in range(NUMBERS):
        field, piece = dice.choice(list(DOORS)), raw(dice)
        path, rest = DOORS[field]
        body = json.dumps({"participant_id": "alice", **rest})[:-1] + f', "{field}": {piece}}}'
        answer = alice.post(path, body.encode())
        told[answer.status_code] += 1
        case = f"{field} {piece[:80]}, seed {seed}: {answer.status_code} {answer.content[:300]!r}"
        assert answer.status_code in {201, 400, 422}, case
        said = answer.json()
        if answer.status_code == 201:
            assert Decimal(said[field]) == exact(piece), case
            gone = f"rfq/{said['rfq_id']}" if field == "amount_from" else f"orders/{said['order_id']}"
            assert alice.delete(gone).status_code == 200
        else:
            assert said["errors"][0]["field"] in {field, "quantity"}, case
    assert list(verify_all()) == []
    tell(f"{NUMBERS} numbers, {told[201]} taken exactly, {told[400]} and {told[422]} refused by name, seed {seed}")
    assert min(told[201], told[400]) > NUMBERS / 10
