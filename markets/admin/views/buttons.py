"""The buttons that a session's status allows."""

from django.urls import reverse

from markets import queries
from markets.admin import actions

Button = tuple[str, str, str]

_NEXT = {"created": "start", "halted": "resume", "closed": "settle"}
"""What an organiser most likely does next."""


def buttons(session: queries.SessionInfo) -> list[tuple[str, list[Button]]]:
    """What the session's status allows, by group: (label, its weight as a CSS class, where it leads)."""

    def button(name: str, label: str, *, is_grave: bool = False) -> Button:
        weight = "grave" if is_grave else "default" if name == _NEXT.get(session.status) else ""
        return label, weight, reverse(f"admin:markets_marketsession_{name}", args=[session.stream])

    if session.is_imported:
        left = [("verify", "Verify", False), ("clone", "Clone", False), ("delete", "Delete session", True)]
        return [("Records", [button(name, label, is_grave=is_grave) for name, label, is_grave in left])]
    shown = [action for action in actions.ACTIONS if session.status in action.statuses]
    found = {
        group: [button(act.name, act.label, is_grave=act.is_grave) for act in shown if act.group == group]
        for group in ("life", "people", "prices", "records")
    }
    if session.status in {"active", "halted", "closed"}:
        found["life"].insert(0, button("settle", "Settle"))
    if session.status == "settled":
        found["life"].append(button("correct", "Correct settlement", is_grave=True))
    found["people"] += [button("roster", "Read a CSV"), button("codes", "Sign-in sheet"), button("keys", "API keys")]
    found["records"][:0] = [
        button("verify", "Verify"),
        button("projector", "Projector"),
        button("clone", "Clone"),
    ]
    titles = {"life": "Life cycle", "people": "Participants", "prices": "Prices", "records": "Records"}
    return [(titles[group], buttons) for group, buttons in found.items() if buttons]
