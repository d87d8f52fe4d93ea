"""Who really asked, behind a proxy: X-Forwarded-For and -Proto are believed of trusted proxies and of nobody else."""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_OURS = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded"})
_SECURE = {"http": "https", "ws": "wss", "https": "https", "wss": "wss"}
_PLAIN = {secure: plain for plain, secure in _SECURE.items() if plain != secure}


class TrustedProxies:
    """Puts the client's address and scheme into the scope, and takes the headers that told them away."""

    def __init__(self, application: Application, networks: Sequence[Network]) -> None:
        self._application, self._networks = application, networks

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = self._seen_through(scope)
        await self._application(scope, receive, send)

    def _seen_through(self, scope: Scope) -> Scope:
        told = {name: b",".join(v for n, v in scope["headers"] if n == name) for name, _ in scope["headers"]}
        headers = [(name, value) for name, value in scope["headers"] if name not in _OURS]
        seen = {**scope, "headers": headers}
        client = scope.get("client") or ["", 0]
        if not self._trusts(client[0]):
            return seen
        hops = [hop.strip() for hop in told.get(b"x-forwarded-for", b"").decode("latin1").split(",") if hop.strip()]
        seen["client"] = [self._first_stranger(hops, behind=client[0]), client[1]]
        scheme = scope.get("scheme") or ("ws" if scope["type"] == "websocket" else "http")
        proto = told.get(b"x-forwarded-proto", b"").decode("latin1").strip().lower()
        if proto in _SECURE:
            seen["scheme"] = (_SECURE if proto in {"https", "wss"} else _PLAIN).get(scheme, scheme)
        return seen

    def _first_stranger(self, hops: Sequence[str], *, behind: str) -> str:
        """From our side outwards, the first address that is no proxy of ours: what lies further may be invented."""
        for hop in reversed(hops):
            if not _is_address(hop):
                return behind
            behind = hop
            if not self._trusts(hop):
                break
        return behind

    def _trusts(self, host: str) -> bool:
        if not _is_address(host):
            return False
        address = ipaddress.ip_address(host)
        return any(address in network for network in self._networks if network.version == address.version)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
