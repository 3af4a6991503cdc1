"""Why tierlift gave no answer, and what the host answers then."""

from ._types import Code


class TierliftError(Exception):
    """Tierlift refused, or did not answer."""

    status: int
    """What the host answers: 401 if the user must sign in again, since their sign-in is too old or was revoked,
    otherwise 503."""
    answered: int | None
    """The status that tierlift answered, if it did."""
    code: Code | None
    """The stable code that it refused with."""

    def __init__(self, message: str, answered: int | None = None, code: Code | None = None) -> None:
        super().__init__(message)
        is_over = answered == 409 and code in ("token.revoked", "token.session_expired")
        self.status = 401 if is_over else 503
        self.answered = answered
        self.code = code
