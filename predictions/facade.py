"""What other apps may ask of event markets: commands go in by handlers, rows and dataclasses come out."""

from predictions.handlers.agents import register, set_mode, set_role, transfer
from predictions.handlers.exchanges import advance_exchange, create_exchange, find
from predictions.handlers.markets import create_market, open_house, resolve_market
from predictions.handlers.orders import approve_order, bulk_orders, cancel_order, place_order, replace_order
from predictions.queries import agent, agents, book, exchange, exchanges, market, markets, positions, trades
from predictions.valuation import profile, standings

__all__ = [
    "advance_exchange",
    "agent",
    "agents",
    "approve_order",
    "book",
    "bulk_orders",
    "cancel_order",
    "create_exchange",
    "create_market",
    "exchange",
    "exchanges",
    "find",
    "market",
    "markets",
    "open_house",
    "place_order",
    "positions",
    "profile",
    "register",
    "replace_order",
    "resolve_market",
    "set_mode",
    "set_role",
    "standings",
    "trades",
    "transfer",
]
