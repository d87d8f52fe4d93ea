"""Calls to paste into a shell, which the demo prints: those of the seeds, with its own address and key."""

import json
from collections.abc import Sequence


def curl_calls(*, url: str, key: str, legs: Sequence[str], q: Sequence[int], session: str) -> str:
    """Create, order, look, swap, settle, delete. They need a shell, curl and sed."""
    own = {"session_id": "mine", "legs": legs, "q": q, "start_mode": "immediate", "end_mode": "manual"}
    order = {"participant_id": "alice", "asset": legs[0], "side": "buy", "order_type": "limit"}
    lines = [
        f"API={url}/api/v1",
        f'AUTH="Authorization: Bearer {key}"',
        "# a session of your own",
        _post("sessions", own),
        "# an order of alice's (the organiser may act for her), and what became of it",
        _post(f"sessions/{session}/orders", {**order, "quantity": 10, "price": 150}),
        _get(f'"$API/sessions/{session}/orders?participant_id=alice"'),
        _get(f"$API/sessions/{session}/orderbook/{legs[0].replace(' ', '%20')}"),
        _get(f"$API/sessions/{session}/allocations"),
    ]
    if len(legs) > 1:
        asked = {"participant_id": "alice", "leg_from": legs[0], "leg_to": legs[1], "amount_from": 10}
        lines += [
            "# 10 of one leg into another: alice asks, bob quotes, alice accepts",
            _kept("RFQ", "rfq_id", _post(f"sessions/{session}/rfq", asked)),
            _kept("QUOTE", "quote_id", _post("rfq/$RFQ/quote", {"participant_id": "bob", "rate": "0.62"})),
            _post("quotes/$QUOTE/accept", {}),
        ]
    lines += [
        "# the end of your own session, at typed prices",
        _post("sessions/mine/settle", {"prices": {leg: 100 * number for number, leg in enumerate(legs, start=1)}}),
        'curl -X DELETE $API/sessions/mine -H "$AUTH"',
    ]
    return "\n".join(lines)


def _get(address: str) -> str:
    return f'curl {address} -H "$AUTH"'


def _post(path: str, body: object) -> str:
    return f"curl -X POST $API/{path} -H \"$AUTH\" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"


def _kept(variable: str, member: str, call: str) -> str:
    """The call, with one member of its answer put into a variable."""
    return f'{variable}=$({call.replace("curl", "curl -s", 1)} | sed \'s/.*"{member}": *"\\([^"]*\\)".*/\\1/\')'
