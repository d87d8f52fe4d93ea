"""Random streams of messages in a narrow band of prices, where levels empty, refill and cross all the time."""

import random
from typing import NamedTuple

from matching.match import SelfTradePrevention
from tests.guarantees.sizes import FULL, chance

PREVENTIONS: tuple[SelfTradePrevention, ...] = ("cancel_newest", "cancel_oldest", "cancel_both")


class Message(NamedTuple):
    """What somebody sends. `pick` in [0, 1) chooses among the orders that are open when it arrives."""

    kind: str
    owner: str
    is_buy: bool
    quantity: int
    price: int
    time_in_force: str
    funds: int | None
    pick: float


def seeds(count: int) -> range:
    """`count` seeds: by default fixed ones, in longer runs from a start that is printed."""
    start = chance()[0] if FULL else 0
    print(f"seeds from {start}")  # noqa: T201  pytest shows it when the test fails
    return range(start, start + count)


def stream(seed: int) -> tuple[SelfTradePrevention, list[Message]]:
    """A self-trade mode and 12 to 40 messages: five prices, two to four owners, sizes from 1 to 9."""
    chance = random.Random(seed)
    owners = "abcd"[: chance.randint(2, 4)]
    return PREVENTIONS[seed % 3], [_message(chance, owners) for _ in range(chance.randint(12, 40))]


def _message(chance: random.Random, owners: str) -> Message:
    kind = chance.choices(("limit", "market", "cancel", "replace"), (60, 10, 15, 15))[0]
    time_in_force = chance.choices(("gtc", "ioc", "fok"), (70, 15, 15))[0] if kind == "limit" else "gtc"
    return Message(
        kind,
        chance.choice(owners),
        chance.random() < 0.5,
        chance.randint(1, 9),
        chance.randint(98, 102),
        time_in_force,
        chance.randint(0, 2_000) if kind == "market" and chance.random() < 0.5 else None,
        chance.random(),
    )
