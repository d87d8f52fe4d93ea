"""Forms of the feeds that several sessions may share."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from common.errors import DomainError, InvalidInput
from common.money import format_units
from markets.admin.forms import CommandForm, PaceForm, text_field
from oracle import facade as oracle


class NewFeedForm(PaceForm):
    """A feed by name: simulated, replayed from a CSV, or pushed to."""

    BEGINS: ClassVar[Mapping[str, Any]] = {**PaceForm.BEGINS, "mode": "sim", "price_decimals": "2"}
    name = text_field("Name", help_text="What sessions choose it by.")
    mode = forms.ChoiceField(
        label="Source",
        choices=[("sim", "simulated"), ("replay", "replayed from a CSV"), ("push", "pushed by a program or by hand")],
    )
    instruments = text_field(
        "Instruments", required=False, longest=2000, size=40, help_text="AAPL, NVDA, ... A CSV's header says its own."
    )
    price_decimals = text_field("Price decimals", size=4, help_text="0 to 6.")
    csv = forms.FileField(label="CSV", required=False, help_text="For a replay: ts,AAPL,NVDA and a row per tick.")
    loop = forms.BooleanField(label="Begin the CSV again at its end", required=False)
    start = text_field("Start prices", required=False, longest=2000, size=40, help_text="AAPL=190, NVDA=120")
    seed = text_field("Seed", required=False, size=22)
    volatility = text_field("Volatility per year", required=False, size=10)
    drift = text_field("Drift per year", required=False, size=10)
    rho = text_field("Correlation", required=False, size=10)
    step_seconds = text_field("Simulated seconds per tick", required=False, size=10)

    GROUPS = (
        ("Feed", ("name", "mode", "instruments", "price_decimals")),
        ("Pace", ("tick_ms", "max_ticks")),
        ("Replay", ("csv", "loop")),
        ("Simulation, where the defaults don't do", ("start", "seed", "volatility", "drift", "rho", "step_seconds")),
    )

    def fieldsets(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields by what they are about."""
        return [(title, [self[name] for name in names]) for title, names in self.GROUPS]

    def create(self) -> oracle.FeedInfo:
        """The feed that was described, not yet running. Raises DomainError."""
        data = self.cleaned_data
        decimals = self.numbers("price_decimals")["price_decimals"]
        assert isinstance(decimals, int)
        if decimals > 6:
            raise InvalidInput("price_decimals", "price_decimals goes from 0 to 6.")
        if data["name"].startswith("session:"):
            raise InvalidInput("name", "Names that begin with session: are the sessions' own.")
        replay = None
        if data["mode"] == "replay":
            if data["csv"] is None:
                raise InvalidInput("csv", "A replay needs a CSV.")
            replay = oracle.read_replay(data["csv"].file, price_decimals=decimals)
        names = [part.strip() for part in data["instruments"].split(",") if part.strip()]
        return oracle.create_feed(
            name=data["name"].strip(),
            mode=data["mode"],
            instruments=names,
            price_decimals=decimals,
            settings=self._settings(data["mode"]),
            replay=replay,
        )

    def _settings(self, mode: str) -> dict[str, object]:
        if mode == "push":
            return {}
        found = self.numbers("tick_ms", "max_ticks")
        if mode == "replay":
            return {**found, "loop": True} if self.cleaned_data["loop"] else found
        found |= self.numbers("seed", "step_seconds")
        found |= {name: text for name in ("volatility", "drift", "rho") if (text := self.cleaned_data[name].strip())}
        start = pairs(self.cleaned_data["start"], "start")
        return {**found, "start": start} if start else found


def pairs(text: str, field: str) -> dict[str, str]:
    """{name: text} of `NAME=text, ...`. Raises DomainError naming `field`."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not equals or name in found:
            detail = "Write NAME=number, one of each, with commas between."
            raise DomainError("invalid_input", detail, field=field)
        found[name] = value
    return found


class TickForm(CommandForm):
    """One price for each instrument of a feed."""

    def __init__(self, *args: Any, feed: oracle.FeedInfo, **kwargs: Any) -> None:
        self.feed = feed
        super().__init__(*args, **kwargs)

    def build(self) -> None:
        for index, name in enumerate(self.feed.instruments):
            self.fields[f"price_{index}"] = text_field(name, size=12)

    def field_for(self, name: str) -> str | None:
        leg = name.partition(".")[2]
        return (
            f"price_{self.feed.instruments.index(leg)}" if leg in self.feed.instruments else super().field_for(name)
        )

    @property
    def prices(self) -> dict[str, str]:
        """{instrument: text}."""
        return {name: self.cleaned_data[f"price_{index}"] for index, name in enumerate(self.feed.instruments)}


def as_typed(feed: oracle.FeedInfo, tick: oracle.TickInfo | None) -> dict[str, str]:
    """The newest prices, to begin with."""
    if tick is None:
        return {}
    return {
        f"price_{index}": format_units(tick.prices[name], feed.price_decimals)
        for index, name in enumerate(feed.instruments)
    }
