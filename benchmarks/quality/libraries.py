"""Runs the libraries in their own environments, caches their lists, and compares with ranx."""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np

from benchmarks.quality.exchange import DETAILS_FILE
from benchmarks.quality.windows import MAX_LIST_LENGTH, WindowLists
from offline.evaluate.metrics import Lists

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROCESSES = 2  # of one thread each
TUNING_SECONDS = 600.0  # processor seconds; then no further trial begins
RANX_ENVIRONMENT = "matrix"
TOLERANCE = 1e-9  # of a figure, against that of ranx


@dataclass(frozen=True, slots=True)
class PeerFolders:
    """The folders of the peers, and how long one may run."""

    environments: Path = ROOT / ".venv-peers"
    cache: Path = HERE / ".cache"  # lists of the libraries: another run needs the funnel alone
    timeout: float = 3_600.0  # seconds for one library: tuning and five windows

    def run(self, environment: str, module: str, *arguments: str) -> CompletedProcess[str]:
        """Run a module of ``peers`` in an environment, on one thread.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``timeout``.
        """
        one_thread = [f"{name}_NUM_THREADS=1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")]
        python = str(self.environments / environment / "bin" / "python")
        command = ["env", *one_thread, python, "-m", f"benchmarks.quality.peers.{module}"]
        return subprocess.run(  # noqa: S603
            [*command, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=self.timeout,
            cwd=ROOT,
        )


PEER_FOLDERS = PeerFolders()


@dataclass(frozen=True, slots=True)
class Tuning:
    """How long a peer is tuned, and the settings of peers that are not tuned."""

    seconds: float = TUNING_SECONDS
    fixed_settings: Mapping[str, dict[str, Any]] = field(default_factory=dict)


DEFAULT_TUNING = Tuning()


@dataclass(frozen=True, slots=True)
class Library:
    """Where the code of a peer is, and the environment it runs in."""

    module: str  # in benchmarks/quality/peers
    environment: str  # in .venv-peers
    needs_times: bool = False  # cannot run on data without timestamps


# In the order they start: the slow ones first, so that two processes end together.
LIBRARIES = {
    "sasrec": Library("rectools", "rectools", needs_times=True),
    "slim": Library("irspack", "matrix"),
    "warp_lightfm": Library("lightfm", "rectools"),
    "ease": Library("irspack", "matrix"),
    "svd_surprise": Library("surprise", "matrix"),
    "bpr_implicit": Library("implicit", "matrix"),
    "als_implicit": Library("implicit", "matrix"),
    "ials_irspack": Library("irspack", "matrix"),
    "ials_lenskit": Library("lenskit", "matrix"),
    "item_knn": Library("lenskit", "matrix"),
    "user_knn": Library("lenskit", "matrix"),
    "rp3beta": Library("irspack", "matrix"),
    "recency_popularity": Library("popularity", "matrix", needs_times=True),
    "popularity": Library("popularity", "matrix"),
}
RULE_BASED = ("popularity", "recency_popularity")  # rules, not libraries


@dataclass(frozen=True, slots=True, eq=False)
class LibraryResult:
    """The lists (u, 100) of a peer for each test window, with its settings or its error."""

    lists: list[Lists]
    details: dict[str, Any]

    @property
    def has_failed(self) -> bool:
        return "error" in self.details


def run_libraries(
    names: list[str],
    folder: Path,
    show_step: Callable[[str, LibraryResult], None],
    tuning: Tuning = DEFAULT_TUNING,
    folders: PeerFolders = PEER_FOLDERS,
) -> dict[str, LibraryResult]:
    """Run these peers on the tasks in ``folder``, two at a time; cached lists are used again."""

    def tuning_of(name: str) -> str:
        settings = tuning.fixed_settings.get(name)
        if settings is None or "parameters" not in settings:
            return str(tuning.seconds)
        path = folder / f"{name}.settings.json"
        path.write_text(json.dumps(settings, indent=1))
        return str(path.resolve())

    def run_one(name: str) -> LibraryResult:
        cached = _read_result(result_folder(name, folder))
        result = cached or _run(name, folder, tuning_of(name), folders)
        show_step(name, result)
        return result

    with ThreadPoolExecutor(PROCESSES) as pool:
        return dict(zip(names, pool.map(run_one, names), strict=True))


def result_folder(name: str, folder: Path) -> Path:
    """Return the cache folder of a peer; it depends on the data, its code and its versions."""
    library = LIBRARIES[name]
    peers = HERE / "peers"
    digest = hashlib.sha256((HERE / "exchange.py").read_bytes())
    for part in ("peer.py", "runner.py", f"{library.module}.py"):
        digest.update((peers / part).read_bytes())
    digest.update((peers / f"requirements-{library.environment}.txt").read_bytes())
    return folder / f"{name}-{digest.hexdigest()[:8]}"


def _run(name: str, folder: Path, tuning: str, folders: PeerFolders) -> LibraryResult:
    library, out = LIBRARIES[name], result_folder(name, folder)
    paths = (str(folder.resolve()), str(out.resolve()))
    try:
        process = folders.run(library.environment, "runner", library.module, name, *paths, tuning)
    except subprocess.TimeoutExpired:
        return LibraryResult([], {"error": f"it took longer than {folders.timeout:g} seconds"})
    failure = {"error": process.stderr.strip()[-500:] or f"exit code {process.returncode}"}
    return _read_result(out) or LibraryResult([], failure)


def _read_result(out: Path) -> LibraryResult | None:
    """Read a cached result. Its details are written last, so with them it is complete."""
    if not (out / DETAILS_FILE).exists():
        return None
    lists = [np.load(path, allow_pickle=False) for path in sorted(out.glob("test-*.npy"))]
    return LibraryResult(lists, json.loads((out / DETAILS_FILE).read_text()))


class MetricsDifferError(Exception):
    """The project's metrics differ from those of ranx, so no figure can be trusted."""


def largest_difference(
    windows: Sequence[WindowLists], folders: PeerFolders = PEER_FOLDERS
) -> float | None:
    """Return the largest difference of any figure of any user; None without the environment.

    Raises:
        MetricsDifferError: the difference is more than rounding.
    """
    if not (folders.environments / RANX_ENVIRONMENT).exists():
        return None
    worst = max(_difference(part, folders) for part in windows)
    if worst > TOLERANCE:
        raise MetricsDifferError(
            f"a figure differs from that of ranx by {worst:.1e}, more than {TOLERANCE:.0e}"
        )
    return worst


def _difference(part: WindowLists, folders: PeerFolders) -> float:
    relevant = part.window.relevant
    lists: dict[str, Any] = {
        f"lists {name}": rows[:, :MAX_LIST_LENGTH] for name, rows in part.lists.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists.npz"
        np.savez(path, indptr=relevant.indptr, rows=relevant.rows, grades=relevant.grades, **lists)
        process = folders.run(RANX_ENVIRONMENT, "cross_check", str(path))
    if process.returncode:
        raise MetricsDifferError(f"ranx failed:\n{process.stderr[-1000:]}")
    return float(process.stdout.split()[-1])
