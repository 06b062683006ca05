"""A table from rows to positions: a slot for each row of a small catalogue, else a hash table."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline

NO_POSITION = -1
MAX_SLOTS = 4  # slots for each key, at most, where each row has a slot of its own
OWN_SLOTS = 0  # in place of a number of bits: each row has a slot of its own
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP 3, 6.4)


@inline
def slot_bits(n: int, largest: int) -> int:
    """Return the number of bits of a hash table that ``n`` keys fill at most half.

    ``OWN_SLOTS`` where the ``largest`` key is small enough.
    """
    if largest < MAX_SLOTS * n:
        return OWN_SLOTS
    bits = 4
    while (1 << bits) < 2 * n:
        bits += 1
    return bits


@inline
def new_slots(bits: int, largest: int) -> NDArray[np.int32]:
    """Return a table of free slots."""
    return np.zeros(largest + 1 if bits == OWN_SLOTS else 1 << bits, np.int32)


@inline
def find_slot(slots: NDArray[np.int32], keys: NDArray[np.int64], key: int, bits: int) -> int:
    """Return the slot that holds ``key``, or the free slot where it belongs.

    A slot holds the key's position in ``keys``, plus 1; 0: the slot is free.
    """
    if bits == OWN_SLOTS:
        return key
    mask = (1 << bits) - 1
    slot = np.int64((np.uint64(key) * MULTIPLIER) >> np.uint64(64 - bits))
    while slots[slot] and keys[slots[slot] - 1] != key:
        slot = (slot + 1) & mask
    return slot
