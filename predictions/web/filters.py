"""What templates of event markets may call: cents, money and names → what people read. The library `prediction`."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.money import format_units
from predictions.engine.decide.access import money as exact_money
from predictions.engine.pricing import MONEY_DECIMALS

register = template.Library()


@register.filter
def cents(price: int | None) -> str:
    """A price of a share: 61 → "61¢"."""
    return "—" if price is None else f"{price}¢"


@register.filter
def exact(amount: int) -> str:
    """Money to the last hundredth of a cent, where there are any: 606000 → "60.60", 6060 → "0.6060"."""
    return exact_money(amount).replace("-", "−")


@register.filter
def gain(amount: int | None) -> SafeString:
    """A gain or a loss, told by sign, arrow and colour; rounded down to cents, exact in its tooltip."""
    if amount is None:
        return SafeString("—")
    kind, mark = ("up", "▲ +") if amount > 0 else ("down", "▼ −") if amount < 0 else ("", "")
    text = f"{abs(amount) // 10_000:,}.{abs(amount) // 100 % 100:02d}"
    exactly = format_units(amount, MONEY_DECIMALS)
    return format_html('<data class="{}" value="{}" title="{}">{}{}</data>', kind, exactly, exactly, mark, text)


@register.filter
def percent(rate: int | None) -> str:
    """Hundredths of a percent: 150 → "1.5 %"."""
    if rate is None:
        return "—"
    whole, rest = divmod(rate, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %"


@register.filter
def other(price: int) -> int:
    """The other outcome's price: 61 → 39."""
    return 100 - price


@register.filter
def score(value: int | None) -> str:
    """A Brier score, 0 to 10000 → "0.1234"."""
    return "—" if value is None else format_units(value, 4)


@register.filter
def average(price: int | None) -> str:
    """A mean price in hundredths of a cent: 6050 → "60.5¢"."""
    return "—" if price is None else f"{format_units(price, 2).rstrip('0').rstrip('.')}¢"


@register.filter
def span(microseconds: int) -> str:
    """How long, in the two largest units: 90000000000 → "1 d 1 h"."""
    seconds, parts = microseconds // 1_000_000, []
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "no time"


@register.filter
def ago(at: int, now: int) -> str:
    """How long ago, in the two largest units."""
    return span(max(0, now - at))


@register.filter
def days_since(at: int, now: int) -> int:
    """Whole days."""
    return max(0, now - at) // 86_400_000_000
