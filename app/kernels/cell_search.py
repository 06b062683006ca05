"""The search of vectors that are divided into cells and stored as codes of 4 bits.

The codes are those of a product quantiser: 4 bits stand for a few dimensions of the difference from
the mean of the cell, in units of the cell's spread. The product of a query with a code is a sum of
entries of a small table, looked up for 16 codes at once (André, Kermarrec, Le Scouarnec: Cache
locality is not enough, 2015). Sums are whole numbers, so that every processor finds the same.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from app.kernels.compiled import inline, kernel, read, scalar
from app.kernels.products import row_product
from app.kernels.selection import best_of

TOGETHER = 32  # vectors whose codes lie side by side
CODES = 16  # of 4 bits
LARGEST_ENTRY = 127  # of the table: two entries add up to less than 256
LANES = 16  # codes that one instruction looks up
BYTES, WORDS = (ir.VectorType(ir.IntType(bits), LANES) for bits in (8, 16))
EXPECTED = 3.0  # standard deviations by which few vectors of a cell are better than its mean
BUFFERED = 2  # candidates that are collected before the best are kept, in units of those


def sum_block(
    codes: NDArray[np.uint8], block: int, table: NDArray[np.uint8], sums: NDArray[np.uint16]
) -> None:
    """Write what the codes of each vector of a block add up to.

    Kernels call the compiled form of this function.

    Args:
        codes: (blocks, p, 32) each byte has the codes of two parts, the first in the lower bits.
        block: its number.
        table: (2 p, 16) what each code of each part adds, at most 127.
        sums: (32,) the result.
    """
    pairs = np.arange(codes.shape[1])[:, None]
    low, high = table[2 * pairs, codes[block] & 15], table[2 * pairs + 1, codes[block] >> 4]
    sums[:] = (low + high).sum(axis=0, dtype=np.uint16)


@overload(sum_block)
def _compile_sum_block(codes: Any, block: Any, table: Any, sums: Any) -> Any:  # noqa: ARG001
    def compiled(codes: Any, block: Any, table: Any, sums: Any) -> Any:
        _block_sums(codes, np.uint64(block), table, sums)  # type: ignore[call-arg]

    return compiled


@intrinsic
def _block_sums(_context: Any, codes: Any, block: Any, table: Any, sums: Any) -> Any:
    """Return the instructions of ``sum_block``."""
    unpack: Any = cgutils.unpack_tuple
    make_variable: Any = cgutils.alloca_once_value

    def write_code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        places = (0, arguments[0]), (2, arguments[2]), (3, arguments[3])
        matrix, entries, result = (
            context.make_array(signature.args[at])(context, builder, value=value)
            for at, value in places
        )
        pairs = unpack(builder, matrix.shape)[1]
        number = pairs.type
        width = builder.mul(pairs, number(TOGETHER))
        first = builder.gep(matrix.data, [builder.mul(arguments[1], width)])
        totals = [make_variable(builder, WORDS([0] * LANES)) for _ in range(TOGETHER // LANES)]
        steps = {"intp": number, "inc": True}
        with cgutils.for_range_slice(builder, number(0), pairs, number(1), **steps) as (pair, _):
            parts = builder.gep(entries.data, [builder.mul(pair, number(2 * CODES))])
            low, high = (_load(builder, parts, number(at)) for at in (0, CODES))
            column = builder.gep(first, [builder.mul(pair, number(TOGETHER))])
            for half, total in enumerate(totals):
                code = _load(builder, column, number(half * LANES))
                own = _look_up(builder, low, builder.and_(code, BYTES([15] * LANES)))
                other = _look_up(builder, high, builder.lshr(code, BYTES([4] * LANES)))
                more = builder.zext(builder.add(own, other), WORDS)
                builder.store(builder.add(builder.load(total), more), total)
        for half, total in enumerate(totals):
            place = builder.gep(result.data, [number(half * LANES)])
            place = builder.bitcast(place, WORDS.as_pointer())
            builder.store(builder.load(total), place, align=2)
        return context.get_dummy_value()

    return types.void(codes, block, table, sums), write_code


def _load(builder: Any, start: Any, at: Any) -> Any:
    """Read 16 bytes."""
    place = builder.bitcast(builder.gep(start, [at]), BYTES.as_pointer())
    return builder.load(place, align=1)


def _look_up(builder: Any, entries: Any, codes: Any) -> Any:
    """Return the entry of each of 16 codes in a table of 16 bytes.

    The compiler turns it into one instruction, where the processor has it.
    """
    result, lane = BYTES(ir.Undefined), ir.IntType(32)
    for n in range(LANES):
        at = builder.zext(builder.extract_element(codes, lane(n)), lane)
        result = builder.insert_element(result, builder.extract_element(entries, at), lane(n))
    return result


@inline
def largest_of(sums: NDArray[np.uint16]) -> np.uint16:
    """Return the largest sum of a block."""
    largest = sums[0]
    for at in range(1, TOGETHER):
        largest = max(largest, sums[at])
    return largest


@inline
def swap_entries(
    rows: NDArray[np.int64], products: NDArray[np.float32], one: int, other: int
) -> None:
    """Exchange two entries."""
    rows[one], rows[other] = rows[other], rows[one]
    products[one], products[other] = products[other], products[one]


@inline
def keep_best(
    rows: NDArray[np.int64], products: NDArray[np.float32], size: int, n: int
) -> tuple[int, np.float32]:
    """Move the best ``n`` of the first ``size`` entries to the front, in any order.

    Returns:
        The number of entries that are kept, and a product that others must exceed.
    """
    if size <= n:
        return size, np.float32(0.0)
    low, high = 0, size - 1
    while low < high:  # Hoare's selection, by the median of three
        first, middle, last = products[low], products[(low + high) // 2], products[high]
        pivot = max(min(first, middle), min(max(first, middle), last))
        left, right = low, high
        while left <= right:
            while products[left] > pivot:
                left += 1
            while products[right] < pivot:
                right -= 1
            if left <= right:
                swap_entries(rows, products, left, right)
                left += 1
                right -= 1
        if n <= right + 1:
            high = right
        elif n > left:
            low = left
        else:
            break
    return n, products[:n].min()


@inline
def fill_table(
    vector: NDArray[np.float32], codebooks: NDArray[np.float32], table: NDArray[np.uint8]
) -> tuple[np.float32, np.float32]:
    """Write what each code adds to a product, in whole steps; return the offset and the step.

    The product of the vector with a coded difference is about ``offset + step · sum``.
    """
    parts, codes, size = codebooks.shape
    products = np.zeros((parts, codes), np.float32)
    widest, offset = np.float32(0.0), np.float32(0.0)
    for part in range(parts):
        first = part * size
        for code in range(codes):
            for at in range(min(size, len(vector) - first)):
                products[part, code] += vector[first + at] * codebooks[part, code, at]
        least = products[part].min()
        products[part] -= least
        offset += least
        widest = max(widest, products[part].max())
    step = widest / np.float32(LARGEST_ENTRY) if widest > 0 else np.float32(1.0)
    for part in range(parts):
        for code in range(codes):
            table[part, code] = np.uint8(products[part, code] / step + np.float32(0.5))
    return offset, step


@inline
def length_of(vector: NDArray[np.float32]) -> np.float32:
    """Return the length of a vector."""
    squares = np.float32(0.0)
    for at in range(len(vector)):
        squares += vector[at] * vector[at]
    return np.sqrt(squares)


@inline
def best_cells(
    means: NDArray[np.float32],
    lengths: NDArray[np.float32],
    margins: NDArray[np.float32],
    vector: NDArray[np.float32],
    bound: float,
    n: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Return the cells to search, best first, what is expected of them, and the means' products.

    Cells of which no product above the bound is expected are left out. Where the lengths alone
    rule it out, the product is not computed.

    Args:
        means: (c, d)
        lengths: (c,) of the means.
        margins: (c,) by how much few vectors of the cell are better than its mean.
        vector: (d,)
        bound: 0 or larger.
        n: how many to return, at most.
    """
    products, size = np.empty(len(means), np.float32), 0
    cells, expected = np.empty(len(means), np.int64), np.empty(len(means), np.float32)
    length = length_of(vector)
    for cell in range(len(means)):
        if length * lengths[cell] + margins[cell] <= bound:
            continue
        products[cell] = row_product(means, cell, vector)
        cells[size], expected[size] = cell, products[cell] + margins[cell]
        size += expected[size] > bound
    best, most = best_of(cells[:size], expected[:size], n)
    return best, most, products


