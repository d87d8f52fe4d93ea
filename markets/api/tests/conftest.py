"""What the API's tests stand on: callers with keys, and a session as the seeds have it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from accounts import keys
from accounts.facade import User

SESSION = {
    "session_id": "demo",
    "legs": ["AAPL", "NVDA", "META", "ORCL"],
    "q": [100, 60, 80, 120],
    "start_mode": "immediate",
    "end_mode": "manual",
}


@dataclass
class Caller:
    """Somebody with a key, who speaks JSON."""

    user: User
    secret: str
    client: Client

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response; `body` is JSON, or bytes as they are."""
        content = {} if body is None else {"data": body, "content_type": "application/json"}
        given = {"Authorization": f"Bearer {self.secret}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        address = path if path.startswith("/") else f"/api/v1/{path}"
        return getattr(self.client, method)(address, headers=given, **content)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("get", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("post", path, body if body is not None else {}, **headers)

    def delete(self, path: str) -> Any:
        return self.call("delete", path)

    def patch(self, path: str, body: Any) -> Any:
        return self.call("patch", path, body)


Hire = Callable[..., Caller]


@pytest.fixture(autouse=True)
def _fresh_keys() -> Iterator[None]:
    yield
    keys.forget()


@pytest.fixture
def hire(ledger: None) -> Hire:
    """Make a user and a key of theirs."""

    def make(
        name: str, *, scopes: str = "read trade", session_id: str = "", organiser: bool = False, root: bool = False
    ) -> Caller:
        user = User.objects.filter(username=name).first() or User.objects.create(
            username=name, is_organiser=organiser, is_superuser=root
        )
        _, secret = keys.issue(user, name="test", scopes=scopes.split(), session_id=session_id)
        return Caller(user, secret, Client(raise_request_exception=False))

    return make


@pytest.fixture
def organiser(hire: Hire) -> Caller:
    return hire("olga", scopes="read trade organise", organiser=True)


@pytest.fixture
def demo(organiser: Caller, hire: Hire) -> Callable[[str], Caller]:
    """The session `demo`, running, with alice and bob in it by their own keys and half the basket each."""
    assert organiser.post("sessions", SESSION).status_code == 201
    people = {name: hire(name) for name in ("alice", "bob")}
    for name, caller in people.items():
        answer = caller.post("sessions/demo/participants", {"participant_id": name, "name": name.title()})
        assert answer.status_code == 201, answer.content
    assert organiser.post("sessions/demo/allocations").status_code == 200
    return people.__getitem__


@pytest.fixture
def alice(demo: Callable[[str], Caller]) -> Caller:
    return demo("alice")


@pytest.fixture
def bob(demo: Callable[[str], Caller]) -> Caller:
    return demo("bob")
