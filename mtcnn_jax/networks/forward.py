"""The networks on the backend that is asked for."""

from typing import Any

import jax
import jax.numpy as jnp

from mtcnn_jax.networks import cpu, gpu
from mtcnn_jax.networks.backends import backend_of


def as_float32(params: Any) -> Any:
    """Parameters of any float dtype as float32: of half or double they would not fit the pixels."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), params)


def forward(stage: str, params: Any, x: jax.Array, *, backend: str) -> tuple[jax.Array, ...]:
    """Runs one of the networks.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of that network.
        x: float32 [b, h, w, 3], normalised pixels.
        backend: as in `backends`; "cpu" as in `cpu`, "gpu" and "gpu_unrolled" as in `gpu`,
            "reference" as in `reference`.

    Returns:
        What the network of `reference` returns.
    """
    backend = backend_of(backend)
    if backend == "cpu":
        return cpu.NETWORKS[stage](params, x)
    if backend in ("gpu", "gpu_unrolled"):
        return gpu.run(stage, params, x)
    # Detection is spared the loading of flax.
    from mtcnn_jax.networks.reference import NETWORKS

    return NETWORKS[stage]().apply({"params": params}, x)
