"""The front door: what a bot imports."""

from session_contracts_client.client import Client
from session_contracts_client.errors import ApiError, ClientError, FeedClosed, UnexpectedAnswer, Unreachable
from session_contracts_client.feed import Feed
from session_contracts_client.follower import Message
from session_contracts_client.market import LiveBook, Market
from session_contracts_client.orders import OrderLine

__all__ = [
    "ApiError",
    "Client",
    "ClientError",
    "Feed",
    "FeedClosed",
    "LiveBook",
    "Market",
    "Message",
    "OrderLine",
    "UnexpectedAnswer",
    "Unreachable",
]