@inline
def exact_best(
    items: NDArray[np.float32], vector: NDArray[np.float32], rows: NDArray[np.int64], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows with the largest exact products above 0, best first, and the products."""
    nearest, products, size = np.empty(len(rows), np.int64), np.empty(len(rows), np.float32), 0
    for row in rows:
        nearest[size], products[size] = row, row_product(items, row, vector)
        size += products[size] > 0
    return best_of(nearest[:size], products[:size], limit)


@inline
def compare_long(
    rows: NDArray[np.int32],
    vectors: NDArray[np.float32],
    vector: NDArray[np.float32],
    candidates: NDArray[np.int64],
    products: NDArray[np.float32],
    n: int,
) -> tuple[int, np.float32]:
    """Write the best ``n`` rows and their products with a vector; return as ``keep_best`` does."""
    size, bound = 0, np.float32(0.0)
    for at in range(len(rows)):
        product = row_product(vectors, at, vector)
        if product > bound:
            candidates[size], products[size] = rows[at], product
            size += 1
            if size == len(candidates):
                size, bound = keep_best(candidates, products, size, n)
    return keep_best(candidates, products, size, n)


@kernel(
    (
        *(read("f4", 2), read("f4"), read("i4"), read("f4", 2)),
        *(read("f4", 2), read("f4"), read("f4"), read("i8")),
        *(read("u1", 3), read("i4", 2), read("f4", 2), read("f4"), read("f4", 3)),
        *(scalar("i8"), scalar("i8"), scalar("i8")),
    )
)
def nearest_in_cells(
    items: NDArray[np.float32],
    vector: NDArray[np.float32],
    long_rows: NDArray[np.int32],
    long_vectors: NDArray[np.float32],
    means: NDArray[np.float32],
    lengths: NDArray[np.float32],
    spreads: NDArray[np.float32],
    starts: NDArray[np.int64],
    codes: NDArray[np.uint8],
    rows: NDArray[np.int32],
    axes: NDArray[np.float32],
    deviations: NDArray[np.float32],
    codebooks: NDArray[np.float32],
    n_cells: int,
    n_exact: int,
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows with about the largest products above 0, best first, and the products.

    The products are exact, and equal ones stand in the order of their rows. The long vectors are
    compared first. A cell is left out if few of its vectors can be better than the candidates so
    far.

    Args:
        items: (n or more, d) all vectors.
        vector: (d,)
        long_rows: (l,) and so on: the arrays of ``app.artifacts.CellIndex``.
        long_vectors: (l, d)
        means: (c, d)
        lengths: (c,)
        spreads: (c,)
        starts: (c + 1,)
        codes: (b, p, 32)
        rows: (b, 32)
        axes: (a, d)
        deviations: (a,)
        codebooks: (2 p, 16, s)
        n_cells: how many are searched, at most.
        n_exact: candidates whose exact product is computed, 1 or more.
        limit: how many to return, at most.
    """
    candidates = np.empty(BUFFERED * n_exact, np.int64)
    products = np.empty(len(candidates), np.float32)
    size, bound = compare_long(long_rows, long_vectors, vector, candidates, products, n_exact)
    along = np.empty(len(axes), np.float32)
    for axis in range(len(axes)):
        along[axis] = row_product(axes, axis, vector)
    table, sums = np.zeros(codebooks.shape[:2], np.uint8), np.empty(TOGETHER, np.uint16)
    offset, step = fill_table(along, codebooks, table)
    margins = np.float32(EXPECTED) * length_of(along * deviations) * spreads
    cells, expected, of_means = best_cells(means, lengths, margins, vector, bound, n_cells)
    for place in range(len(cells)):
        cell = cells[place]
        if expected[place] <= bound:
            break
        unit = spreads[cell] * step
        base = of_means[cell] + spreads[cell] * offset
        for block in range(starts[cell], starts[cell + 1]):
            sum_block(codes, block, table, sums)
            if base + unit * np.float32(largest_of(sums)) <= bound:
                continue
            for at in range(TOGETHER):
                product = base + unit * np.float32(sums[at])
                if product > bound and rows[block, at] >= 0:
                    candidates[size], products[size] = rows[block, at], product
                    size += 1
                    if size == len(candidates):
                        size, bound = keep_best(candidates, products, size, n_exact)
    size, _ = keep_best(candidates, products, size, n_exact)
    return exact_best(items, vector, candidates[:size], limit)
