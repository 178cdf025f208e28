"""A stand-in for the cascade, where only its traces, its programs or its answers' form matter."""

import jax
import jax.numpy as jnp

from mtcnn_jax.cascade import stages


def stand_in(traces, *, cascade=None):
    """Finds nothing and is quick to compile; notes the shapes it is traced for.

    The `cascade`, where there is one, is traced anew as well, as far as it goes before compiling.
    """

    def traced(params, canvas, size, config):
        traces.append(canvas.shape)
        if cascade is not None:
            arguments = params, canvas, size, config
            jax.eval_shape(lambda *given: cascade(*given), *arguments)
        zeros = jnp.zeros((1, 10))
        overflow = jnp.zeros(3, int)
        return stages.Detections(zeros[:, :4], zeros[:, 0], zeros, zeros[:, 0] > 0, overflow)

    return traced
