"""The users who are most similar to one user, by what both liked."""

from collections.abc import Sequence

import numpy as np

from app.artifacts import Models
from app.contracts import Query
from app.recall.user_cf import UserCFChannelConfig, UserCFRecall
from app.state.table_readers import MappedTables


def find_similar_users(models: Models, query: Query, n: int) -> Sequence[tuple[str, float]]:
    """Return ids and similarities of the ``n`` users most similar to that of the query, best first.

    They are users of the bundle, also those who were erased since. A user without likes has none.
    """
    if not len(query.history) or not n:
        return []
    recall = UserCFRecall(models.users, models.centred, UserCFChannelConfig(n_neighbours=n))
    history = recall.events(query)
    near = MappedTables(models.tables).spans(recall.table, history.rows)
    rows, similarities = recall.nearest(query, history, near)
    best = np.argsort(-similarities, kind="stable")
    names = models.users.ids.names(rows[best].astype(np.int64)) if len(best) else []
    return list(zip(names, similarities[best].tolist(), strict=True))
