"""docs/asyncapi-predictions.yaml, made from the messages' types: what tests hold every message against."""

from typing import Any

import msgspec
import yaml

from common.live.message import VERSION
from predictions.ws.messages import DATA, Moment, Resume

_REF = "#/components/schemas/{name}"
_SUMMARY = (
    "What happens in one event market, as it happens. See docs/predictions.md. What everybody may know takes no key; "
    "with `Authorization: Bearer <key>` in the handshake an agent, or its owner, also hears what is theirs alone."
)
_PURPOSE = {
    "snapshot": "Everything as of `seq`: the first message, and the last answer to every `resume`.",
    "order": "An order after a change: your own whole, another's without saying whose it is.",
    "trade": "A trade.",
    "price": "The market after its price, volume or shares changed.",
    "book": "The whole book after a change, at most ten messages a second.",
    "position": "What an agent of yours holds. Only ever your own.",
    "status": "The market after a step of its life: closing, resolution, challenge, correction.",
    "heartbeat": "Every five seconds: the feed lives.",
    "error": "What you sent was not understood.",
    "resync": "You read too slowly and are being closed with 4408: connect again.",
}


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document as plain data."""
    channel = {
        "address": "/ws/predictions/{market_id}",
        "parameters": {"market_id": {"description": "The market's id"}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (*DATA, "resume")},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Event markets: live feed", "version": str(VERSION), "description": _SUMMARY},
        "servers": {"here": {"host": "localhost:8000", "protocol": "ws"}},
        "channels": {"market": channel},
        "operations": {"hear": _operation("send", tuple(DATA)), "ask": _operation("receive", ("resume",))},
        "components": {
            "messages": _messages(),
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def text() -> str:
    """The document as YAML."""
    made: str = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)
    return f"# Made by `manage.py describe_predictions_live`; do not edit.\n{made}"


def _operation(action: str, names: tuple[str, ...]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/market/messages/{name}"} for name in names]
    return {"action": action, "channel": {"$ref": "#/channels/market"}, "messages": messages}


def _messages() -> dict[str, Any]:
    found: dict[str, Any] = {
        name: {"name": name, "summary": _PURPOSE[name], "payload": _envelope(name)} for name in DATA
    }
    summary = "What did I miss? Answered by what is still remembered, and a snapshot."
    return {
        **found,
        "resume": {"name": "resume", "summary": summary, "payload": {"$ref": _REF.format(name="Resume")}},
    }


def _envelope(name: str) -> dict[str, Any]:
    whole = {"type": "integer", "minimum": 0}
    kinds = [{"$ref": _REF.format(name=kind.__name__)} for kind in DATA[name]]
    fields = {
        "v": {"const": VERSION},
        "type": {"const": name},
        "market_id": {"type": "string"},
        "seq": whole | {"description": "The last event of the exchange that this message reflects"},
        "prev": whole | {"description": "That of the message before it on this connection: else one was lost"},
        "at": msgspec.json.schema(Moment),
        "data": kinds[0] if len(kinds) == 1 else {"oneOf": kinds},
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _schemas() -> dict[str, Any]:
    kinds = [kind for kinds in DATA.values() for kind in kinds]
    _, found = msgspec.json.schema_components([*kinds, Resume], ref_template=_REF)
    return dict(sorted(found.items()))
