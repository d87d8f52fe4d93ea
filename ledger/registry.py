"""Which domains there are. Each registers itself when Django is ready."""

from typing import Any

from ledger.domain import Domain

_domains: dict[str, Domain[Any]] = {}


def register(domain: Domain[Any]) -> None:
    """Make `domain` known. Registering a second one under the same name is a mistake."""
    if _domains.setdefault(domain.name, domain) is not domain:
        raise ValueError(f"a domain named {domain.name!r} is registered already")


def get(name: str) -> Domain[Any]:
    """The domain with this name."""
    return _domains[name]


def all_domains() -> list[Domain[Any]]:
    """All domains, by name."""
    return [_domains[name] for name in sorted(_domains)]
