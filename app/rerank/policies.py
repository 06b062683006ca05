"""Hard filters: synchronous, pure, and last. Their data was fetched earlier."""

import numpy as np
from numpy.typing import NDArray

from app.contracts import Query, Rows


def is_permitted(query: Query, rows: Rows, available: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say for each row whether it may be shown: it exists, is available and is not seen."""
    return available[rows] & query.allows(rows)
