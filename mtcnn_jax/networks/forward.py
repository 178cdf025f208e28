"""The networks in the form that is asked for."""

from typing import Any

import jax

from mtcnn_jax.networks import cpu, gpu
from mtcnn_jax.networks.backends import form_of


def forward(stage: str, params: Any, x: jax.Array, *, form: str) -> tuple[jax.Array, ...]:
    """Runs one of the networks.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of that network.
        x: float32 [b, h, w, 3], normalised pixels.
        form: as in `backends`; "cpu" as in `cpu`, "gpu" and "straight" as in `gpu`, "plain" as in
            `reference`.

    Returns:
        What the network of `reference` returns.
    """
    form = form_of(form)
    if form == "cpu":
        return cpu.NETWORKS[stage](params, x)
    if form in ("gpu", "straight"):
        return gpu.run(stage, params, x)
    # Loading flax takes 0.2 s, which detection is spared.
    from mtcnn_jax.networks.reference import NETWORKS

    return NETWORKS[stage]().apply({"params": params}, x)
