"""What the compiler is to compute once, and not anew for all that reads it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def materialize(
    make: Callable[[], jax.Array], shape: tuple[int, ...], always: jax.Array
) -> jax.Array:
    """What `make` gives, computed once.

    The compiler would rather compute a crop anew for every neighbourhood that reads of it, and it
    ignores optimization barriers on a CPU. It does not look into a branch (decision 0008). On a
    GPU, where a branch is a wait for the host, there is none.

    Args:
        make: gives the array, float32.
        shape: of it.
        always: bool [], a comparison that holds and whose outcome the compiler cannot know.
    """
    if jax.default_backend() != "cpu":
        return make()
    return jax.lax.cond(always, make, lambda: jnp.zeros(shape, jnp.float32))
