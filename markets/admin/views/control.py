"""The control room: who is there, who trades, who is in trouble; and the levers. And the room's own screen."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from common.clock import now_us
from markets import queries, tokens, valuation
from markets.admin import floor, room, tables
from markets.admin.forms import AnnounceForm
from markets.admin.people_forms import ProjectorForm
from markets.admin.views.frame import REFUSED, SessionView, attempt
from markets.qr import qr

_TOLD = 8


class ControlView(SessionView):
    """The page; with HTMX, whenever something moved, the part that moves, from committed rows."""

    template = "admin/console/control.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("HX-Request") == "true":
            return self.page("", template="admin/console/_control.html", **self._live())
        title = f"Control room: {self.session.session_id}"
        return self.page(title, form=AnnounceForm(session=self.session), **self._live())

    def _live(self) -> dict[str, Any]:
        session, now = self.session, now_us()
        people = floor.traders(session.stream, now=now)
        prices = valuation.current_prices(session)
        return {
            "now": now,
            "seq": queries.head(session.stream)[0],
            "prices": tables.priced(session, dict(prices.by_leg)),
            "prices_at": room.ago(prices.at, now),
            "connected": sum(one.is_connected for one in people),
            "people": people,
            "orders": sum(one.orders for one in people),
            "open_orders": sum(one.open_orders for one in people),
            "left": room.left(session.t2 or 0, now) if session.status in {"active", "halted"} else "",
            "traders": room.traders(session, people, self._names(people), now=now),
            "trades": room.glance(session, queries.trades_page(session.stream, 0, _TOLD)),
            "said": queries.announcements(session.stream, to=None, limit=_TOLD),
        }

    def _names(self, people: list[floor.Trader]) -> dict[str, str]:
        return queries.display_names(self.session.stream, [one.handle for one in people])


class ProjectorView(SessionView):
    """Makes an address that anybody may open for a day, the room's screen; and revokes it."""

    template = "admin/console/projector.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(ProjectorForm(session=self.session))

    def post(self, request: HttpRequest) -> HttpResponse:
        stream = self.session.stream
        if "revoke" in request.POST:
            if tokens.revoke_projector(stream):
                self.record("projector revoked")
            messages.success(request, "The address shows nothing any more.")
            return self.home("projector")
        form = ProjectorForm(request.POST, session=self.session)
        made = attempt(
            form, lambda: tokens.for_projector(stream, with_leaderboard=form.cleaned_data["with_leaderboard"])
        )
        if made is None:
            return self._show(form, status=REFUSED)
        self.record("projector", leaderboard=str(made.with_leaderboard))
        return self._show(form)

    def _show(self, form: ProjectorForm, status: int = 200) -> HttpResponse:
        shown = tokens.projector_of(self.session.stream)
        place = reverse("projector", args=[shown.token]) if shown else ""
        address = self.request.build_absolute_uri(place) if place else ""
        return self.page(
            f"Projector: {self.session.session_id}",
            status=status,
            form=form,
            shown=shown,
            address=address,
            qr=qr(address) if address else "",
            until=tables.moment(shown.expires_at) if shown else "",
        )
