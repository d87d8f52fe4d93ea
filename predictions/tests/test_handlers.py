"""Handlers on the ledger: registration, an exchange's life, repeats, the clock; rows equal the folded events."""

import pytest
from django.core.management import call_command
from django.db import connection

from accounts import keys
from accounts.facade import User
from common.clock import SECOND, now_us
from common.errors import DomainError
from common.ids import OPERATOR, Actor
from ledger.runtime import runtime
from ledger.verify import verify_all
from predictions import discussion, queries, tasks, valuation
from predictions.engine import commands as c
from predictions.engine.decide import house
from predictions.engine.events import Terms
from predictions.handlers import agents, comments, exchanges, markets, orders
from predictions.models import Agent, Comment

pytestmark = pytest.mark.usefixtures("ledger")
DAY = 86_400 * SECOND


class Scene:
    """The main exchange with three agents and a market of Alice's."""

    def __init__(self) -> None:
        self.exchange = exchanges.find()
        self.stream = self.exchange.stream
        made = {name: agents.register(self.exchange, name) for name in ("alice", "bob", "carol")}
        self.agents = {name: one.agent.number for name, one in made.items()}
        self.actors = {name: Actor(one.agent.row.user) for name, one in made.items()}
        command = c.CreateMarket(creator=self.agents["alice"], question="Will it rain?", deadline=now_us() + DAY)
        self.market = markets.create_market(self.stream, command, self.actors["alice"]).number

    def place(self, who: str, outcome: str, size: int, price: int, client_order_id: str = "") -> orders.Receipt:
        command = c.PlaceOrder(
            agent=self.agents[who],
            market=self.market,
            outcome=outcome,
            size=size,
            price=price,
            client_order_id=client_order_id,
        )
        return orders.place_order(self.stream, command, self.actors[who])

    def resolve(self, outcome: str, *, mona: int = 0) -> None:
        command = c.ResolveMarket(market=self.market, outcome=outcome, evidence="Seen.", early=True, agent=mona)
        markets.resolve_market(self.stream, command, OPERATOR)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_agents_key_is_bound_to_its_exchange() -> None:
    made = agents.register(exchanges.find(), "Zoë")
    info = keys.verify(made.secret)
    assert info is not None
    assert (info.user_uid, info.stream) == (made.agent.row.user, exchanges.find().stream)
    assert made.agent.row.balance == 10_000_000


def test_a_name_is_taken_once_whatever_its_case() -> None:
    exchange = exchanges.find()
    agents.register(exchange, "Ann")
    with pytest.raises(DomainError) as refused:
        agents.register(exchange, "ANN")
    assert refused.value.code == "name_taken"
    assert Agent.objects.count() == 1


def test_a_renewed_key_ends_the_old_one() -> None:
    made = agents.register(exchanges.find(), "ann")
    secret = agents.renew_key(made.agent, Actor(made.agent.row.user))
    assert keys.verify(made.secret) is None
    assert keys.verify(secret) is not None


def test_a_market_is_traded_and_resolved_and_verified(scene: Scene) -> None:
    first = scene.place("alice", "YES", 100, 60)
    second = scene.place("bob", "NO", 100, 40)
    assert (first.status, second.status, second.filled) == ("open", "filled", 100)
    assert second.fills[0].price == 40
    book = queries.book(scene.stream, scene.market)
    assert (book.bids, book.asks) == ((), ())
    scene.resolve("YES")
    assert queries.agent(scene.stream, scene.agents["alice"]).row.balance == 10_286_000
    call_command("verify", all=True)


def test_the_book_shows_both_kinds_of_orders_in_cents_of_yes(scene: Scene) -> None:
    scene.place("alice", "YES", 10, 45)
    scene.place("bob", "NO", 5, 40)
    scene.place("carol", "NO", 7, 40)
    book = queries.book(scene.stream, scene.market)
    assert [(level.price, level.size, level.orders) for level in (*book.bids, *book.asks)] == [
        (45, 10, 1),
        (60, 12, 2),
    ]


def test_a_client_order_id_places_one_order(scene: Scene) -> None:
    one = scene.place("alice", "YES", 10, 45, client_order_id="x")
    two = scene.place("alice", "YES", 10, 45, client_order_id="x")
    assert (one.number, two.replayed) == (two.number, True)


def test_a_bulk_gives_each_its_own_result(scene: Scene) -> None:
    alice = scene.agents["alice"]
    place = c.PlaceOrder(agent=alice, market=scene.market, outcome="YES", size=10, price=40)
    results = orders.bulk_orders(scene.stream, [place, c.CancelOrder(order=1), place], scene.actors["alice"])
    assert [isinstance(result, DomainError) for result in results] == [False, True, False]


