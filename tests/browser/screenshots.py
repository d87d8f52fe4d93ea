"""Pictures of every page, with data in them: `python -m tests.browser.screenshots FOLDER [WORD...]`."""

import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, FilePayload, Page

from tests.browser.chromium import chromium
from tests.browser.scene import CLASS, HAS_EVENTS, PASSWORD, SESSION, server

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
THEMES = ("dark", "light")
PAGES = {
    "dashboard": "/",
    "terminal": f"/sessions/{SESSION}",
    "portfolio": f"/sessions/{SESSION}/portfolio",
    "leaderboard": f"/sessions/{SESSION}/leaderboard",
    "settlement": "/sessions/rehearsal/settlement",
    "settle": f"/sessions/{SESSION}/settle",
    "ledger": f"/sessions/{SESSION}/ledger",
    "ledger-past": f"/sessions/{SESSION}/ledger?at=40",
    "replay": "/sessions/rehearsal/replay?t=1200",
    "keys": "/keys",
}
"""What a trader sees."""
_CALM_MS = 500
_LIST = "/admin/markets/marketsession/"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: who looks at which path, and what they do there first. `{session}` is that session's page in the
    console."""

    name: str
    who: str
    path: str
    first: Callable[[Page], object] | None = None
    is_twin: bool = False
    """Whether another picture shows the same page in another state."""
    status: int = 200
    """What the server answers when the page is opened."""


def _press(name: str) -> Callable[[Page], object]:
    return lambda page: page.locator("#content").get_by_role("button", name=name).first.click()


def _upload(text: str) -> Callable[[Page], object]:
    def fill(page: Page) -> None:
        sheet = FilePayload(name="class.csv", mimeType="text/csv", buffer=text.encode())
        page.set_input_files("[name=csv]", files=[sheet])
        _press("Show what it would do")(page)

    return fill


_GOOD_CSV = "participant_id,name,user,AAPL,NVDA,META,ORCL\nzoe,Zoe Ziegler,,,,,\nyan,Yan Yilmaz,carol,,,,\n"
_BAD_CSV = "participant_id,name,user,AAPL\nzoe,Zoe,,ten\nzoe,Zoe,,1\nyan,Yan,nobody,\n,,,5\n"


def _settle_with_reason(page: Page) -> None:
    for number, price in enumerate(("190", "120", "510", "140")):
        page.fill(f"[name=price_{number}]", price)
    _press("Show what these would pay")(page)


def shots() -> list[Shot]:
    """Every page there is, in an order in which none spoils the next."""
    room, trading, over, waiting = (f"{{{name}}}" for name in (CLASS, SESSION, "rehearsal", "gold-and-silver"))
    return [
        Shot("sign-in", "", "/sign-in"),
        Shot("register", "", "/register"),
        Shot("join", "", "/join"),
        *(Shot(name, "alice", path) for name, path in PAGES.items()),
        Shot("terminal-announced", "carol", PAGES["terminal"], is_twin=True),
        Shot("terminal-quotes", "alice", PAGES["terminal"], _view("rfq"), is_twin=True),
        Shot("terminal-chart", "alice", PAGES["terminal"], _view("chart"), is_twin=True),
        Shot("terminal-orders", "alice", PAGES["terminal"], _view("orders"), is_twin=True),
        Shot("terminal-wallet", "alice", PAGES["terminal"], _view("holdings"), is_twin=True),
        Shot("terminal-over", "alice", "/sessions/rehearsal", is_twin=True),
        Shot("terminal-waiting", "alice", "/sessions/gold-and-silver", is_twin=True),
        Shot("terminal-quote", "alice", f"{PAGES['terminal']}?asset=NVDA&quote_asset=AAPL", is_twin=True),
        Shot("terminal-outside", "stranger", PAGES["terminal"], status=404),
        Shot("replay-end", "alice", "/sessions/rehearsal/replay?t=999999", is_twin=True),
        Shot("settlement-print", "alice", PAGES["settlement"], _on_paper, is_twin=True),
        Shot("settlement-now", "alice", f"/sessions/{SESSION}/settlement?price.AAPL=200", is_twin=True),
        Shot("session-join", "stranger", f"/sessions/{SESSION}/join"),
        Shot("dashboard-empty", "stranger", "/", is_twin=True),
        Shot("dashboard-organiser", "orga", "/", is_twin=True),
        Shot("terminal-organiser", "orga", PAGES["terminal"]),
        Shot("portfolio-organiser", "orga", PAGES["portfolio"], is_twin=True),
        Shot("leaderboard-class", "orga", f"/sessions/{CLASS}/leaderboard", is_twin=True),
        Shot("portfolio-class", "orga", f"/sessions/{CLASS}/portfolio", is_twin=True),
        Shot("console-sign-in", "", "/admin/"),
        Shot("console-index", "orga", "/admin/"),
        Shot("console-sessions", "orga", _LIST),
        Shot("console-new", "orga", f"{_LIST}add/"),
        Shot("console-new-refused", "orga", f"{_LIST}add/", _press("Create session")),
        Shot("console-new-scenario", "orga", f"{_LIST}add/?scenario=futures-curve", is_twin=True),
        Shot("console-clone", "orga", f"{trading}clone/", is_twin=True),
        Shot("console-overview", "orga", trading),
        Shot("console-overview-class", "orga", room, is_twin=True),
        Shot("console-overview-over", "orga", over, is_twin=True),
        Shot("console-overview-waiting", "orga", waiting, is_twin=True),
        Shot("console-control", "orga", f"{room}control/"),
        Shot("console-control-waiting", "orga", f"{waiting}control/", is_twin=True),
        Shot("console-people", "orga", f"{room}people/"),
        Shot("console-roster", "orga", f"{room}roster/"),
        Shot("console-roster-preview", "orga", f"{room}roster/", _upload(_GOOD_CSV)),
        Shot("console-roster-refused", "orga", f"{room}roster/", _upload(_BAD_CSV)),
        Shot("console-codes", "orga", f"{room}codes/"),
        Shot("console-codes-sheet", "orga", f"{room}codes/", _press("Make the sheet")),
        Shot("console-codes-print", "orga", f"{room}codes/", _sheet_on_paper, is_twin=True),
        Shot("console-keys", "orga", f"{room}keys/"),
        Shot("console-prices", "orga", f"{trading}prices/"),
        Shot("console-orders", "orga", f"{trading}orders/"),
        Shot("console-trades", "orga", f"{trading}trades/"),
        Shot("console-ledger", "orga", f"{trading}events/"),
        Shot("console-audit", "orga", f"{room}audit/"),
        Shot("console-trail", "orga", f"{_LIST}audit/"),
        Shot("console-exports", "orga", f"{trading}exports/"),
        Shot("console-verify", "orga", f"{over}verify/", is_twin=True),
        Shot("console-verified", "orga", f"{over}verify/", _press("Verify")),
        Shot("console-feeds", "orga", f"{_LIST}feeds/"),
        Shot("console-settle", "orga", f"{room}settle/", is_twin=True),
        Shot("console-settle-typed", "orga", f"{trading}settle/", _settle_with_reason),
        Shot("console-correct", "orga", f"{over}correct/"),
        *(Shot(f"console-{act}", "orga", f"{trading}{act}/", is_twin=act != "bust") for act in _ACTS),
        Shot("console-allocate", "orga", f"{waiting}allocate/"),
        Shot("console-users", "root", "/admin/accounts/user/"),
        Shot("console-user-add", "root", "/admin/accounts/user/add/"),
        Shot("console-users-many", "root", "/admin/accounts/user/many/", is_twin=True),
        Shot("console-user", "root", "/admin/accounts/user/1/change/"),
        Shot("console-projector", "orga", f"{room}projector/", is_twin=True),
        Shot("console-projector-made", "orga", f"{room}projector/", _make_projector),
        Shot("projector", "orga", f"{room}projector/", _show_projector),
        *(_event_shots() if HAS_EVENTS else ()),
    ]


def _view(name: str) -> Callable[[Page], object]:
    """On a phone, the terminal's view of that name."""
    return lambda page: page.locator(f"#view-{name}").evaluate("(radio) => radio.click()")


