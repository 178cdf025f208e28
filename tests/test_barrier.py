"""What is hidden in a branch is what it is without."""

import jax
import numpy as np

from mtcnn_jax.barrier import settled
from tests.mtcnn_jax.networks.test_cpu import normal


def test_settled_gives_what_it_is_given():
    x = normal(4, 5)
    found = jax.jit(lambda x: settled(lambda: x * 2, (4, 5), x.sum() < np.inf))(x)
    np.testing.assert_array_equal(found, x * 2)
