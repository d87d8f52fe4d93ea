"""Where the pages of sessions are. Ids in paths are the opaque ones."""

from django.urls import path, register_converter

from markets.web.views import dashboard, organiser, pages, projector, trading


class SessionName:
    """A session_id as the domain allows it."""

    regex = r"[A-Za-z0-9._-]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(SessionName, "session")
_ONE = "sessions/<session:session_id>"

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("projector/<str:token>", projector.projector, name="projector"),
    path("sessions", dashboard.session_create, name="session-create"),
    path(f"{_ONE}", pages.terminal_page, name="terminal"),
    path(f"{_ONE}/live", pages.live, name="live"),
    path(f"{_ONE}/chart", pages.chart, name="chart"),
    path(f"{_ONE}/replay", pages.replay, name="replay"),
    path(f"{_ONE}/organiser", pages.organiser, name="organiser"),
    path(f"{_ONE}/portfolio", pages.portfolio, name="portfolio"),
    path(f"{_ONE}/leaderboard", pages.leaderboard, name="leaderboard"),
    path(f"{_ONE}/settlement", pages.settlement, name="settlement"),
    path(f"{_ONE}/ledger", pages.ledger, name="ledger"),
    path(f"{_ONE}/ledger/links", pages.ledger_links, name="ledger-links"),
    path(f"{_ONE}/ledger/verify", pages.ledger_verify, name="ledger-verify"),
    path(f"{_ONE}/join", dashboard.session_join, name="session-join"),
    path(f"{_ONE}/delete", dashboard.session_delete, name="session-delete"),
    path(f"{_ONE}/orders", trading.order_place, name="order-place"),
    path(f"{_ONE}/orders/cancel", trading.order_cancel_all, name="order-cancel-all"),
    path(f"{_ONE}/orders/<str:order>/cancel", trading.order_cancel, name="order-cancel"),
    path(f"{_ONE}/orders/<str:order>/replace", trading.order_replace, name="order-replace"),
    path(f"{_ONE}/orders/<str:order>/edit", pages.order_edit, name="order-edit"),
    path(f"{_ONE}/rfq/<str:rfq_id>/form", pages.quote_form, name="quote-form"),
    path(f"{_ONE}/rfq", trading.rfq_request, name="rfq-request"),
    path(f"{_ONE}/rfq/<str:rfq_id>/cancel", trading.rfq_cancel, name="rfq-cancel"),
    path(f"{_ONE}/rfq/<str:rfq_id>/quote", trading.quote_provide, name="quote-provide"),
    path(f"{_ONE}/quotes/<str:quote>/accept", trading.quote_accept, name="quote-accept"),
    path(f"{_ONE}/quotes/<str:quote>/withdraw", trading.quote_withdraw, name="quote-withdraw"),
    path(f"{_ONE}/start", organiser.session_start, name="session-start"),
    path(f"{_ONE}/halt", organiser.session_halt, name="session-halt"),
    path(f"{_ONE}/resume", organiser.session_resume, name="session-resume"),
    path(f"{_ONE}/cancel", organiser.session_cancel, name="session-cancel"),
    path(f"{_ONE}/settle", organiser.session_settle, name="session-settle"),
    path(f"{_ONE}/allocate", organiser.allocation_assign, name="allocation-assign"),
    path(f"{_ONE}/admit", organiser.participant_admit, name="participant-admit"),
    path(f"{_ONE}/remove", organiser.participant_remove, name="participant-remove"),
]