def test_the_clock_closes_what_is_over(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.place("alice", "YES", 10, 45)
    monkeypatch.setattr(runtime, "clock", lambda: now_us() + 2 * DAY)
    monkeypatch.setattr(tasks, "now_us", lambda: now_us() + 2 * DAY)
    tasks.advance_exchanges()
    assert queries.market(scene.stream, scene.market).status == "closed"
    assert queries.due_exchanges(now_us() + 3 * DAY) == []
    assert [row.number for row in queries.overdue(scene.stream, now_us() + 3 * DAY)] == [scene.market]


def test_standings_and_profiles_count_what_was_won_and_lost(scene: Scene) -> None:
    scene.place("alice", "YES", 100, 60)
    scene.place("bob", "NO", 100, 40)
    comments.say(scene.stream, scene.market, Agent.objects.get(number=scene.agents["bob"]), "Dry.", prediction=20)
    scene.resolve("YES")
    ranks = [(one.rank, one.agent.name) for one in valuation.standings(scene.stream)]
    assert ranks == [(1, "alice"), (2, "carol"), (3, "bob")]
    bob = valuation.profile(scene.stream, scene.agents["bob"])
    assert (bob.profit, bob.worst, bob.win_rate) == (-404_000, -404_000, 0)
    assert (bob.judgement.count, bob.judgement.brier) == (1, 6400)


def test_what_is_said_is_shown_with_votes_answers_and_holdings(scene: Scene) -> None:
    alice, bob = (Agent.objects.get(number=scene.agents[name]) for name in ("alice", "bob"))
    scene.place("alice", "YES", 5, 60)
    scene.place("bob", "NO", 5, 40)
    first = comments.say(scene.stream, scene.market, alice, "<b>Wet</b>", sentiment="bullish")
    comments.say(scene.stream, scene.market, bob, "No.", parent=first.pk)
    assert comments.vote(scene.stream, first.pk, bob, 1) == 1
    assert comments.vote(scene.stream, first.pk, bob, 1) == 1
    (said,) = discussion.thread(scene.stream, scene.market, reader=bob.number)
    assert (said.score, said.own_vote, said.answers[0].row.content) == (1, 1, "No.")
    assert said.position is not None
    assert said.position.yes == 5
    comments.remove(scene.stream, first.pk, alice)
    (said,) = discussion.thread(scene.stream, scene.market)
    assert said.row.content == ""
    assert len(said.answers) == 1


def test_who_says_too_much_waits(scene: Scene) -> None:
    alice = Agent.objects.get(number=scene.agents["alice"])
    for _ in range(10):
        comments.say(scene.stream, scene.market, alice, "Wet.")
    with pytest.raises(DomainError) as refused:
        comments.say(scene.stream, scene.market, alice, "Wet.")
    assert refused.value.code == "throttled"


def test_a_deleted_exchange_leaves_nothing_to_read() -> None:
    organiser = User.objects.create(username="olga", is_organiser=True)
    actor = Actor(organiser.uid)
    exchanges.create_exchange("class-a", Terms(), actor)
    agents.register(exchanges.find("class-a"), "ann", owner=organiser)
    assert [one.name for one in queries.agents_owned(organiser.uid)] == ["ann"]
    with pytest.raises(DomainError):
        exchanges.delete_exchange("class-a", Actor("somebody"))
    exchanges.delete_exchange("class-a", actor, reason="over")
    assert queries.exchanges() == []
    assert Comment.objects.count() == Agent.objects.count() == 0


def test_an_approval_that_fails_half_way_leaves_the_order_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R4: approving and matching are one: whatever goes wrong, nothing of it has happened."""
    owner = User.objects.create(username="olga")
    careful = agents.register(scene.exchange, "careful", owner=owner).agent
    agents.set_mode(scene.stream, careful.number, "manual", Actor(careful.row.user))
    scene.place("bob", "NO", 10, 50)
    command = c.PlaceOrder(agent=careful.number, market=scene.market, outcome="YES", size=10, price=50)
    waiting = orders.place_order(scene.stream, command, Actor(careful.row.user)).number
    before = queries.agent(scene.stream, careful.number).row.locked
    monkeypatch.setattr(house, "quotes_after", lambda state, steps: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        orders.approve_order(scene.stream, waiting, Actor(owner.uid))
    monkeypatch.undo()
    assert queries.order(scene.stream, waiting).status == "pending_approval"
    assert queries.agent(scene.stream, careful.number).row.locked == before
    assert orders.approve_order(scene.stream, waiting, Actor(owner.uid)).filled == 10


@pytest.mark.parametrize(
    ("table", "column"),
    [("agent", "balance"), ("market", "pairs"), ("position", "yes"), ("order", "filled"), ("trade", "price")],
)
def test_verify_finds_a_row_that_was_changed_behind_the_ledgers_back(scene: Scene, table: str, column: str) -> None:
    scene.place("alice", "YES", 100, 60)
    scene.place("bob", "NO", 100, 40)
    assert list(verify_all()) == []
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE predictions_{table} SET {column} = {column} + 1")
    assert list(verify_all()) != []
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE predictions_{table} SET {column} = {column} - 1")
