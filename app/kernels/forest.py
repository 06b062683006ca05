"""Score the trees of LightGBM in a compiled loop, bit-equal to LightGBM itself.

A tree of at most 64 leaves is a list of tests with one bit mask each: the leaves that remain when
the test fails. All tests of a tree run over all rows, column by column. The lowest bit that remains
names the leaf (Lucchese et al.: QuickScorer, SIGIR 2015). Larger trees are walked node by node.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar, write

MAX_MASK_LEAVES = 64  # bits of the widest mask
ZERO_THRESHOLD = np.float32(1e-35)  # LightGBM treats values up to this as zero
DUMPED_INFINITY = 1e300  # LightGBM writes an infinite threshold so
MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 1, 2
MISSING_TYPES = {"None": MISSING_NONE, "Zero": MISSING_ZERO, "NaN": MISSING_NAN}
MASK_TYPES = (np.uint8, np.uint16, np.uint32, np.uint64)
BYTE, BITS = np.uint64(255), np.uint64(8)
LOWEST_BITS = np.array([0, *((n & -n).bit_length() - 1 for n in range(1, 256))], np.uint64)


class UnsupportedForestError(ValueError):
    """A model that these loops cannot score. LightGBM's own predictor can."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """The trees of one booster as flat arrays.

    They are flattened in training and read from the bundle. The trees of older bundles are
    flattened when they are loaded. A test passes for a value up to its threshold. A row that passes
    goes to the left.
    """

    n_features: int
    starts: NDArray[np.int64]  # (t + 1,) first test of each tree; the last entry is the end
    leaf_starts: NDArray[np.int64]  # (t,) first leaf of each tree in ``leaves``
    columns: NDArray[np.int32]  # (s,) the column that each test reads
    thresholds: NDArray[np.float32]  # (s,)
    missing: NDArray[np.uint8]  # (s,) which values count as missing: none, zero or NaN
    missing_passes: NDArray[np.bool_]  # (s,) True: a missing value passes
    masks: NDArray[np.unsignedinteger]  # (s,) leaves that remain when the test fails
    passed: NDArray[np.int32]  # (s,) the next test when passed; ~leaf when there is none
    failed: NDArray[np.int32]  # (s,) the same when not passed
    leaves: NDArray[np.float64]  # (l,) values, each tree from left to right
    use_masks: bool  # False: some tree has more leaves than a mask has bits

    def score(self, columns: NDArray[np.float32], trees: int = -1) -> NDArray[np.float64]:
        """Return the sum of the first ``trees`` trees, (n,); -1: of all.

        Args:
            columns: (f, n) in C order.
            trees: how many trees to add up.

        Raises:
            ValueError: the number of columns is not that of the model.
        """
        if len(columns) != self.n_features:
            raise ValueError(f"the trees read {self.n_features} columns, there are {len(columns)}")
        total = np.zeros(columns.shape[1])
        n_trees = len(self.leaf_starts)
        n_trees = n_trees if trees < 0 else min(trees, n_trees)
        tests = (self.starts, self.leaf_starts, self.columns, self.thresholds)
        rules = (self.missing, self.missing_passes)
        if self.use_masks:
            add_masked_trees(columns, n_trees, *tests, *rules, self.masks, self.leaves, total)
        else:
            nodes = (self.passed, self.failed)
            add_walked_trees(columns, n_trees, *tests, *rules, *nodes, self.leaves, total)
        return total

    def write(self, path: Path) -> None:
        """Write the arrays into one file, the same bytes for the same trees."""
        with path.open("wb") as file:
            np.savez(file, **{each.name: getattr(self, each.name) for each in fields(self)})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what ``write`` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays: dict[str, Any] = {each.name: stored[each.name] for each in fields(cls)}
            for name, number in (("n_features", int), ("use_masks", bool)):
                arrays[name] = number(arrays[name])
        except (KeyError, TypeError, BadZipFile) as error:
            raise ValueError(f"{path} is damaged: {error}") from None
        forest = cls(**arrays)
        if not forest.is_sound:
            raise ValueError(f"{path} is damaged: a tree leads out of the arrays")
        return forest

    @property
    def is_sound(self) -> bool:
        """Whether every test, column and leaf that scoring can reach is there."""
        n_trees, n_tests, n_leaves = len(self.leaf_starts), len(self.columns), len(self.leaves)
        rules = len(self.thresholds), len(self.missing), len(self.missing_passes)
        lengths = {n_tests, *rules, len(self.masks), len(self.passed), len(self.failed)}
        sizes = np.diff(self.starts)
        if len(lengths) > 1 or len(self.starts) != n_trees + 1 or (sizes < 0).any():
            return False
        leaf_counts = sizes + 1  # a tree has one leaf more than it has tests
        ends = np.cumsum(leaf_counts)
        if not np.array_equal(self.leaf_starts, ends - leaf_counts):
            return False
        if (self.starts[0], self.starts[-1], leaf_counts.sum()) != (0, n_tests, n_leaves):
            return False
        own_tests, own_leaves = np.repeat(sizes, sizes), np.repeat(leaf_counts, sizes)
        own_numbers = np.arange(n_tests) - np.repeat(self.starts[:-1], sizes)
        nodes = np.stack([self.passed, self.failed])
        leads_on = (nodes > own_numbers) & (nodes < own_tests)
        leads_to_leaf = (nodes < 0) & (~nodes < own_leaves)
        columns_inside = (self.columns >= 0) & (self.columns < self.n_features)
        return bool((leads_on | leads_to_leaf).all() and columns_inside.all()) and (
            not self.use_masks or self._keeps_last_leaves(sizes)
        )

    def _keeps_last_leaves(self, sizes: NDArray[np.int64]) -> bool:
        """Whether no test removes the last leaf of its tree, so that some leaf always remains."""
        grown = sizes > 0
        remaining = np.bitwise_and.reduceat(self.masks, self.starts[:-1][grown])
        last = np.uint64(1) << sizes[grown].astype(np.uint64)  # leaves are counted from 0
        return bool((remaining.astype(np.uint64) & last).all())


def flatten(model: Mapping[str, Any]) -> Forest:
    """Flatten the trees of ``lightgbm.Booster.dump_model()``.

    Raises:
        UnsupportedForestError: the model has categorical splits, linear leaves or several outputs,
            or it averages its trees.
    """
    if model["num_tree_per_iteration"] != 1:
        raise UnsupportedForestError("the model has several outputs a row")
    if model.get("average_output"):
        raise UnsupportedForestError("the model averages its trees instead of adding them up")
    trees = [_Tree.of(info["tree_structure"]) for info in model["tree_info"]]
    sizes = [len(tree.columns) for tree in trees]
    leaf_counts = [len(tree.leaves) for tree in trees]
    max_leaves = max(leaf_counts, default=1)

    def joined(parts: Sequence[Sequence[Any]], dtype: Any) -> NDArray[Any]:
        return np.array([value for part in parts for value in part], dtype)

    return Forest(
        n_features=model["max_feature_idx"] + 1,
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        leaf_starts=(np.cumsum(leaf_counts) - leaf_counts).astype(np.int64),
        columns=joined([tree.columns for tree in trees], np.int32),
        thresholds=joined([tree.thresholds for tree in trees], np.float32),
        missing=joined([tree.missing for tree in trees], np.uint8),
        missing_passes=joined([tree.missing_passes for tree in trees], np.bool_),
        masks=joined([tree.masks for tree in trees], np.uint64).astype(_mask_type(max_leaves)),
        passed=joined([tree.passed for tree in trees], np.int32),
        failed=joined([tree.failed for tree in trees], np.int32),
        leaves=joined([tree.leaves for tree in trees], np.float64),
        use_masks=max_leaves <= MAX_MASK_LEAVES,
    )


def _mask_type(max_leaves: int) -> type[np.unsignedinteger]:
    """Return the narrowest type with a bit for each leaf: more narrow masks are tested at once."""
    wide_enough = (each for each in MASK_TYPES if max_leaves <= 8 * each().itemsize)
    return next(wide_enough, np.uint64)


@dataclass(slots=True)
class _Tree:
    """The tests and the leaves of one tree. Leaves are numbered from left to right."""

    columns: list[int] = field(default_factory=list)
    thresholds: list[np.float32] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    missing_passes: list[bool] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, root: Mapping[str, Any]) -> "_Tree":
        """Flatten a tree as ``dump_model`` nests it."""
        tree = cls()
        tree.add(root)
        return tree

    def add(self, node: Mapping[str, Any]) -> int:
        """Add a node and all nodes below it. Return its number; ~number for a leaf."""
        if "split_index" not in node:
            if "leaf_coeff" in node or "leaf_const" in node:
                raise UnsupportedForestError("the model has linear leaves")
            self.leaves.append(node["leaf_value"])
            return ~(len(self.leaves) - 1)
        if node["decision_type"] != "<=":
            raise UnsupportedForestError("the model has categorical splits")
        number, first_leaf = len(self.columns), len(self.leaves)
        self.columns.append(node["split_feature"])
        self.thresholds.append(round_down(node["threshold"]))
        self.missing.append(MISSING_TYPES[node["missing_type"]])
        self.missing_passes.append(bool(node["default_left"]))
        for each in (self.masks, self.passed, self.failed):
            each.append(0)
        self.passed[number] = self.add(node["left_child"])
        n_left = len(self.leaves) - first_leaf
        self.failed[number] = self.add(node["right_child"])
        if first_leaf + n_left <= MAX_MASK_LEAVES:
            removed = ((1 << n_left) - 1) << first_leaf
            self.masks[number] = ~removed & (2**64 - 1)
        return number


def round_down(threshold: float) -> np.float32:
    """Return a float32 that the same values pass, if values near zero count as zero."""
    if abs(threshold) <= float(ZERO_THRESHOLD):
        below = np.nextafter(-ZERO_THRESHOLD, np.float32(-np.inf))
        return ZERO_THRESHOLD if threshold >= 0 else below
    if abs(threshold) >= DUMPED_INFINITY:
        return np.float32(np.copysign(np.inf, threshold))
    with np.errstate(over="ignore"):
        rounded = np.float32(threshold)
    is_above = float(rounded) > threshold
    return np.nextafter(rounded, np.float32(-np.inf)) if is_above else rounded


@inline
def lowest_bit(bits: np.unsignedinteger, n_bytes: int) -> np.uint64:
    """Return the number of the lowest bit that is set, in a number of up to eight bytes."""
    rest, number = np.uint64(bits), np.uint64(0)
    for _ in range(n_bytes - 1):
        if rest & BYTE:
            break
        rest, number = rest >> BITS, number + BITS
    return number + LOWEST_BITS[rest & BYTE]


TESTS = (read("i8"), read("i8"), read("i4"), read("f4"), read("u1"), read("?"))


@kernel(
    *(
        (read("f4", 2), scalar("i8"), *TESTS, read(mask), read("f8"), write("f8"))
        for mask in ("u1", "u2", "u4", "u8")
    )
)
def add_masked_trees(
    columns: NDArray[np.float32],
    n_trees: int,
    starts: NDArray[np.int64],
    leaf_starts: NDArray[np.int64],
    tested: NDArray[np.int32],
    thresholds: NDArray[np.float32],
    missing: NDArray[np.uint8],
    missing_passes: NDArray[np.bool_],
    masks: NDArray[Any],
    leaves: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add the leaf values of the trees to ``total``, (n,), in the order of the trees."""
    n = columns.shape[1]
    possible = np.empty(n, masks.dtype)
    every = ~masks.dtype.type(0)
    for tree in range(n_trees):
        possible[:] = every
        for test in range(starts[tree], starts[tree + 1]):
            column, threshold, mask = columns[tested[test]], thresholds[test], masks[test]
            if missing[test] == MISSING_NAN:
                if missing_passes[test]:
                    for i in range(n):
                        possible[i] &= mask if column[i] > threshold else every
                else:
                    for i in range(n):
                        possible[i] &= every if column[i] <= threshold else mask
            elif missing[test] == MISSING_NONE:  # NaN counts as 0
                kept_zero = every if np.float32(0.0) <= threshold else mask
                for i in range(n):
                    value = column[i]
                    kept = every if value <= threshold else mask
                    possible[i] &= kept_zero if value != value else kept  # noqa: PLR0124
            else:
                kept_missing = every if missing_passes[test] else mask
                for i in range(n):
                    value = column[i]
                    kept = every if value <= threshold else mask
                    is_missing = not (abs(value) > ZERO_THRESHOLD)
                    possible[i] &= kept_missing if is_missing else kept
        start = np.uint64(leaf_starts[tree])
        for i in range(n):
            total[i] += leaves[start + lowest_bit(possible[i], masks.itemsize)]


