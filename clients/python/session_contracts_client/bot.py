"""What both bots share: the command line, the way in, and a loop that a signal ends."""

import argparse
import logging
import os
import re
import signal
import sys
import time
from abc import ABC, abstractmethod
from decimal import ROUND_DOWN, Decimal
from types import FrameType
from typing import ClassVar

from session_contracts_client.client import Client
from session_contracts_client.errors import ApiError, ClientError, FeedClosed, Unreachable
from session_contracts_client.feed import Feed
from session_contracts_client.follower import Message
from session_contracts_client.market import Market

log = logging.getLogger("session_contracts_client")
_LOOK_EVERY_S = 0.25


class Bot(ABC):
    """Reads the feed and acts. It lives until the session is over or a signal comes."""

    purpose: ClassVar[str]

    def __init__(self, client: Client, feed: Feed, session_id: str) -> None:
        self.client, self.session_id = client, session_id
        self._feed = feed
        self._is_stopping = False

    @abstractmethod
    def hear(self, message: Message) -> None:
        """Something happened."""

    @abstractmethod
    def look(self) -> None:
        """A few times a second: act, if it is time to."""

    @abstractmethod
    def leave(self) -> None:
        """Before the end: take back what should not be left alone."""

    @property
    def market(self) -> Market:
        return self._feed.market

    @property
    def may_trade(self) -> bool:
        """Whether what we know can be acted on, and the session takes orders."""
        return self._feed.is_right and self.market.status == "active" and self.market.participant_id is not None

    def run(self) -> None:
        """Until the end. What the server refuses is logged, and life goes on."""
        try:
            while not self._is_stopping and not (self.market.session and self.market.session.is_over):
                try:
                    message = self._feed.next(timeout=_LOOK_EVERY_S)
                    while message is not None:
                        self.hear(message)
                        message = self._feed.next(timeout=0)
                    self.look()
                except (ApiError, Unreachable) as error:
                    log.warning("%s", error)
                    time.sleep(_LOOK_EVERY_S)
        finally:
            self._leave()

    def stop(self) -> None:
        """End the loop soon."""
        self._is_stopping = True

    def _leave(self) -> None:
        if self.market.status in {"active", "halted"}:
            try:
                self.leave()
            except ClientError as error:
                log.warning("%s", error)
        self._feed.close()
        self.client.close()

    @classmethod
    @abstractmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """This bot's own options."""

    @classmethod
    def main(cls) -> None:
        """`python -m ...`: exits 0 when the session is over or a signal came, 1 with a sentence if it is shut out."""
        parser = argparse.ArgumentParser(description=cls.purpose)
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the server is")
        parser.add_argument("--key", default=os.environ.get("SM_KEY", ""), help="an API key; better: SM_KEY")
        parser.add_argument("--session", required=True, help="the session_id")
        parser.add_argument("--name", default="", help="the handle to join under (made from the user's name)")
        cls.add_arguments(parser)
        options = parser.parse_args()
        logging.basicConfig(level=os.environ.get("SM_LOG_LEVEL", "INFO"), format="%(asctime)s %(message)s")
        client = Client(options.url, options.key, patience=5.0)
        try:
            _join(client, options.session, options.name)
            bot = cls.made(client, client.feed(options.session), options)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _stopper(bot))
            bot.run()
        except (ClientError, FeedClosed) as error:
            sys.exit(f"{error}")

    @classmethod
    @abstractmethod
    def made(cls, client: Client, feed: Feed, options: argparse.Namespace) -> "Bot":
        """A bot of these options."""


def cut(amount: Decimal, decimals: int) -> Decimal:
    """Rounded down to so many decimals."""
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN)


def _stopper(bot: Bot) -> "signal._HANDLER":
    def stop(_number: int, _frame: FrameType | None) -> None:
        bot.stop()

    return stop


def _join(client: Client, session_id: str, name: str) -> None:
    """Become a participant, unless we are one."""
    if client.session(session_id).participant_id is None:
        handle = name or re.sub(r"[^A-Za-z0-9._-]", "-", client.me().user)[:32]
        client.join(session_id, handle)
        log.info("joined %s as %s", session_id, handle)
