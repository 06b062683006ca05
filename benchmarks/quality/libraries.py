"""Runs the libraries in their own environments, and keeps what they answered."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offline.evaluate.metrics import Lists

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / ".venv-peers"
CACHE = HERE / ".cache"  # what libraries answered, so that the funnel can be judged again alone
PROCESSES = 2  # processes, of one thread each
TUNING_SECONDS = 600.0  # processor seconds of tuning, after which no further trial is begun
TIMEOUT = 3_600.0  # seconds for one library: tuning and five windows


@dataclass(frozen=True, slots=True)
class Library:
    """Where one peer's code is, and the environment it runs in."""

    module: str  # in benchmarks/quality/peers
    environment: str  # in .venv-peers
    needs_times: bool = False  # asks when things happened: not for data without timestamps


# In the order they are begun: the slow ones first, so that two processes end together.
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
RULE_BASED = ("popularity", "recency_popularity")  # of no library


@dataclass(frozen=True, slots=True, eq=False)
class LibraryResult:
    """What a peer gave: lists (u, 100) for each test window, and how it was set; or why not."""

    lists: list[Lists]
    details: dict[str, Any]

    @property
    def has_failed(self) -> bool:
        """Say whether there are no lists."""
        return "error" in self.details


def run_libraries(
    names: list[str],
    folder: Path,
    done: Callable[[str, LibraryResult], None],
    patience: float = TUNING_SECONDS,
    chosen: Mapping[str, dict[str, Any]] | None = None,
) -> dict[str, LibraryResult]:
    """Ask these peers what is in ``folder``, two at a time; what was answered before is kept.

    ``patience`` is in processor seconds of tuning, after which no further trial is begun. Peers
    that are in ``chosen``, by name, are set as told there instead of being tuned.
    """

    def how(name: str) -> str:
        told = (chosen or {}).get(name)
        if told is None or "parameters" not in told:
            return str(patience)
        path = folder / f"{name}.chosen.json"
        path.write_text(json.dumps(told, indent=1))
        return str(path.resolve())

    def one(name: str) -> LibraryResult:
        answer = _kept(result_folder(name, folder)) or _run(name, folder, how(name))
        done(name, answer)
        return answer

    with ThreadPoolExecutor(PROCESSES) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def result_folder(name: str, folder: Path) -> Path:
    """Name the folder of a peer's answers: it changes with the data, its code and its versions."""
    library = LIBRARIES[name]
    peers = HERE / "peers"
    told = hashlib.sha256((HERE / "exchange.py").read_bytes())
    for part in ("peer.py", "runner.py", f"{library.module}.py"):
        told.update((peers / part).read_bytes())
    told.update((peers / f"requirements-{library.environment}.txt").read_bytes())
    return folder / f"{name}-{told.hexdigest()[:8]}"


def interpreter(environment: str) -> list[str]:
    """Give the command of an environment's interpreter, held to one thread."""
    one_thread = [f"{name}_NUM_THREADS=1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")]
    return ["env", *one_thread, str(ENVIRONMENTS / environment / "bin" / "python")]


def _run(name: str, folder: Path, how: str) -> LibraryResult:
    library, out = LIBRARIES[name], result_folder(name, folder)
    command = [*interpreter(library.environment), "-m", "benchmarks.quality.peers.runner"]
    command += [library.module, name, str(folder.resolve()), str(out.resolve()), how]
    try:
        ended = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return LibraryResult([], {"error": f"not ready within {TIMEOUT:.0f} seconds"})
    failure = {"error": ended.stderr.strip()[-500:] or f"ended with {ended.returncode}"}
    return _kept(out) or LibraryResult([], failure)


def _kept(out: Path) -> LibraryResult | None:
    """Read an earlier answer; its last file says that it is whole."""
    if not (out / "told.json").exists():
        return None
    lists = [np.load(path, allow_pickle=False) for path in sorted(out.glob("test-*.npy"))]
    return LibraryResult(lists, json.loads((out / "told.json").read_text()))
