"""A picture and its halves in one flat array of fixed length, whatever their sizes.

The same numbers as `cascade.crops.mip_chain` gives, one row after the other, one halved picture
after the other, where `Table.mips` says.
"""

import jax
import jax.numpy as jnp

from mtcnn_jax.anysize.layout import Table
from mtcnn_jax.cascade.crops import SPARE
from mtcnn_jax.cascade.materialize import materialize

CHUNK = 2**20
"""Numbers of a picture that are handed over at a time."""

PART = 2**16
"""Of those, what is converted in one go; what lies behind a picture is left out."""

HALVED = 2**12
"""Pixels halved in one go."""

ROOM = (2**22, 2**24, 2**27)
"""Pixels of the pictures that each kind of workspace holds."""


def length(room: int) -> int:
    """Numbers of a workspace for pictures of up to `room` pixels, of any aspect."""
    # Halving leaves a row of a picture one row high.
    return 3 * (room * 4 // 3 + 2**18 + SPARE + HALVED + CHUNK // 3 + 1)


def loaded(workspace: jax.Array, chunk: jax.Array, at: jax.Array, total: jax.Array) -> jax.Array:
    """The workspace with numbers of the picture in it.

    Args:
        workspace: float32 [n].
        chunk: uint8 [CHUNK].
        at: int32 [], where they go.
        total: int32 [], numbers of the picture.
    """

    def put(number: jax.Array, whole: jax.Array) -> jax.Array:
        start = number * PART
        part = jax.lax.dynamic_slice_in_dim(chunk, start, PART).astype(jnp.float32)
        return jax.lax.dynamic_update_slice_in_dim(whole, part, at + start, 0)

    parts = -(-jnp.minimum(total - at, CHUNK) // PART)
    return jax.lax.fori_loop(0, parts, put, workspace)


def halved(workspace: jax.Array, table: Table) -> jax.Array:
    """The workspace with all halves of the picture that lies at its beginning."""
    # Numbers, not pixels, fill a vector.
    pixel, channel = jnp.divmod(jnp.arange(3 * HALVED, dtype=jnp.int32), 3)

    def halve(mip: jax.Array, whole: jax.Array) -> jax.Array:
        start, height, width = table.mips[mip]
        source, high, wide = table.mips[mip - 1]
        extent = table.size.astype(jnp.float32) * jnp.exp2(1 - mip.astype(jnp.float32))

        def part(number: jax.Array, whole: jax.Array) -> jax.Array:
            first = number * HALVED
            row = first // width

            def means() -> jax.Array:
                ahead = first - row * width + pixel
                # Exact, for all that is below 2**22.
                down = jnp.floor((ahead.astype(jnp.float32) + 0.5) / width).astype(jnp.int32)
                y, x = 2 * (row + down), 2 * (ahead - down * width)
                lower, upper = _pair(y, extent[0])
                left, right = _pair(x, extent[1])
                at = 3 * (source + y * wide + x) + channel
                # Of an odd length the last has no other, which then weighs nothing.
                below = 3 * wide * (y + 1 < high)
                beside = 3 * (x + 1 < wide)
                one, two, three, four = (
                    whole.at[at + step].get(mode="promise_in_bounds")
                    for step in (0, beside, below, below + beside)
                )
                return (one * left + two * right) * lower + (three * left + four * right) * upper

            # Else the compiler reads and writes in one go, and copies the workspace for it.
            made = materialize(means, (3 * HALVED,), always=width > 0)
            return jax.lax.dynamic_update_slice_in_dim(whole, made, 3 * (start + first), 0)

        return jax.lax.fori_loop(0, -(-(height * width) // HALVED), part, whole)

    return jax.lax.fori_loop(1, table.depth, halve, workspace)


def _pair(first: jax.Array, extent: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Shares of a pixel and the next one in their mean, 0 for what lies beyond `extent`."""
    one, two = (jnp.clip(extent - (first + step).astype(jnp.float32), 0, 1) for step in (0, 1))
    total = jnp.maximum(one + two, 1e-6)
    return one / total, two / total
