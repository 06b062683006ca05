"""The structure of a JSON text, measured chunk by chunk before anything parses it."""

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import kernel, read, write

DEPTH, DEEPEST, VALUES, IN_STRING, IS_ESCAPED = range(5)  # the parts of the state
STATE_SIZE = 5
QUOTE, BACKSLASH, COMMA = ord('"'), ord("\\"), ord(",")
OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT = map(ord, "[]{}")


@kernel((read("u1"), write("i8")))
def scan_json(chunk: NDArray[np.uint8], state: NDArray[np.int64]) -> None:
    """Add a chunk of a text to its measures.

    ``state`` is (5,), zeros before the first chunk. ``VALUES`` counts commas and opening brackets
    outside strings, which is at least the number of list entries and fields. ``DEEPEST`` is the
    largest number of brackets that are open at once. The text need not be valid JSON.
    """
    depth, deepest, values = state[DEPTH], state[DEEPEST], state[VALUES]
    in_string, is_escaped = state[IN_STRING] != 0, state[IS_ESCAPED] != 0
    for byte in chunk:
        if in_string:
            if is_escaped:
                is_escaped = False
            elif byte == BACKSLASH:
                is_escaped = True
            elif byte == QUOTE:
                in_string = False
        elif byte == QUOTE:
            in_string = True
        elif byte == COMMA:
            values += 1
        elif byte in (OPEN_LIST, OPEN_OBJECT):
            values += 1
            depth += 1
            deepest = max(deepest, depth)
        elif byte in (CLOSE_LIST, CLOSE_OBJECT):
            depth -= 1
    state[DEPTH], state[DEEPEST], state[VALUES] = depth, deepest, values
    state[IN_STRING], state[IS_ESCAPED] = in_string, is_escaped
