"""What may be sent how often and how large: the numbers that the server holds everybody to."""

from rest_framework.request import Request
from rest_framework.response import Response

from common.api import body
from common.api.paging import Query
from common.api.schema import described
from ledger.runtime import runtime
from markets import limits
from markets.api.access import MarketView, reply
from markets.engine import commands as c
from markets.engine.events import Bounds
from markets.handlers.orders import MOST_IN_BULK
from markets.seats import Seat
from markets.verification import VERIFY
from markets.ws.live import MOST_BYTES as MOST_MESSAGE_BYTES

ENDPOINTS: tuple[tuple[str, str, type[c.Command]], ...] = (
    ("POST", "/sessions/{session_id}/orders", c.PlaceOrder),
    ("DELETE", "/sessions/{session_id}/orders", c.CancelOrders),
    ("PATCH", "/orders/{order_id}", c.ReplaceOrder),
    ("DELETE", "/orders/{order_id}", c.CancelOrder),
    ("POST", "/sessions/{session_id}/rfq", c.RequestQuote),
    ("DELETE", "/rfq/{rfq_id}", c.CancelRfq),
    ("POST", "/rfq/{rfq_id}/quote", c.ProvideQuote),
    ("POST", "/quotes/{quote_id}/accept", c.AcceptQuote),
    ("POST", "/quotes/{quote_id}/withdraw", c.WithdrawQuote),
)
"""A bulk costs what its commands cost, all at once."""


@described("Limits", parameters={"session_id": "whose limits, and what you have left there"})
class Limits(MarketView):
    """Order entry: tokens a second and at most, what each request costs; sizes; how often one may verify."""

    def get(self, request: Request) -> Response:
        query = Query(request)
        session_id = query.text("session_id")
        seat = self.seat(session_id) if session_id else None
        return reply(
            {
                "order_entry": _order_entry(seat),
                "costs": [
                    {"method": method, "path": path, "bucket": bucket, "cost": cost}
                    for method, path, command in ENDPOINTS
                    for bucket, cost in [limits.COSTS[command]]
                ],
                "verify": {"per_minute": VERIFY.per_minute, "burst": VERIFY.burst},
                "bulk_orders": MOST_IN_BULK,
                "body_bytes": body.MOST_BYTES,
                "message_bytes": MOST_MESSAGE_BYTES,
            }
        )


def _order_entry(seat: Seat | None) -> dict[str, dict[str, int | None] | None]:
    bounds = seat.session.terms.bounds if seat else Bounds()
    left = limits.left(seat.stream, bounds, seat.actor, runtime.clock()) if seat else {}
    found = limits.limits(bounds)
    return {
        bucket: {"per_second": found[bucket].rate, "burst": found[bucket].burst, "left": left.get(bucket)}
        if bucket in found
        else None
        for bucket in (limits.ORDERS, limits.CANCELS)
    }
