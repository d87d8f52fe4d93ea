"""manage.py run_oracle: stream simulated or replayed prices to a session until they end or Ctrl-C."""

import contextlib
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.clock import isoformat
from common.errors import DomainError
from common.money import format_units
from markets import queries
from markets.handlers import prices
from oracle import facade as oracle

_LONGEST_NAP = 0.25


class Command(BaseCommand):
    help = "Publish prices to a session: a seeded simulation, or the rows of a CSV (ts,LEG,LEG,...)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mode", choices=("sim", "replay"), default="sim")
        parser.add_argument("--session-id", required=True)
        parser.add_argument("--csv", type=Path, help="the file to replay")
        parser.add_argument("--tick-ms", type=int, default=1000, help="milliseconds between ticks (1000)")
        parser.add_argument("--max-ticks", type=int, default=0, help="stop after so many (0: never)")
        parser.add_argument("--seed", type=int, help="of the simulation: the same seed gives the same path")
        parser.add_argument("--loop", action="store_true", help="begin a replay again at its end")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._run(options)
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal

    def _run(self, options: dict[str, Any]) -> None:
        replaying = options["mode"] == "replay"
        if replaying != (options["csv"] is not None):
            raise CommandError("--csv goes with --mode replay, which needs it.")
        if (replaying and options["seed"] is not None) or (options["loop"] and not replaying):
            raise CommandError("--seed goes with --mode sim, --loop with --mode replay.")
        session = queries.session(options["session_id"])
        if session.status in {"settled", "cancelled"}:
            raise CommandError(f"The session is {session.status}: it needs no more prices.")
        settings: dict[str, object] = {"tick_ms": options["tick_ms"], "max_ticks": options["max_ticks"]}
        if options["loop"]:
            settings["loop"] = True
        if options["seed"] is not None:
            settings["seed"] = options["seed"]
        replay = None
        if replaying:
            replay = oracle.load_replay(options["csv"], price_decimals=session.price_decimals)
        feed = prices.start_source(session, mode=options["mode"], settings=settings, replay=replay)
        pace = f"a tick every {options['tick_ms']} ms"
        self.stderr.write(f"{feed.mode} on {session.session_id}, {pace}. Ctrl-C stops it.")
        count = 0
        try:
            with contextlib.suppress(KeyboardInterrupt):
                count = self._stream(feed, options["tick_ms"] / 1000)
        finally:
            oracle.stop_feed(feed.id)
        self.stderr.write(f"{count} ticks published.")

    def _stream(self, feed: oracle.FeedInfo, pause: float) -> int:
        """Publish until the feed stops by itself. A clock elsewhere may publish too: no tick comes twice."""
        seen = feed.last_seq
        while True:
            oracle.advance_feed(feed.id)
            for tick in oracle.ticks_after(feed.id, seq=seen):
                seen = tick.seq
                shown = [f"{leg} {format_units(units, feed.price_decimals)}" for leg, units in tick.prices.items()]
                self.stdout.write("  ".join([isoformat(tick.published_at), *shown]))
            if oracle.get_feed(feed.id).status != "running":
                return seen - feed.last_seq
            time.sleep(min(pause, _LONGEST_NAP))
