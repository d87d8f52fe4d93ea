"""docs/asyncapi.yaml, made from the messages' types: what is documented is what tests hold every message against."""

from typing import Any

import msgspec
import yaml

from common.live.message import VERSION
from markets.ws.messages import DATA, WISHES, Moment

_REF = "#/components/schemas/{name}"
_SUMMARY = (
    "What happens in one session, as it happens, and order entry. See docs/realtime.md for how to follow it. "
    "Authenticate the handshake with `Authorization: Bearer <key>`; never put a key into the URL."
)
_PURPOSE = {
    "snapshot": "Everything as of `seq`: the first message, and the last answer to every `resume`.",
    "tick": "New prices from the session's feed.",
    "trade": "A trade, or (`busted`) one that was undone.",
    "book": "The levels of a book that changed, at most ten messages a second.",
    "allocation": "What you hold. Only ever your own.",
    "rfq": "A request for quotes, after a change.",
    "quote": "A quote, after a change.",
    "order": "Your order, after a change. Only ever your own.",
    "status": "The session, after a change of its life.",
    "announcement": "What the organiser said to everybody, or to you alone.",
    "heartbeat": "Every five seconds: the feed lives.",
    "resync": "You read too slowly and are being closed with 4408: connect again.",
    "ack": "What you asked for is done and committed.",
    "error": "What you asked for was refused, or not understood.",
}
_WISH = {
    "resume": "What did I miss? Answered by what is still remembered, and a snapshot.",
    "order.new": "Place an order.",
    "order.replace": "Change an open order.",
    "order.cancel": "Cancel an order.",
    "order.cancel_all": "Cancel all open orders.",
    "order.countdown": "Cancel all open orders unless this is said again in time.",
    "order.cancel_on_disconnect": "Cancel all open orders when this connection ends.",
}


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document as plain data."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Session contracts: live feed", "version": str(VERSION), "description": _SUMMARY},
        "servers": {"here": {"host": "localhost:8000", "protocol": "ws"}},
        "channels": {
            "session": {
                "address": "/ws/sessions/{session_id}",
                "parameters": {"session_id": {"description": "The session's name"}},
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (*DATA, *WISHES)},
            }
        },
        "operations": {
            "hear": _operation("send", tuple(DATA)),
            "ask": _operation("receive", tuple(WISHES)),
        },
        "components": {
            "messages": _messages(),
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def text() -> str:
    """The document as YAML."""
    made: str = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)
    return f"# Made by `manage.py describe_live`; do not edit.\n{made}"


def _operation(action: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/session"},
        "messages": [{"$ref": f"#/channels/session/messages/{name}"} for name in names],
    }


def _messages() -> dict[str, Any]:
    found: dict[str, Any] = {
        name: {"name": name, "summary": _PURPOSE[name], "payload": _envelope(name)} for name in DATA
    }
    wishes = {
        name: {"name": name, "summary": _WISH[name], "payload": {"$ref": _REF.format(name=kind.__name__)}}
        for name, kind in WISHES.items()
    }
    return found | wishes


def _envelope(name: str) -> dict[str, Any]:
    """The same for all, but that ticks count by the feed's own numbers."""
    seq, prev = ("feed_seq", "prev_feed_seq") if name == "tick" else ("seq", "prev")
    whole = {"type": "integer", "minimum": 0}
    fields = {
        "v": {"const": VERSION},
        "type": {"const": name},
        "session_id": {"type": "string"},
        seq: whole | {"description": "The last event (or tick) that this message reflects"},
        prev: whole | {"description": "That of the message before it on this connection: else one was lost"},
        "at": msgspec.json.schema(Moment),
        "data": {"$ref": _REF.format(name=DATA[name].__name__)},
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _schemas() -> dict[str, Any]:
    _, found = msgspec.json.schema_components([*DATA.values(), *WISHES.values()], ref_template=_REF)
    return dict(sorted(found.items()))
