"""Runs the libraries in their own environments, and caches their lists."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.exchange import DETAILS_FILE
from offline.evaluate.metrics import Lists

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROCESSES = 2  # of one thread each
TUNING_SECONDS = 600.0  # processor seconds; then no further trial begins


@dataclass(frozen=True, slots=True)
class PeerFolders:
    """The folders of the peers, and how long one may run."""

    environments: Path = ROOT / ".venv-peers"
    cache: Path = HERE / ".cache"  # lists of the libraries: another run needs the funnel alone
    timeout: float = 3_600.0  # seconds for one library: tuning and five windows

    def interpreter(self, environment: str) -> list[str]:
        """Return the command of an environment's interpreter, limited to one thread."""
        one_thread = [f"{name}_NUM_THREADS=1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")]
        return ["env", *one_thread, str(self.environments / environment / "bin" / "python")]


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
        """Whether the peer has no lists."""
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
    command = [*folders.interpreter(library.environment), "-m", "benchmarks.quality.peers.runner"]
    command += [library.module, name, str(folder.resolve()), str(out.resolve()), tuning]
    try:
        process = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=folders.timeout, cwd=ROOT
        )
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