def _on_paper(page: Page) -> None:
    page.emulate_media(media="print")


def _sheet_on_paper(page: Page) -> None:
    _press("Make the sheet")(page)
    _on_paper(page)


def _event_shots() -> list[Shot]:
    """The pages of event markets."""
    events, exchanges = "/predictions", "/admin/predictions/exchange/"
    return [
        Shot("events-list", "alice", events),
        Shot("events-list-empty", "alice", f"{events}?q=nothing", is_twin=True),
        Shot("events-new", "alice", f"{events}/new"),
        Shot("events-market", "alice", f"{events}?q=launch", _question),
        Shot("events-ticket", "alice", f"{events}?q=launch", _review),
        Shot("events-resolved", "alice", f"{events}?status=resolved", _question, is_twin=True),
        Shot("events-leaderboard", "alice", f"{events}/leaderboard"),
        Shot("events-agent", "alice", f"{events}/leaderboard", lambda page: page.click(".board th a")),
        Shot("events-agents", "alice", f"{events}/agents"),
        Shot("events-outside", "stranger", f"{events}?q=launch", _question, is_twin=True),
        Shot("events-desk", "maker", f"{events}/desk"),
        Shot("events-resolve", "maker", f"{events}?status=waiting", _resolve),
        Shot("events-exchanges", "orga", exchanges),
        Shot("events-exchange-new", "orga", f"{exchanges}add/"),
        Shot("events-exchange", "root", exchanges, lambda page: page.click("#result_list tbody a")),
    ]


