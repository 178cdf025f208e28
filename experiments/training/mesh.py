"""The devices that a batch is split over, of one process or of several."""

import functools

import jax
import numpy as np

from data.batches import gather
from data.samples import Samples

AXIS = "data"


class Layout:
    """Where arrays lie: all over the devices, or split over them.

    Attributes:
        mesh: the devices of all processes, along one axis.
    """

    def __init__(self):
        self.mesh = jax.sharding.Mesh(np.array(jax.devices()), (AXIS,))

    def _sharding(self, *axes: str | None) -> jax.sharding.NamedSharding:
        return jax.sharding.NamedSharding(self.mesh, jax.P(*axes))

    def everywhere(self, tree):
        """A tree of arrays, whole on every device."""
        return self._put(tree, self._sharding())

    def split_steps(self, rows: np.ndarray) -> jax.Array:
        """The rows [k, b] of k batches, each batch split."""
        return self._put(rows, self._sharding(None, AXIS))

    def batch(self, samples: Samples, rows: np.ndarray) -> Samples:
        """The samples at `rows` [b], split; of them this process reads those of its devices."""
        split = self._sharding(AXIS)
        if jax.process_count() == 1:
            return jax.device_put(gather(samples, rows), split)
        read = functools.cache(lambda start, stop: gather(samples, rows[start:stop]))

        def place(number: int, field: np.ndarray) -> jax.Array:
            def part(index: tuple[slice, ...]) -> np.ndarray:
                start, stop, _ = index[0].indices(len(rows))
                return read(start, stop)[number]

            shape = (len(rows), *field.shape[1:])
            return jax.make_array_from_callback(shape, split, part)

        return Samples(*(place(number, field) for number, field in enumerate(samples)))

    @staticmethod
    def _put(tree, sharding: jax.sharding.NamedSharding):
        if jax.process_count() == 1:
            return jax.device_put(tree, sharding)

        # `device_put` would have the processes compare every leaf. A copy for each device, since
        # the first step will write over it.
        def place(leaf):
            leaf = np.asarray(leaf)
            return jax.make_array_from_callback(
                leaf.shape, sharding, lambda index: np.array(leaf[index])
            )

        return jax.tree.map(place, tree)


def own(tree):
    """The arrays of a tree that lies everywhere, as they lie on this process's first device."""
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)
