"""Addresses that only this machine can reach."""

from ipaddress import ip_address

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]", "*.localhost")


def is_loopback(host: str) -> bool:
    """Return whether a service that listens on ``host`` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # a name can mean any address
