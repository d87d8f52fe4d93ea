"""What may go wrong, as exceptions."""

from dataclasses import dataclass


class ClientError(Exception):
    """Base of all that this package raises."""


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong with one field of a request."""

    field: str
    code: str
    detail: str


class ApiError(ClientError):
    """The server answered no. `code` is stable and for programs, `detail` a sentence for people, `field` the
    offending input where there is one; `errors` has every field. `status` is HTTP's, 0 over a socket."""

    def __init__(self, status: int, code: str, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(f"{code}: {detail}")
        self.status, self.code, self.detail, self.errors = status, code, detail, errors

    @property
    def field(self) -> str:
        """The first field that is wrong, or ""."""
        return self.errors[0].field if self.errors else ""


class Unreachable(ClientError):
    """No answer, however often it was tried. The same call again may well work."""


class UnexpectedAnswer(ClientError):
    """The answer is not what this version of the client can read."""


class FeedClosed(ClientError):
    """The server ended the live feed for good: the key is worth nothing, or the session is not yours, or gone."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail
