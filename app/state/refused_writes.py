"""Recognise a server that reads and refuses to write, and say what to do about it."""

from collections.abc import Mapping

from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from app.contracts import StageError

REMEDIES: Mapping[str, str] = {
    "OOM": "its memory is full: run `recfunnel archive`, which makes room, or raise maxmemory",
    "MISCONF": "it cannot write to its disk: free space there, or look at its log",
    "READONLY": "it is a read-only replica: set REDIS_URL to the primary",
    "NOREPLICAS": "it has too few replicas: start them, or lower min-replicas-to-write",
}


class WriteRefusedError(StageError):
    """The server answers, and refuses to write. Reads still work."""


def describe_refusal(refusal: str, error: ResponseError) -> StageError:
    """Return the error to raise for an error reply; ``refusal`` says what was refused."""
    remedy = _remedy(error)
    return WriteRefusedError(f"{refusal}; {remedy}") if remedy else StageError(refusal)


def _remedy(error: ResponseError) -> str | None:
    """Return what to do about a refused write; None if the error is of another kind."""
    if isinstance(error, OutOfMemoryError):
        return REMEDIES["OOM"]
    if isinstance(error, ReadOnlyError):
        return REMEDIES["READONLY"]
    words = str(error).split()
    code = next((code for code in REMEDIES if words and words[0].lstrip("-") == code), None)
    return REMEDIES[code] if code else None
