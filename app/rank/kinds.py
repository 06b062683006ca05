"""The kinds of rankers: which there are, and how a bundle's rankers are written and read.

A kind is added by its module in this folder, its name in ``BUILT_IN_NAMES`` and one line in
``BUILT_IN_KINDS``, or from another package by an entry point of the group ``recfunnel.rankers``
whose object is a ``RankerKind``. ``offline.training.kinds`` says how each kind is trained.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from app.artifacts import Rankers
from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from app.rank.hybrid import HybridModel
from app.rank.logistic import Logistic
from app.rank.objectives import ObjectiveBlendKind
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import (
    HYBRIDS,
    LOGISTIC,
    OBJECTIVE_BLEND,
    POINTWISE_LISTWISE,
    MatrixKind,
    RankerKind,
    RankerKinds,
    RankerSummary,
)
from app.stages import Scorer

ENTRY_POINTS = "recfunnel.rankers"
BUILT_IN_KINDS: Mapping[str, RankerKind] = {
    LOGISTIC: MatrixKind(Logistic),
    POINTWISE_LISTWISE: MatrixKind(PointwiseListwiseBlend),
    OBJECTIVE_BLEND: ObjectiveBlendKind(MatrixKind(PointwiseListwiseBlend)),
    **dict.fromkeys(HYBRIDS, MatrixKind(HybridModel)),
}
STAGE_COLUMNS = {"coarse": column_names(COARSE_VIEW), "fine": column_names(FINE_VIEW)}


def find_kind(name: str) -> RankerKind:
    """Return the codec of a kind.

    Raises:
        ValueError: neither this package nor an installed one has such a kind.
    """
    if name in BUILT_IN_KINDS:
        return BUILT_IN_KINDS[name]
    installed = entry_points(group=ENTRY_POINTS)
    if name not in installed.names:
        names = ", ".join([*BUILT_IN_KINDS, *sorted(installed.names)])
        raise ValueError(
            f"there is no kind of ranker {name!r}: there are {names}; install the package that "
            "has it, or choose another"
        )
    kind: RankerKind = installed[name].load()
    return kind


def write_rankers(rankers: Rankers, kinds: RankerKinds, folder: Path) -> None:
    """Write the rankers of both stages; the stage is the stem of the file names."""
    find_kind(kinds.coarse).write(rankers.coarse, folder, "coarse")
    find_kind(kinds.fine).write(rankers.fine, folder, "fine")


def read_rankers(folder: Path, kinds: RankerKinds) -> Rankers:
    """Read and verify the rankers of both stages.

    Raises:
        OSError: a file is absent.
        ValueError: a file is damaged, is for other columns, or is of an unknown kind.
        KeyError: a part of a file is absent.
    """
    return Rankers(
        _read_ranker(folder, "coarse", kinds.coarse), _read_ranker(folder, "fine", kinds.fine)
    )


def _read_ranker(folder: Path, stage: str, name: str) -> Scorer:
    kind = find_kind(name)
    scorer = kind.read(folder, stage)
    kind.verify(scorer, STAGE_COLUMNS[stage])
    return scorer


def describe_rankers(rankers: Rankers, kinds: RankerKinds) -> tuple[RankerSummary, RankerSummary]:
    """Return what a report shows of the coarse and of the fine ranker."""
    return (
        find_kind(kinds.coarse).describe(rankers.coarse),
        find_kind(kinds.fine).describe(rankers.fine),
    )
