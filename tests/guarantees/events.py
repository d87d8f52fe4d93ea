"""Event markets among the addresses: one of each thing, and who may ask what. Empty where they are not installed."""

from django.apps import apps

from common.clock import SECOND, isoformat, now_us
from ledger.models import Stream
from markets.api.tests.conftest import Caller

ARE_INSTALLED = apps.is_installed("predictions")
_API, _PAGES = "api/v1/predictions", "predictions"
_AGENT, _MARKET = f"{_API}/agents/<prediction_id:agent_id>", f"{_API}/markets/<prediction_id:market_id>"
_ORDER, _COMMENT = f"{_API}/orders/<prediction_id:order_id>", f"{_API}/comments/<prediction_id:comment_id>"
_PAGE, _TALK = f"{_PAGES}/markets/<str:market_id>", f"{_PAGES}/markets/<str:market_id>/talk/<int:comment>"
Asked = tuple[str, str]
"""(method, route)."""


def _rows(method: str, *routes: str) -> frozenset[Asked]:
    return frozenset((method, route) for route in routes if ARE_INSTALLED)


FOR_ALL = _rows(
    "get", _AGENT, f"{_AGENT}/profile", _MARKET, f"{_MARKET}/orderbook", f"{_MARKET}/prices", f"{_MARKET}/comments",
    f"{_MARKET}/mood", f"{_API}/exchanges", f"{_API}/exchanges/<prediction_exchange:name>", f"{_API}/agents",
    f"{_API}/markets", f"{_API}/markets/categories", f"{_API}/markets/overdue", f"{_API}/trades", f"{_API}/positions",
    f"{_API}/positions/<prediction_id:agent_id>/<prediction_id:market_id>",
) | _rows("post", f"{_API}/agents")  # fmt: skip
"""What nobody need sign in for: reading what everybody may know, and registering an agent."""
FOR_WHO_IS_SIGNED_IN = FOR_ALL | _rows(
    "get", _PAGES, f"{_PAGES}/new", _PAGE, f"{_PAGE}/live", f"{_PAGE}/chart", f"{_PAGE}/estimate",
    f"{_PAGES}/leaderboard", f"{_PAGES}/agents", f"{_PAGES}/agents/<str:agent_id>", f"{_API}/approvals",
) | _rows("post", f"{_API}/exchanges", f"{_PAGES}/new", f"{_PAGES}/agents")  # fmt: skip
"""The pages of what everybody may know, one's own approvals, and forms for things of one's own."""
FOR_MEMBERS = FOR_WHO_IS_SIGNED_IN | _rows("post", f"{_TALK}/vote")
"""What who has an agent on the exchange may do with another's thing."""


def body(method: str, route: str, ids: dict[str, str]) -> dict[str, object]:
    """What would do harm there, if it were let: as good as the owner's own."""
    order = {"agent_id": ids["agent_id"], "market_id": ids["market_id"], "side": "YES", "size": 1, "price": 0.5}
    bodies: dict[str, dict[str, object]] = {
        _AGENT: {"trading_mode": "manual"},
        f"{_AGENT}/role": {"role": "moderator"},
        f"{_AGENT}/transfer": {"to_agent_id": ids["their_agent_id"], "amount": 1},
        f"{_AGENT}/faucet": {"amount": 1},
        _ORDER: {"size": 1},
        _COMMENT: {"content": "Dry.", "agent_id": ids["agent_id"]},
        f"{_MARKET}/resolve": {"outcome": "YES", "evidence": "It was seen.", "early": True},
        f"{_API}/orders": {**order, "order_type": "buy"},
        f"{_API}/orders/preview": {**order, "order_type": "buy"},
        f"{_API}/orders/bulk": {"orders": [{**order, "order_type": "buy"}]},
        f"{_PAGE}/orders/<str:order>/replace": {"size": "1", "price": "40"},
        f"{_TALK}/edit": {"content": "Dry."},
    }
    return bodies.get(route, {})


def world(organiser: Caller, alice: Caller, bob: Caller, *, name: str, size: int) -> dict[str, str]:
    """An exchange with `size` of everything, mostly alice's; the ids of one of each, by the gaps' names."""
    at = "predictions"
    organiser.post(f"{at}/exchanges", {"name": name, "faucet_limit": 100})
    mine, theirs = (
        caller.post(f"{at}/agents", {"name": who, "exchange": name}).json()["id"]
        for caller, who in ((alice, "alice"), (bob, "bob"))
    )
    organiser.get(f"{at}/exchanges")  # makes the main one
    deadline = isoformat(now_us() + 86_400 * SECOND)
    stream = Stream.objects.get(domain="exchange", name=name).id
    ids = {"name": name, "agent_id": mine, "their_agent_id": theirs, "stream": str(stream)}
    markets = []
    for number in range(size):
        crowd = alice.post(f"{at}/agents", {"name": f"agent {number}", "exchange": name}).json()["id"]
        asked = {"exchange": name, "question": f"Will it rain on day {number}?", "deadline": deadline}
        markets.append(alice.post(f"{at}/markets", {**asked, "creator_id": mine}).json()["id"])
        order = {"market_id": markets[0], "size": 2, "order_type": "buy"}
        bought = alice.post(f"{at}/orders", {**order, "agent_id": mine, "side": "YES", "price": 0.5}).json()["id"]
        bob.post(f"{at}/orders", {**order, "agent_id": theirs, "side": "NO", "price": 0.5, "size": 1})
        said = alice.post(f"{at}/markets/{markets[0]}/comments", {"content": "Wet.", "agent_id": crowd}).json()["id"]
        ids |= {"order_id": bought, "order": bought, "comment_id": said, "comment": said.rpartition("-")[2]}
    return ids | {"market_id": markets[0], "market": markets[0].rpartition("-")[2]}
