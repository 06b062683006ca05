"""Products of vectors, in the same order of additions on every machine."""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from app.kernels.compiled import inline

LANES = 8  # partial sums of a product: a single sum would wait for each addition
BLOCK = 32  # entries of a loop over vectors of the processor, four at a time


def row_product(items: NDArray[np.float32], row: int, vector: NDArray[np.float32]) -> np.float32:
    """Return the product of one row of a matrix with a vector, summed in eight lanes.

    Kernels call the compiled form of this function, which adds up in the same order.
    """
    products = items[row] * vector
    whole = len(vector) - len(vector) % LANES
    lanes = np.zeros(LANES, np.float32)
    for start in range(0, whole, LANES):
        lanes += products[start : start + LANES]
    while len(lanes) > 1:
        lanes = lanes[::2] + lanes[1::2]
    total = np.float32(lanes[0])
    for product in products[whole:]:
        total += product
    return total


@overload(row_product)
def _compile_row_product(items: Any, row: Any, vector: Any) -> Any:  # noqa: ARG001 - types alone
    def compiled(items: Any, row: Any, vector: Any) -> Any:
        return _lanes_product(items, np.uint64(row), vector)  # type: ignore[call-arg]

    return compiled


@intrinsic
def _lanes_product(_context: Any, items: Any, row: Any, vector: Any) -> Any:
    """Return the instructions of ``row_product``.

    Numba does not compile eight sums of a loop into one vector of the processor, and a loop of
    single sums takes three times as long.
    """
    make_variable: Any = cgutils.alloca_once_value
    unpack: Any = cgutils.unpack_tuple

    def write_code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        matrix = context.make_array(signature.args[0])(context, builder, value=arguments[0])
        other = context.make_array(signature.args[2])(context, builder, value=arguments[2])
        (size,) = unpack(builder, other.shape)
        first = builder.gep(matrix.data, [builder.mul(arguments[1], size)])
        lanes_type, number = ir.VectorType(ir.FloatType(), LANES), size.type
        whole = builder.and_(size, number(-LANES))
        sums = make_variable(builder, lanes_type([0.0] * LANES))

        def load(start: Any, at: Any) -> Any:
            place = builder.bitcast(builder.gep(start, [at]), lanes_type.as_pointer())
            return builder.load(place, align=4)

        steps = {"intp": number, "inc": True}
        with cgutils.for_range_slice(builder, number(0), whole, number(LANES), **steps) as (at, _):
            product = builder.fmul(load(first, at), load(other.data, at))
            builder.store(builder.fadd(builder.load(sums), product), sums)
        lanes = [
            builder.extract_element(builder.load(sums), ir.IntType(32)(n)) for n in range(LANES)
        ]
        while len(lanes) > 1:
            lanes = [builder.fadd(*pair) for pair in zip(lanes[::2], lanes[1::2], strict=True)]
        total = make_variable(builder, lanes[0])
        with cgutils.for_range_slice(builder, whole, size, number(1), **steps) as (at, _):
            one = builder.load(builder.gep(first, [at]))
            product = builder.fmul(one, builder.load(builder.gep(other.data, [at])))
            builder.store(builder.fadd(builder.load(total), product), total)
        return builder.load(total)

    return types.float32(items, row, vector), write_code


@inline
def side_by_side(items: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the rows of a matrix as columns, (d, n); zeros fill the last block of columns."""
    width = -(-len(rows) // BLOCK) * BLOCK
    columns = np.zeros((items.shape[1], width), np.float32)
    for i in range(len(rows)):
        row = np.uint64(rows[i])
        for d in range(items.shape[1]):
            columns[d, i] = items[row, d]
    return columns


@inline
def add_products(
    sums: NDArray[np.float32], columns: NDArray[np.float32], vector: NDArray[np.float32]
) -> None:
    """Add the products of all columns (d, n) with a vector (d,) to ``sums``, (n,)."""
    size = len(vector)
    whole = size - size % 4
    for d in range(0, whole, 4):  # four dimensions for each reading of the sums
        v0, v1, v2, v3 = vector[d], vector[d + 1], vector[d + 2], vector[d + 3]
        for i in range(len(sums)):
            total = sums[i] + columns[d, i] * v0
            total += columns[d + 1, i] * v1
            total += columns[d + 2, i] * v2
            sums[i] = total + columns[d + 3, i] * v3
    for d in range(whole, size):
        for i in range(len(sums)):
            sums[i] += columns[d, i] * vector[d]