@kernel(
    (
        *(read("f4", 2), scalar("i8"), *TESTS),
        *(read("i4"), read("i4"), read("f8"), write("f8")),
    )
)
def add_walked_trees(
    columns: NDArray[np.float32],
    n_trees: int,
    starts: NDArray[np.int64],
    leaf_starts: NDArray[np.int64],
    tested: NDArray[np.int32],
    thresholds: NDArray[np.float32],
    missing: NDArray[np.uint8],
    missing_passes: NDArray[np.bool_],
    passed: NDArray[np.int32],
    failed: NDArray[np.int32],
    leaves: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """Add the leaf values of the trees to ``total``, (n,), in the order of the trees."""
    for tree in range(n_trees):
        start, leaf_start = starts[tree], leaf_starts[tree]
        first = 0 if starts[tree + 1] > start else -1
        for i in range(columns.shape[1]):
            node = np.int64(first)
            while node >= 0:
                test = start + node
                value, threshold = columns[tested[test], i], thresholds[test]
                is_nan = value != value  # noqa: PLR0124
                if missing[test] == MISSING_NONE:  # NaN counts as 0
                    passes = np.float32(0.0) <= threshold if is_nan else value <= threshold
                elif is_nan or (missing[test] == MISSING_ZERO and abs(value) <= ZERO_THRESHOLD):
                    passes = missing_passes[test]
                else:
                    passes = value <= threshold
                node = np.int64(passed[test] if passes else failed[test])
            total[i] += leaves[leaf_start + ~node]
