"""Which role a request needs, by its method and path: declared here, once, for every route."""

import re
from functools import lru_cache
from typing import NamedTuple

from app.access.keys import Role

# Probes: without a key they show a status alone.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/api/health/live", "/api/health/ready"})

CONSOLE = "/console"  # its files hold no data; "/" leads there


def is_console_path(path: str) -> bool:
    """Return whether a path is that of the console or of one of its files."""
    return path.startswith(CONSOLE) and (path == CONSOLE or path[len(CONSOLE)] == "/")


def is_open_path(path: str) -> bool:
    """Return whether a path needs no key."""
    return path in OPEN_PATHS or path == "/" or is_console_path(path)


class RoleRule(NamedTuple):
    """The role of the requests with these methods whose path matches."""

    methods: frozenset[str]
    path: re.Pattern[str]
    role: Role


def _rule(methods: str, path: str, role: Role) -> RoleRule:
    return RoleRule(frozenset(methods.split()), re.compile(path), role)


# The first rule that matches decides. What no rule names needs an admin.
RULES = (
    _rule("DELETE", r"/users/[^/]+", "admin"),  # erasure
    _rule("GET HEAD", r"/erasures(/.*)?", "admin"),  # its receipt
    _rule("GET HEAD", r"/trainings(/.*)?", "admin"),  # their logs may name users
    _rule("GET HEAD", r"/doctor", "admin"),  # bad rows are shown
    _rule("GET HEAD POST PUT PATCH", r"/users(/.*)?", "write"),
    _rule("GET HEAD POST", r"/events", "write"),
    _rule("POST PUT PATCH DELETE", r"/items(/.*)?", "write"),
    _rule("POST", r"/(recommend|rank|explain)", "read"),
    # Gorse's API, as the routes above.
    _rule("GET HEAD POST PUT PATCH", r"/api/users?(/.*)?", "write"),  # DELETE is an erasure
    _rule("GET HEAD POST PUT PATCH DELETE", r"/api/feedback(/.*)?", "write"),
    _rule("GET HEAD", r"/api/(user-to-user/.*|item/[^/]+/feedback(/.*)?)", "write"),
    _rule("POST PUT PATCH DELETE", r"/api/items?(/.*)?", "write"),
    _rule("POST", r"/api/session/recommend(/[^/]+)?", "read"),
    _rule("GET HEAD OPTIONS", r"/.*", "read"),
)


@lru_cache(maxsize=1_024)  # a few paths are most of the requests
def required_role(method: str, path: str) -> Role:
    """Return the role that a request needs. A path that does not exist needs one too.

    The path is the one that is routed: a slash within an id is not a slash there.
    """
    for rule in RULES:
        if method in rule.methods and rule.path.fullmatch(path):
            return rule.role
    return "admin"