def _question(page: Page) -> None:
    page.click(".question h2 a")
    page.wait_for_selector("#odds")


def _review(page: Page) -> None:
    _question(page)
    page.fill("#order-size", "50")
    page.fill("#order-price", "70")
    page.click("#review")
    page.wait_for_selector("#confirm")


def _resolve(page: Page) -> None:
    _question(page)
    page.click("#to-resolve")
    page.check("[name=outcome][value=YES]", force=True)
    page.fill("[name=evidence]", "The ribbon was cut, says the newspaper of record.")
    page.click("[value=review]")
    page.wait_for_selector("tfoot")


_ACTS = ("halt", "cancel", "delete", "bust", "remove", "admit", "announce")


def _make_projector(page: Page) -> None:
    page.check("[name=with_leaderboard]")
    _press("Make")(page)


def _show_projector(page: Page) -> None:
    _make_projector(page)
    found = re.search(r"/projector/[\w:.=-]+", page.content())
    assert found is not None
    page.goto("/".join(page.url.split("/")[:3]) + found[0])


def take(folder: Path, words: Sequence[str] = ()) -> None:
    """All pages whose name begins with one of the words, in both sizes, dark and light."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [shot for shot in shots() if not words or shot.name.startswith(tuple(words))]
    with tempfile.TemporaryDirectory() as data, server(Path(data)) as address, chromium() as browser:
        for shot, size, theme, page in visits(browser, address, wanted):
            page.screenshot(path=folder / f"{shot.name}-{size}-{theme}.png")
            if size == "phone" and theme == "dark":
                page.screenshot(path=folder / f"{shot.name}-{size}-{theme}-whole.png", full_page=True)


def visits(browser: Browser, address: str, wanted: Sequence[Shot]) -> Iterator[tuple[Shot, str, str, Page]]:
    """(shot, size, theme, the page as it stands) of every picture."""
    for who in sorted({shot.who for shot in wanted}):
        context = browser.new_context()
        page = context.new_page()
        if who:
            sign_in(page, address, who)
        found = streams(page, address) if who == "orga" else {}
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for theme in THEMES:
                page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
                for shot in (one for one in wanted if one.who == who):
                    visit(page, address, shot, found)
                    page.wait_for_timeout(_CALM_MS)
                    yield shot, size, theme, page
        context.close()


def visit(page: Page, address: str, shot: Shot, found: Mapping[str, str]) -> None:
    """Go there, and do what is done there first."""
    page.emulate_media(media="screen")
    answer = page.goto(address + placed(shot.path, found))
    assert answer is not None
    assert answer.status == shot.status, shot.name
    if shot.first:
        shot.first(page)
        page.wait_for_load_state()


def streams(page: Page, address: str) -> dict[str, str]:
    """{session: the path of its page in the console}."""
    page.goto(f"{address}{_LIST}")
    links = page.locator("#result_list th a").all()
    return {link.inner_text(): str(link.get_attribute("href")) for link in links}


def placed(path: str, found: Mapping[str, str]) -> str:
    """The path with a session's page in place of its name in braces."""
    name, brace, rest = path.partition("}")
    return found[name[1:]].split("change/")[0] + rest if brace else path


def sign_in(page: Page, address: str, who: str) -> None:
    """As one of the scene's people."""
    page.goto(f"{address}/sign-in")
    page.fill("[name=username]", who)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{address}/")


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"), sys.argv[2:])
