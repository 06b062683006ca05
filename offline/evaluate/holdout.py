"""The test window as more than one bundle can sit it: recall as of the cut, and the same users."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models, Rankers, Sizes
from app.build import FunnelConfig
from app.funnel import Funnel
from app.recall.channel import ChannelConfig
from offline.data.dataset import Dataset
from offline.evaluate.funnel_answers import collect_answers, evaluated_lists, pad_lists
from offline.evaluate.metrics import Lists
from offline.evaluate.rowsets import RowSets
from offline.training.replay import ReplayUser, build_offline_funnel


@dataclass(frozen=True, slots=True, eq=False)
class Holdout:
    """What was known at the cut, and the users who came after it."""

    dataset: Dataset
    models: Models  # as of the cut
    users: list[ReplayUser]
    cut: float  # unix seconds
    wiring: FunnelConfig
    seed: int

    @property
    def relevant(self) -> RowSets:
        """Give what each user then took, (u,) sets."""
        return RowSets.of([user.relevant for user in self.users])

    @property
    def is_warm(self) -> NDArray[np.bool_]:
        """Say which users (u,) had a history at the cut."""
        rows = np.array([user.user for user in self.users], np.int64)
        return np.asarray(np.diff(self.models.users.indptr)[rows] > 0)

    def compute_lists(
        self,
        rankers: Rankers,
        sizes: Sizes,
        channels: Mapping[str, ChannelConfig] | None = None,
    ) -> Lists:
        """Compute the lists that the real funnel shows with these rankers, (u, 20).

        ``channels`` stands in for those of this training, where the rankers had others.
        """
        channels = self.wiring.channels if channels is None else channels
        config = replace(self.wiring, sizes=sizes, channels=channels)
        return asyncio.run(self._lists(build_offline_funnel(self.models, config, rankers)))

    async def _lists(self, funnel: Funnel) -> Lists:
        """Give the lists alone: asyncio writes out what a main task returns, which takes long."""
        asked = await collect_answers(funnel, self.dataset, self.users, self.seed)
        return pad_lists(evaluated_lists(funnel, asked.slates))
