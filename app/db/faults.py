"""What keeps a database from being used: a sentence for its operator, behind the general one that callers get."""

from __future__ import annotations

from app.errors import Unavailable


class DatabaseUnusable(Exception):
    """A sentence that says what is wrong and what to do; it may name hosts, users and paths, but never a password.

    `permanent` is what waiting does not cure: a command, and `serve`, ends instead of trying again.
    """

    def __init__(self, sentence: str, *, permanent: bool = False) -> None:
        super().__init__(sentence)
        self.permanent = permanent


def unavailable(detail: str, sentence: str | None = None, *, permanent: bool = False) -> Unavailable:
    """Make the refusal that callers get, with the operator's sentence as its cause."""
    problem = Unavailable(detail)
    problem.__cause__ = DatabaseUnusable(sentence or detail, permanent=permanent)
    return problem


def is_permanent(error: BaseException | None) -> bool:
    """Whether waiting does not cure this failure."""
    return (
        isinstance(error, Unavailable) and isinstance(error.__cause__, DatabaseUnusable) and error.__cause__.permanent
    )


def reason(error: BaseException) -> str:
    """What an operator is told of a failure: the sentence behind a refusal, else what it says itself."""
    return str(error.__cause__ if isinstance(error.__cause__, DatabaseUnusable) else error)
