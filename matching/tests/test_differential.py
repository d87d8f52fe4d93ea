"""The book and the matching against the naive reference, message by message."""

import pytest

from matching.tests.reference import ReferenceBook
from matching.tests.streams import Message, seeds, stream
from matching.tests.venue import Venue
from tests.guarantees.sizes import size

STREAMS = size(10_000, 100_000, 300_000)


def send(venue: Venue, naive: ReferenceBook, number: int, message: Message) -> None:
    """Give both the same message; they must tell of the same fills and cancels."""
    kind, owner, is_buy, quantity, price, time_in_force, funds, pick = message
    if kind in ("limit", "market"):
        limit = price if kind == "limit" else None
        budget = funds if is_buy else None
        fills = venue.place(number, owner, is_buy, quantity, limit, time_in_force, funds=budget)
        told = naive.place(number, owner, is_buy, quantity, limit, time_in_force, funds=budget)
        assert (fills, venue.cancelled) == (told.fills, told.cancelled)
        return
    if not venue.open:
        return
    chosen = sorted(venue.open)[int(pick * len(venue.open))]
    if kind == "cancel":
        venue.cancel(chosen)
        naive.cancel(chosen)
    else:
        fills = venue.replace(chosen, quantity, price)
        told = naive.replace(chosen, quantity, price)
        assert (fills, venue.cancelled) == (told.fills, told.cancelled)


def compare(venue: Venue, naive: ReferenceBook) -> None:
    """The touch, every queue, and the sum of every level must be the same."""
    assert venue.touch() == naive.touch()
    assert not venue.book.is_crossed()
    for is_buy in (True, False):
        queue = naive.queue(is_buy=is_buy)
        assert venue.queue(is_buy=is_buy) == queue
        sums: dict[int | None, tuple[int, int]] = {}
        for price, _, rest in queue:
            quantity, orders = sums.get(price, (0, 0))
            sums[price] = quantity + rest, orders + 1
        depth = venue.book.depth(is_buy=is_buy, limit=99)
        assert depth == [(price, *level) for price, level in sums.items()]


@pytest.mark.timeout(3600)  # the long runs, on a busy machine
def test_random_streams_match_as_in_the_naive_book() -> None:
    for seed in seeds(STREAMS):
        prevention, messages = stream(seed)
        venue, naive = Venue(prevention), ReferenceBook(prevention)
        for number, message in enumerate(messages, start=1):
            try:
                send(venue, naive, number, message)
                compare(venue, naive)
            except Exception as error:
                raise AssertionError(f"seed {seed}, message {number}: {message}") from error
