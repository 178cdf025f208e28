"""What is hidden in a branch is what it is without."""

import jax
import numpy as np

from mtcnn_jax.cascade.materialize import materialize
from tests.mtcnn_jax.networks.test_cpu import normal


def test_it_gives_what_it_is_given():
    x = normal(4, 5)
    found = jax.jit(lambda x: materialize(lambda: x * 2, (4, 5), x.sum() < np.inf))(x)
    np.testing.assert_array_equal(found, x * 2)
