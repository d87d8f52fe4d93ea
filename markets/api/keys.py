"""API keys over the API: one's own; an administrator's for anybody."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import facade as accounts
from accounts import keys
from common.api.paging import Query, listed
from common.api.schema import CURSOR, described
from common.errors import DomainError, InvalidInput
from common.fields import Fields
from common.ids import Actor
from ledger.platform import record_act
from markets import shapes
from markets.api.access import MarketView, reply


@described("Key", page=True, posted="IssuedKey", body="NewKey", parameters=CURSOR)
class Keys(MarketView):
    """The caller's keys that are not revoked. POST issues one; its secret is in that answer only."""

    scopes = {"POST": "read"}  # noqa: RUF012  a key makes keys that can do no more than itself

    def get(self, request: Request) -> Response:
        query = Query(request)
        after, limit = query.number("cursor", default=0), query.limit()
        found = [key for key in keys.keys_of(accounts.user_of(request.user)) if key.pk > after and self._within(key)]
        shown = found[:limit]
        return reply(listed([shape(key) for key in shown], query.page(shown, limit, shown[-1].pk if shown else 0)))

    def post(self, request: Request) -> Response:
        caller = accounts.user_of(request.user)
        fields = Fields(request.data)
        username, name, session_id = fields.text("user", ""), fields.text("name"), fields.text("session_id", "")
        scopes, expires_at = fields.take("scopes", ["read", "trade"]), fields.time("expires_at")
        fields.end()
        if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
            raise InvalidInput("scopes", "scopes must be a list of words.")
        self._require_less(scopes, session_id)
        user = self._whose(caller, username)
        key, secret = keys.issue(
            user,
            name=name,
            scopes=scopes,
            session_id=session_id,
            expires_at=expires_at,
            issuer=caller,
            request_id=self.command_id,
        )
        if not key.replayed:
            record_act("key issued", self.actor, subject=user.uid, stream=key.stream_id, facts=_facts(key))
        return reply({**shape(key), "user": user.username, "secret": secret}, status=201, replayed=key.replayed)

    def _within(self, key: keys.ApiKey) -> bool:
        return self.key is None or self.key.stream in {None, key.stream_id}

    def _whose(self, caller: accounts.User, username: str) -> accounts.User:
        """Others are not even looked up for who is no administrator."""
        if username in {"", caller.username}:
            return caller
        if not self.actor.organiser:
            raise DomainError("not_superuser", "Only an administrator issues keys for others.", field="user")
        return accounts.user_named(username, field="user")

    def _require_less(self, scopes: list[str], session_id: str) -> None:
        """A key may not make what can do more than it. Who is signed in may make all that is theirs."""
        if self.key is None:
            return
        if not self.key.scopes.issuperset(scopes):
            raise DomainError("scope_not_allowed", "A key cannot give what it doesn't have.", field="scopes")
        if self.key.stream is not None and (not session_id or self.find(session_id).stream != self.key.stream):
            raise DomainError("scope_not_allowed", "This key is bound to its session.", field="session_id")


@described("Key")
class Key(MarketView):
    """One key. DELETE revokes it: worth nothing from then on."""

    scopes = {"DELETE": "read"}  # noqa: RUF012

    def get(self, request: Request, key_id: int) -> Response:
        return reply(shape(self._key(request, key_id)))

    def delete(self, request: Request, key_id: int) -> Response:
        found = self._key(request, key_id)
        keys.revoke(found)
        record_act("key revoked", self.actor, subject=found.user.uid, stream=found.stream_id, facts=_facts(found))
        return Response(status=204)

    def _key(self, request: Request, key_id: int) -> keys.ApiKey:
        """A key that the caller rules: their own; with a key, one that can do no more than it."""
        found = keys.key_of(accounts.user_of(request.user), key_id)
        key = self.key
        if key is not None and (
            not key.scopes.issuperset(found.scopes.split())
            or key.stream not in {None, found.stream_id}
            or (found.user_id != key.user_id and "organise" not in key.scopes)
        ):
            raise DomainError("not_found", "There is no such key.")
        return found


def _facts(key: keys.ApiKey) -> dict[str, str]:
    return {"key": str(key.pk), "scopes": key.scopes}


@described("Me")
class Me(MarketView):
    """Who the caller is, and what their key may do."""

    def get(self, request: Request) -> Response:
        user = accounts.user_of(request.user)
        actor: Actor = self.actor
        return reply(
            {
                "user": user.username,
                "user_id": actor.id,
                "is_organiser": accounts.may_open_sessions(user) and self.may_organise,
                "is_superuser": actor.organiser,
                "scopes": sorted(self.key.scopes) if self.key else list(keys.SCOPES[:3]),
            }
        )


def shape(key: keys.ApiKey) -> dict[str, Any]:
    """A key without its secret, which nobody has kept."""
    return {
        "key_id": key.pk,
        "name": key.name,
        "prefix": f"sm_{key.prefix}",
        "scopes": key.scopes.split(),
        "session_id": key.session_id or None,
        "created_at": shapes.moment(key.created_at),
        "expires_at": shapes.moment(key.expires_at),
        "last_used_at": shapes.moment(key.last_used_at),
    }
