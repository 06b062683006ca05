"""Writable arrays over the mapped files of a bundle, with rows appended, that copy no row.

The system copies a page when it is written to. Pages that nobody writes to are shared by all
processes, and can be read from the file again when memory is scarce.
"""

import ctypes
import mmap
import os
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAP_FIXED = 0x10  # the same on Linux and macOS; the module mmap does not name it
PROTECTION = mmap.PROT_READ | mmap.PROT_WRITE
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0)  # pages that are never written need no swap space
POPULATE_READ = 22  # of Linux: the first requests find the pages in place
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64),
)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


def extend_rows(array: NDArray[Any], n: int, filler: float = 0) -> NDArray[Any]:
    """Return a writable array of ``n`` rows: those of ``array``, then rows of ``filler``.

    The array itself never changes. If it is mapped from a file, only the new rows and the pages
    that are written to take memory. Any other array is copied.

    Args:
        array: (m, ...), C-contiguous.
        n: m or more.
        filler: the value of the new rows.
    """
    extended = _map_again(array, n)
    if extended is None:
        extended = np.empty((n, *array.shape[1:]), array.dtype)
        extended[: len(array)] = array
    extended[len(array) :] = filler
    return extended


def extend_columns(array: NDArray[Any], n: int, filler: float = 0) -> NDArray[Any]:
    """Return a writable array of ``n`` columns, stored column by column; see ``extend_rows``.

    Args:
        array: (k, m), Fortran-contiguous if it is mapped from a file.
        n: m or more.
        filler: the value of the new columns.
    """
    return extend_rows(np.ascontiguousarray(array.T), n, filler).T


def _map_again(array: NDArray[Any], n: int) -> NDArray[Any] | None:
    """Map the file of an array privately, with more memory behind it; None: it has no file."""
    source = _find_map(array)
    if source is None or source.filename is None or not array.size or not array.flags.c_contiguous:
        return None
    start = source.offset + _address(array) - _address(source)
    shape = (n, *array.shape[1:])
    size = start + int(np.prod(shape)) * array.itemsize
    memory = _reserve(size)
    if memory is None:
        return None
    try:
        file = os.open(source.filename, os.O_RDONLY)
    except OSError:  # the bundle was removed: its pages can still be read and copied
        return None
    flags = mmap.MAP_PRIVATE | MAP_FIXED | NO_RESERVE
    address, length = ctypes.addressof(memory), start + array.nbytes
    placed = _libc.mmap(address, length, PROTECTION, flags, file, 0)
    os.close(file)
    if placed != address:
        return None
    _libc.madvise(address, length, POPULATE_READ)  # a system that cannot do it changes nothing
    return np.ndarray(shape, array.dtype, memory, start)  # type: ignore[arg-type]


def _reserve(size: int) -> ctypes.Array[ctypes.c_char] | None:
    """Return memory of zeros that takes pages as they are written; None: there is none."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
    address = _libc.mmap(None, size, PROTECTION, flags, -1, 0)
    if address in {None, ctypes.c_void_p(-1).value}:
        return None
    memory = (ctypes.c_char * size).from_address(address)
    weakref.finalize(memory, _libc.munmap, address, size)
    return memory


def _find_map(array: NDArray[Any]) -> "np.memmap[Any, Any] | None":
    """Return the mapped file that an array is a view of."""
    owner: Any = array
    while owner is not None:
        if isinstance(owner, np.memmap) and not isinstance(owner.base, np.memmap):
            return owner
        owner = getattr(owner, "base", None)
    return None


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
