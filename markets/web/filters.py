"""What templates may call: integer units and µs → what people read. Registered as the library `market`."""

from datetime import datetime
from uuid import uuid4

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common import money as money_text
from common.clock import isoformat, to_datetime
from common.ids import public_id
from common.money import format_units
from markets.engine.state import RATE_DECIMALS
from markets.queries import SessionInfo
from markets.web import panels

register = template.Library()


@register.filter
def units(value: int, decimals: int) -> str:
    """(62000, 4) → "6.2000": all decimals of the scale."""
    return format_units(value, decimals)


@register.filter
def trimmed(value: int, decimals: int) -> str:
    """(62000, 4) → "6.2": exact, without the zeros that say nothing."""
    return money_text.trimmed(format_units(value, decimals))


@register.filter
def money(value: int, decimals: int) -> SafeString:
    """Cash with two decimals, rounded down, thousands apart; the exact amount is its tooltip."""
    exact = format_units(value, decimals)
    cents = abs(value) * 100 // 10**decimals
    sign = "−" if value < 0 and cents else ""
    shown = f"{sign}{cents // 100:,}.{cents % 100:02d}"
    return format_html('<data value="{}" title="{}">{}</data>', exact, exact, shown)


@register.filter
def cents(value: int) -> str:
    """A column that was rounded as a whole (common.money.round_shown): units of a hundredth → text."""
    return f"{'−' if value < 0 else ''}{abs(value) // 100:,}.{abs(value) % 100:02d}"


@register.filter
def per_mille(value: int) -> str:
    """Tenths of a percent → "23.4"."""
    return f"{value // 10}.{value % 10}"


@register.filter
def rest(percent: int) -> int:
    """What is missing to a hundred."""
    return 100 - percent


@register.filter
def hundredths(value: int) -> str:
    """Hundredths of a percent, or of anything → "23.41"."""
    return f"{value // 100}.{value % 100:02d}"


@register.filter
def rate(value: int) -> str:
    """A rate without the zeros that say nothing."""
    return trimmed(value, RATE_DECIMALS)


@register.filter
def when(at: int, style: str = "time") -> SafeString | str:
    """µs → a <time> in UTC: `time` of day, `date` and time, or the date with the reader's own time beside it."""
    if not at:
        return "—"
    moment: datetime = to_datetime(at)
    shown = moment.strftime("%H:%M:%S" if style == "time" else "%Y-%m-%d %H:%M:%S UTC")
    mark = SafeString(" data-local") if style == "local" else SafeString("")
    return format_html('<time datetime="{}"{}>{}</time>', isoformat(at), mark, shown)


@register.filter
def milliseconds(at: int) -> int:
    """µs → ms, for the clock of app.js."""
    return at // 1000


@register.filter
def outside(number: int, session: object) -> str:
    """A seq → the opaque id that names what the event made."""
    return public_id(session.stream, number)  # type: ignore[attr-defined]  # a SessionInfo; templates have no types


@register.filter
def lookup(mapping: dict[object, object] | None, key: object) -> object:
    """mapping[key], or "" where there is none."""
    return (mapping or {}).get(key, "")


@register.filter
def words(text: str) -> str:
    """partially_filled → partially filled."""
    return str(text).replace("_", " ")


@register.inclusion_tag("markets/live/announcements.html")
def announcements(session: SessionInfo, handle: str, oob: bool = False) -> dict[str, object]:  # noqa: FBT001, FBT002  templates have no keywords of their own
    """What the organiser said to whoever looks."""
    return {**panels.announcements(session, handle), "oob": oob}


@register.simple_tag
def command_id() -> SafeString:
    """The hidden field that makes sending a form twice happen once."""
    return format_html('<input type="hidden" name="command_id" value="{}">', uuid4().hex)
