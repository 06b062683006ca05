"""API keys: who holds one, what it allows, and whether a presented key is one of them.

Only digests are kept. A key is long and random, so its SHA-256 cannot be reversed by guessing. A
presented key is compared with every digest in constant time.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["read", "write", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

HASH_PREFIX = "sha256:"
DIGEST_LENGTH = 64  # hexadecimal digits
MIN_KEY_LENGTH = 20  # characters
MAX_KEY_LENGTH = 256
MAX_NAME_LENGTH = 64
KEY_FORM = "NAME ROLE[,ROLE] KEY [YYYY-MM-DD]"
SECONDS_PER_DAY = 86_400


class KeyFormatError(ValueError):
    """A line that describes a key cannot be read. The text never holds the key."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key: its holder's name, what it allows, and until when."""

    name: str
    roles: frozenset[Role]
    digest: str  # SHA-256 of the key, hexadecimal
    expires_at: float = float("inf")  # unix seconds

    def allows(self, role: Role) -> bool:
        """Return whether the key has a role. An admin has every role."""
        return role in self.roles or "admin" in self.roles


def hash_key(key: str) -> str:
    """Return the digest of a key, hexadecimal."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def new_key() -> str:
    """Return a new random key of 256 bits."""
    return f"rf_{secrets.token_urlsafe(32)}"


def parse_key(line: str) -> ApiKey:
    """Read one line: a name, the roles, the key or its digest, and the last day if there is one.

    Raises:
        KeyFormatError: the line has another form. The text does not repeat the key.
    """
    parts = line.split()
    if len(parts) not in {3, 4}:
        raise KeyFormatError(f"a key is written as {KEY_FORM}, not in {len(parts)} parts")
    name, roles, key, *last_day = parts
    if len(name) > MAX_NAME_LENGTH:
        raise KeyFormatError(f"the name of a key has at most {MAX_NAME_LENGTH} characters")
    granted = frozenset(role for role in ROLES if role in roles.split(","))
    if unknown := set(roles.split(",")) - set(ROLES):
        raise KeyFormatError(
            f"the key {name} has the role {min(unknown)!r}; the roles are {', '.join(ROLES)}"
        )
    return ApiKey(name, granted, _digest(name, key), _expiry(name, *last_day))


def _digest(name: str, key: str) -> str:
    if key.startswith(HASH_PREFIX):
        digest = key.removeprefix(HASH_PREFIX).lower()
        if len(digest) != DIGEST_LENGTH or set(digest) - set("0123456789abcdef"):
            raise KeyFormatError(f"the digest of the key {name} is not a SHA-256")
        return digest
    if not MIN_KEY_LENGTH <= len(key) <= MAX_KEY_LENGTH:
        raise KeyFormatError(
            f"the key {name} has {len(key)} characters, a key has {MIN_KEY_LENGTH} to "
            f"{MAX_KEY_LENGTH}; make one with `recfunnel key new {name}`"
        )
    return hash_key(key)


def _expiry(name: str, last_day: str = "") -> float:
    """Return the end of the last day (UTC) on which the key is accepted."""
    if not last_day:
        return float("inf")
    try:
        day = date.fromisoformat(last_day)
    except ValueError:
        raise KeyFormatError(f"the last day of the key {name} is not a date: {last_day}") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + SECONDS_PER_DAY


def parse_keys(lines: Iterable[str]) -> tuple[ApiKey, ...]:
    """Read all lines; empty ones and those that begin with ``#`` are passed over.

    Raises:
        KeyFormatError: a line cannot be read, or two keys have the same name.
    """
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key = parse_key(line)
        except KeyFormatError as error:
            raise KeyFormatError(f"line {number}: {error}") from None
        if key.name in keys:
            raise KeyFormatError(f"line {number}: there are two keys with the name {key.name}")
        keys[key.name] = key
    return tuple(keys.values())


def format_key(name: str, roles: Iterable[Role], key: str, last_day: date | None = None) -> str:
    """Return the line of a key file, with the digest instead of the key."""
    parts = [name, ",".join(sorted(roles, key=ROLES.index)), HASH_PREFIX + hash_key(key)]
    return " ".join([*parts, last_day.isoformat()] if last_day else parts)


def find_key(keys: Iterable[ApiKey], presented: str, now: float) -> ApiKey | None:
    """Return the valid key that was presented, or None.

    Every key is compared, so the time does not depend on which one matches.

    Args:
        keys: those that are accepted.
        presented: what the client sent.
        now: unix seconds; a key that has expired by then is not accepted.
    """
    digest = hash_key(presented[: MAX_KEY_LENGTH + 1])
    match = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest) and now < key.expires_at:
            match = key
    return match
