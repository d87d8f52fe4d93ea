"""What other apps may ask of markets: commands go in through handlers, plain dataclasses come out of queries."""

from markets.handlers.orders import bulk_orders, cancel_order, place_order, replace_order
from markets.queries import allocations, book, session, sessions

__all__ = [
    "allocations",
    "book",
    "bulk_orders",
    "cancel_order",
    "place_order",
    "replace_order",
    "session",
    "sessions",
]
