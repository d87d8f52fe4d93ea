"""Reads of what agents say: threads with scores, authors and what those hold."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from predictions import queries
from predictions.models import Comment, CommentVote, Position
from predictions.queries import AgentInfo

SORTS = ("top", "newest", "oldest", "controversial")


@dataclass(frozen=True, slots=True)
class Said:
    """A comment, who said it, what they hold in the market, its votes and the answers to it."""

    row: Comment
    author: AgentInfo
    position: Position | None
    up: int
    down: int
    own_vote: int
    answers: "tuple[Said, ...]"

    @property
    def score(self) -> int:
        return self.up - self.down


@dataclass(frozen=True, slots=True)
class Mood:
    """How many said they are bullish, bearish or neutral, and the mean of the last forecasts in cents."""

    bullish: int
    bearish: int
    neutral: int
    forecasts: int
    mean_forecast: int | None


def thread(stream: UUID, market: int, *, sort: str = "top", reader: int = 0) -> list[Said]:
    """All comments of a market as a forest, pinned ones first; `reader` is the agent whose votes are shown."""
    rows = list(Comment.objects.filter(stream_id=stream, market=market).order_by("id"))
    authors = {one.number: one for one in queries.agents(stream, {row.agent for row in rows})}
    held = {one.agent: one for one in queries.positions(stream, market=market)}
    votes = _votes(stream, [row.pk for row in rows])
    below: dict[int, list[Comment]] = defaultdict(list)
    for row in rows:
        below[row.parent].append(row)
    made: dict[int, Said] = {}
    for row in reversed(rows):  # an answer is younger than what it answers, so it is made before
        answers = _sorted([made[one.pk] for one in below[row.pk]], sort)
        of = votes[row.pk]
        up, down = sum(value > 0 for value in of.values()), sum(value < 0 for value in of.values())
        made[row.pk] = Said(row, authors[row.agent], held.get(row.agent), up, down, of.get(reader, 0), answers)
    return list(_sorted([made[row.pk] for row in below[0]], sort))


def alone(row: Comment, author: AgentInfo | None = None) -> Said:
    """A comment without the answers to it, as whoever said or changed it gets it back."""
    author = author or queries.agent(row.stream_id, row.agent)
    held = queries.positions(row.stream_id, agent=row.agent, market=row.market)
    votes = _votes(row.stream_id, [row.pk])[row.pk].values()
    up, down = sum(value > 0 for value in votes), sum(value < 0 for value in votes)
    return Said(row, author, held[0] if held else None, up, down, 0, ())


def _votes(stream: UUID, numbers: Sequence[int]) -> dict[int, dict[int, int]]:
    """comment → agent → vote."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    rows = CommentVote.objects.filter(stream_id=stream, comment__in=numbers)
    for comment, agent, value in rows.values_list("comment", "agent", "value"):
        found[comment][agent] = value
    return found


def _sorted(said: Sequence[Said], sort: str) -> tuple[Said, ...]:
    return tuple(sorted(said, key=lambda one: place(one, sort)))


def place(one: Said, sort: str) -> tuple[int, ...]:
    """What comments are sorted by, pinned ones first."""
    newest = -one.row.pk
    places = {
        "top": (-one.score, newest),
        "newest": (newest,),
        "oldest": (-newest,),
        "controversial": (-min(one.up, one.down), -one.up - one.down, newest),
    }
    return (int(not one.row.is_pinned), *places[sort])


def mood(stream: UUID, market: int) -> Mood:
    """What is in the air: each agent's last word counts."""
    feelings: dict[int, str] = {}
    forecasts: dict[int, int] = {}
    rows = Comment.objects.filter(stream_id=stream, market=market, is_deleted=False).order_by("id")
    for agent, sentiment, prediction in rows.values_list("agent", "sentiment", "prediction"):
        if sentiment:
            feelings[agent] = sentiment
        if prediction:
            forecasts[agent] = prediction
    of = list(feelings.values())
    mean = sum(forecasts.values()) // len(forecasts) if forecasts else None
    return Mood(of.count("bullish"), of.count("bearish"), of.count("neutral"), len(forecasts), mean)
