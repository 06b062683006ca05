"""Compile the inner loops of a request with Numba, before the first request.

A kernel is a function over contiguous arrays, without I/O and without Python objects. Serving,
training and replay call the same kernels, so they compute the same bits. The options are the same
for all: the interpreter's lock is released, and floating-point operations keep their order.

With the environment variable ``NUMBA_DISABLE_JIT=1`` kernels run as plain Python, for debugging.
"""

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from threading import Lock
from time import monotonic
from typing import Any, Generic, ParamSpec, TypeVar

import numba
import numpy as np
from numba.core import types
from numba.core.caching import UserProvidedCacheLocator
from numba.np.numpy_support import from_dtype

log = logging.getLogger(__name__)

KERNELS_FOLDER = Path(__file__).parent
SOURCES_DIGEST = "kernels.sha256"  # beside the compiled code
CACHE_FOLDER = Path(".cache") / "recfunnel-kernels"  # in the home folder
P = ParamSpec("P")
R = TypeVar("R")


def scalar(dtype: str) -> Any:
    """Return the type of a number, such as "f4" or "i8"."""
    return from_dtype(np.dtype(dtype))


def read(dtype: str, ndim: int = 1) -> Any:
    """Return the type of a contiguous array that the kernel does not change."""
    return types.Array(scalar(dtype), ndim, "C", readonly=True)


def write(dtype: str, ndim: int = 1) -> Any:
    """Return the type of a contiguous array that the kernel changes."""
    return types.Array(scalar(dtype), ndim, "C")


class Kernel(Generic[P, R]):
    """A function that is compiled for the declared types of its arguments, and for no others."""

    def __init__(self, function: Callable[P, R], signatures: tuple[tuple[Any, ...], ...]) -> None:
        self.python = function  # what is compiled, as plain Python
        self._signatures = signatures
        self._dispatcher = _with_cache(function)
        self._is_compiled = False
        self._lock = Lock()  # threads may call it for the first time at once

    def compile(self) -> bool:
        """Compile the function, or load it from the cache. Return whether it was compiled."""
        with self._lock:
            if self._is_compiled or not hasattr(self._dispatcher, "compile"):  # compilation is off
                return False
            with _only_one_process(self._dispatcher):
                for signature in self._signatures:
                    self._dispatcher.compile(signature)
            self._dispatcher.disable_compile()
            self._is_compiled = True
            return bool(self._dispatcher.stats.cache_misses)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the compiled function.

        Raises:
            TypeError: the arguments have other types than the declared ones.
        """
        if not self._is_compiled:
            self.compile()
        result: R = self._dispatcher(*args, **kwargs)
        return result


@contextmanager
def _only_one_process(dispatcher: Any) -> Iterator[None]:
    """Let one process compile a function while others wait, who then load it from the cache."""
    with ExitStack() as stack:
        with suppress(OSError, TypeError):  # nothing is cached
            path = Path(dispatcher.stats.cache_path, f"{dispatcher.__qualname__}.lock")
            fcntl.flock(stack.enter_context(path.open("wb")), fcntl.LOCK_EX)
        yield


KERNELS: list[Kernel[..., Any]] = []


def kernel(*signatures: tuple[Any, ...]) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Declare a kernel by the types of its arguments, one tuple for each combination of types."""

    def declare(function: Callable[P, R]) -> Kernel[P, R]:
        declared = Kernel(function, signatures)
        KERNELS.append(declared)
        return declared

    return declare


class Inline(Generic[P, R]):
    """A function that is compiled into the kernels that call it. Python calls it as it is.

    It has no cache of its own: processes that compile at once would overwrite its versions for
    different types.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.python = function
        self._dispatcher: Any = numba.njit(function, nogil=True, error_model="numpy")
        if hasattr(self._dispatcher, "_numba_type_"):  # Numba looks for it; not where it is off
            self._numba_type_ = self._dispatcher._numba_type_

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in Python."""
        return self.python(*args, **kwargs)


def inline(function: Callable[P, R]) -> Any:
    """Declare a function that only kernels call."""
    return Inline(function)


def _with_cache(function: Callable[P, R]) -> Any:
    """Prepare to compile a function. The compiled code is kept for the next process."""
    discard_outdated_code(
        Path(function.__code__.co_filename).parent / "__pycache__", KERNELS_FOLDER
    )
    try:
        return numba.njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError as error:  # no folder for the cache can be written
        log.warning("the compiled code of %s is not kept: %s", function.__name__, error)
        return numba.njit(function, nogil=True, error_model="numpy")


def _can_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


@cache
def discard_outdated_code(folder: Path, sources: Path) -> bool:
    """Delete compiled code that was made from other sources. Return whether the rest is current.

    Numba compares compiled code with its own file alone, but a kernel contains the functions of
    other files, too. The digest of all sources is kept beside the compiled code.

    Args:
        folder: of the compiled code.
        sources: the folder of the kernels.
    """
    files = sorted(sources.glob("*.py"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    kept = folder / SOURCES_DIGEST
    with suppress(OSError):
        if kept.read_text() == digest:
            return True
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.nb?"):
            file.unlink(missing_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_text(digest)
        partial.replace(kept)
    except OSError:  # nobody can write there
        return not any(folder.glob("*.nb?"))
    return True


def use_installed_cache(
    installed: Path, home: Path, can_write: Callable[[Path], bool] = _can_write
) -> None:
    """Copy compiled code to where it can be read, if it was installed where nobody can write.

    Numba reads no cache that it cannot write, such as that of a read-only image.

    Args:
        installed: the folder of the compiled code.
        home: the folder below which the copy is made, readable by this user alone.
        can_write: whether a folder can be written.
    """
    files = sorted(installed.glob("*.nb?"))
    if not files or can_write(installed):
        return
    subfolder: str = UserProvidedCacheLocator.get_suitable_cache_subpath(__file__)  # type: ignore[no-untyped-call]
    folder = home / CACHE_FOLDER / subfolder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in files:
            partial = folder / f"{file.name}.{os.getpid()}"
            shutil.copyfile(file, partial)
            partial.replace(folder / file.name)  # several workers may copy at once
    except OSError as error:
        log.warning("the installed code of the kernels is not used: %s", error)
        return
    numba.config.CACHE_DIR = str(home / CACHE_FOLDER)  # type: ignore[attr-defined]


if discard_outdated_code(KERNELS_FOLDER / "__pycache__", KERNELS_FOLDER):
    use_installed_cache(KERNELS_FOLDER / "__pycache__", Path.home())


def compile_kernels(announce: Callable[[str], None] = log.info) -> float:
    """Compile all kernels of this folder, or load them from the cache; return the seconds it took.

    Args:
        announce: called with a sentence if code has to be compiled, which takes a while.
    """
    began = monotonic()
    for module in iter_modules([str(Path(__file__).parent)]):
        import_module(f"{__package__}.{module.name}")
    is_announced = False
    first = os.getpid() % max(1, len(KERNELS))  # processes that start at once divide the work
    for each in KERNELS[first:] + KERNELS[:first]:
        if each.compile() and not is_announced:
            is_announced = True
            announce("Compiling the kernels for this machine: once, about half a minute")
    return monotonic() - began
