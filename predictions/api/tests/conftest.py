"""What the API's tests stand on: agents with their own keys, and conservation checked after every call."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client

from accounts import keys
from accounts.facade import User
from common.clock import SECOND, isoformat, now_us
from predictions.handlers import exchanges
from predictions.models import Agent, Exchange, Market, Position

DAY = 86_400 * SECOND
SHARE = 10_000


@dataclass
class Caller:
    """Somebody with a key, or without one, who speaks JSON to /api/v1/predictions."""

    secret: str
    id: str = ""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response. After it, everything adds up."""
        content = {} if body is None else {"data": body, "content_type": "application/json"}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.secret:
            given["Authorization"] = f"Bearer {self.secret}"
        client = Client(raise_request_exception=False)
        answer = getattr(client, method)(f"/api/v1/predictions/{path}", headers=given, **content)
        everything_adds_up()
        return answer

    def get(self, path: str) -> Any:
        """What is found."""
        answer = self.call("get", path)
        assert answer.status_code == 200, answer.content
        return exact(answer)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """What was done."""
        answer = self.call("post", path, {} if body is None else body, **headers)
        assert answer.status_code == 200, answer.content
        return exact(answer)

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """(status, code) of a refusal, whose detail is a sentence."""
        answer = self.call(method, path, body)
        problem = answer.json()
        assert isinstance(problem["detail"], str), problem
        assert problem["status"] == answer.status_code >= 400, problem
        return answer.status_code, problem["code"]

    @property
    def me(self) -> dict[str, Any]:
        return dict(self.get(f"agents/{self.id}"))

    def place(self, market: str, what: str, size: int, price: object = None, **more: Any) -> Any:
        """`what`: "YES", "NO", "sell YES" or "sell NO"."""
        return self.post("orders", self.order(market, what, size, price, **more))

    def refuse(self, market: str, what: str, size: int, price: object = None, **more: Any) -> tuple[int, str]:
        return self.refused("post", "orders", self.order(market, what, size, price, **more))

    def order(self, market: str, what: str, size: int, price: object, **more: Any) -> dict[str, Any]:
        action, _, side = what.rpartition(" ")
        body = {"agent_id": self.id, "market_id": market, "side": side, "size": size, **more}
        return {**body, "order_type": action or "buy", **({} if price is None else {"price": price})}

    def holds(self, market: str) -> tuple[int, int]:
        """(YES, NO) shares."""
        found = self.get(f"positions/{self.id}/{market}")
        return found["yes_shares"], found["no_shares"]


def exact(answer: Any) -> Any:
    """JSON with its numbers as they were written."""
    return answer.json(parse_float=Decimal)


def everything_adds_up() -> None:
    """Cash, 1.00 for each pair and the platform's fees are what was issued; YES equals NO; 0 <= locked <= what is."""
    for exchange in Exchange.objects.all():
        stream = exchange.stream_id
        agents, markets = Agent.objects.filter(stream_id=stream), Market.objects.filter(stream_id=stream)
        cash = sum(agents.values_list("balance", flat=True))
        pairs = sum(markets.values_list("pairs", flat=True))
        assert cash + pairs * SHARE + exchange.platform == exchange.issued
        assert exchange.platform >= 0
        for row in agents:
            assert 0 <= row.locked + row.fees_locked <= row.balance
            assert row.locked >= 0 <= row.fees_locked
        for market in markets:
            held = Position.objects.filter(stream_id=stream, market=market.number)
            totals = held.aggregate(yes=Sum("yes", default=0), no=Sum("no", default=0))
            assert totals == {"yes": market.pairs, "no": market.pairs}


class World:
    """The main exchange, an administrator's key, and agents made as they are named."""

    def __init__(self) -> None:
        self.nobody = Caller("")
        root = User.objects.create(username="root", is_superuser=True)
        _, secret = keys.issue(root, name="test", scopes=("read", "trade", "organise"))
        self.root = Caller(secret)
        self.exchange = exchanges.find()
        self._agents: dict[str, Caller] = {}

    def __getitem__(self, name: str) -> Caller:
        if name not in self._agents:
            made = self.nobody.post("agents", {"name": name})
            self._agents[name] = Caller(made["api_key"], made["id"])
        return self._agents[name]

    def market(self, creator: str = "", *, ahead: int = DAY, **more: Any) -> str:
        """A new market, by an agent or by the organiser; its id."""
        body = {"question": "Will it rain tomorrow?", "deadline": isoformat(now_us() + ahead), **more}
        if creator:
            body["creator_id"] = self[creator].id
        caller = self[creator] if creator else self.root
        return str(caller.post("markets", body)["id"])

    def moderator(self, name: str) -> Caller:
        """An agent whom the organiser made a moderator."""
        self.root.post(f"agents/{self[name].id}/role", {"role": "moderator"})
        return self[name]

    def resolve(self, market: str, outcome: str, *, by: Caller | None = None) -> Any:
        body = {"outcome": outcome, "evidence": "It was seen.", "early": True}
        return (by or self.root).post(f"markets/{market}/resolve", body)

    def balances(self, *names: str) -> list[str]:
        """What the agents have, exactly, as text."""
        return [f"{self[name].me['balance']:f}" for name in names]


@pytest.fixture
def world(ledger: None) -> Iterator[World]:
    yield World()
    keys.forget()
