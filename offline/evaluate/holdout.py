"""The test window that several bundles are evaluated on, and the bundle in service among them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Models, Rankers, Sizes
from app.build import FunnelConfig
from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, Manifest, parse_manifest
from app.bundle.verification import verify_files
from app.contracts import Request, Slate
from app.cpu import Cpu
from app.features.views import view_hash
from app.funnel import Funnel
from app.observe.drift import DriftReference, describe_lists
from app.rank.kinds import read_rankers
from app.recall.channel import ChannelConfig
from offline.data.dataset import Dataset
from offline.evaluate.funnel_answers import collect_answers, evaluated_lists, pad_lists, user_ids
from offline.evaluate.metrics import K, Lists
from offline.evaluate.rowsets import RowSets
from offline.run_async import run_async
from offline.training.past_requests import (
    ActiveUser,
    build_offline_funnel,
    recommend_once,
    sample_users,
)

MAX_LISTS = 1_000  # of the reference of drift


@dataclass(frozen=True, slots=True, eq=False)
class Holdout:
    """Recall as of the cut, and users who liked a new item after it: the same for every bundle."""

    dataset: Dataset
    models: Models  # as of the cut
    users: list[ActiveUser]
    cut: float  # unix seconds
    funnel_config: FunnelConfig
    seed: int
    pause: float = 0.0  # seconds without an event that end a visit; 0: there are no visits

    @property
    def relevant(self) -> RowSets:
        """The items that each user chose after the cut, (u,) sets."""
        return RowSets.of([user.relevant for user in self.users])

    @property
    def is_warm(self) -> NDArray[np.bool_]:
        rows = np.array([user.user for user in self.users], np.int64)
        return np.asarray(np.diff(self.models.users.indptr)[rows] > 0)

    def compute_lists(
        self,
        rankers: Rankers,
        sizes: Sizes,
        channels: Mapping[str, ChannelConfig] | None = None,
    ) -> Lists:
        """Return the list of each of ``users``, (u, 20) rows, from the real funnel.

        Args:
            rankers: they replace those of the funnel.
            sizes: the numbers of candidates that the rankers were trained with.
            channels: the configs of the channels that the rankers were trained with. None: those
                of ``funnel_config``.
        """
        channels = self.funnel_config.channels if channels is None else channels
        config = replace(self.funnel_config, sizes=sizes, channels=channels)
        return run_async(self._lists(build_offline_funnel(self.models, config, rankers)))

    async def _lists(self, funnel: Funnel) -> Lists:
        answers = await collect_answers(funnel, self.dataset, self.users, self.seed)
        return pad_lists(evaluated_lists(funnel, answers.runs))


@dataclass(frozen=True, slots=True)
class ProductionBundle:
    """The bundle in service. Without rankers it cannot be evaluated; ``caveat`` says why."""

    version: str
    manifest: Manifest | None = None
    rankers: Rankers | None = None
    caveat: str = ""  # a clause: why it cannot be evaluated, or what favours it


def read_production_bundle(out: Path, holdout: Holdout) -> ProductionBundle | None:
    """Read the rankers of the bundle in service; return None when nothing trained is."""
    try:
        folder = find_current_bundle(out)
    except BundleError:
        return None
    try:
        manifest = parse_manifest(folder)
        verify_files(folder, manifest)
        if manifest.is_starter:
            return None
        if manifest.view != view_hash():
            return ProductionBundle(folder.name, manifest, None, _other_features(manifest))
        caveat = leak_caveat(manifest, holdout)
        return ProductionBundle(
            folder.name, manifest, read_rankers(folder, manifest.rankers), caveat
        )
    except (BundleError, OSError, ValueError, KeyError) as error:
        return ProductionBundle(folder.name, caveat=f"it cannot be evaluated: {error}")


def leak_caveat(manifest: Manifest, holdout: Holdout) -> str:
    """Return how the bundle's rankers may have seen the test window, or "".

    Rankers learn from windows before their own cut, so rankers of the same data, or of less, have
    not seen it. Recall is fitted anew as of this cut, for both bundles. When a manifest does not
    say when its rankers stopped learning, they are assumed to have used all its data.
    """
    end = manifest.data_end if manifest.rankers_end is None else manifest.rankers_end
    if holdout.dataset.traits.has_times and end <= holdout.cut:
        return ""
    if end == holdout.cut and manifest.rows["interactions"] == len(holdout.dataset.log):
        return ""
    return "its rankers may have learned from events of this test window, which favours it"


def _other_features(manifest: Manifest) -> str:
    figure = manifest.metrics.get("ndcg@10", {}).get("funnel")
    ndcg = f"{figure['mean']:.3f} on its own test window" if figure else "unknown"
    return (
        "it was trained for other features and cannot be evaluated again; its manifest's NDCG@10 "
        f"is {ndcg}, which cannot be compared"
    )


def build_drift_reference(models: Models, rankers: Rankers, holdout: Holdout) -> DriftReference:
    """Compute the lists that the published funnel makes for users of the test window.

    Users without a history at the cut are anonymous here, so that the share of cold users is the
    same as it was in the window.
    """
    cpu = Cpu(threads=1)
    try:
        config = replace(holdout.funnel_config, cpu=cpu)
        funnel = build_offline_funnel(models, config, rankers)
        return describe_lists(run_async(_slates(funnel, holdout)))
    finally:
        cpu.close()


async def _slates(funnel: Funnel, holdout: Holdout) -> list[Slate]:
    users = sample_users(holdout.users, MAX_LISTS, holdout.seed)
    rows = np.array([user.user for user in users], np.int64)
    is_warm = (np.diff(holdout.models.users.indptr)[rows] > 0).tolist()
    anonymous = await _slate(funnel, "", holdout.seed)  # all anonymous users get the same list
    return [
        await _slate(funnel, user_id, holdout.seed) if has_history else anonymous
        for user_id, has_history in zip(user_ids(holdout.dataset, users), is_warm, strict=True)
    ]


async def _slate(funnel: Funnel, user: str, seed: int) -> Slate:
    return (await recommend_once(funnel, Request(user, K, seed, arrived=0.0))).slate
