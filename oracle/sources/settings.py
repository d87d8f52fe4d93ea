"""A feed's settings: the parameters of its source and its pace, checked, as canonical JSON. No Django."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache

from common.errors import InvalidInput
from oracle.schedule import Pace
from oracle.sources.replay.source import Replay
from oracle.sources.sim.parameters import check_settings
from oracle.sources.sim.source import SimSource

SIM, REPLAY, PUSH = "sim", "replay", "push"
MODES = (SIM, REPLAY, PUSH)
_PACE = ("tick_ms", "max_ticks", "loop")


def settings_text(
    *,
    mode: str,
    settings: Mapping[str, object],
    instruments: tuple[str, ...],
    price_decimals: int,
    replay: Replay | None,
) -> str:
    """The settings, complete, with a replay's digest. Raises InvalidInput naming settings.<key>."""
    if mode not in MODES:
        raise InvalidInput("mode", f"mode must be one of {', '.join(MODES)}.")
    if (replay is not None) != (mode == REPLAY):
        raise InvalidInput("csv", "A replay needs a CSV, and only a replay has one.")
    pace, source = _parted(settings)
    if mode == PUSH:
        _refuse_all(mode, settings)
        return canonical({})
    if replay is None:
        checked = check_settings(source, instruments=instruments, price_decimals=price_decimals)
        return canonical({**checked, **asdict(Pace.parse(pace))})
    _refuse_all(mode, source)
    if replay.instruments != instruments or replay.price_decimals != price_decimals:
        raise InvalidInput("instruments", "A replay has the instruments and decimals that its CSV was read with.")
    return canonical({"rows": len(replay.rows), "sha256": replay.digest(), **asdict(Pace.parse(pace))})


def with_pace(text: str, *, mode: str, pace: Mapping[str, object]) -> str:
    """The settings with another pace: what `pace` does not name stays. Raises InvalidInput as above."""
    if mode == PUSH:
        _refuse_all(mode, pace)
        return text
    _refuse_all("start", _parted(pace)[1])
    settings = json.loads(text)
    return canonical({**settings, **asdict(Pace.parse({**_parted(settings)[0], **pace}))})


def pace_of(text: str) -> Pace:
    """How fast a sim or replay goes."""
    return Pace.parse(json.loads(text))


def source_parameters(text: str) -> dict[str, object]:
    """The settings without the pace: what makes two feeds say the same."""
    return _parted(json.loads(text))[1]


def row_count(text: str) -> int:
    """A replay's length, 0 for the others."""
    rows: int = json.loads(text).get("rows", 0)
    return rows


@lru_cache(maxsize=64)
def sim_source(text: str, instruments: tuple[str, ...], price_decimals: int) -> SimSource:
    """The source that a sim's settings describe."""
    return SimSource.from_settings(source_parameters(text), instruments, price_decimals)


def canonical(value: object) -> str:
    """JSON, keys sorted, no spaces: the same value is the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _parted(settings: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """The pace, and the rest."""
    pace = {key: settings[key] for key in _PACE if key in settings}
    return pace, {key: value for key, value in settings.items() if key not in _PACE}


def _refuse_all(what: str, settings: Mapping[str, object]) -> None:
    for key in settings:
        raise InvalidInput(f"settings.{key[:40]}", f"A {what} has no setting {key[:40]!r}.")
