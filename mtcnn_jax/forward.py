"""The networks in the form that is asked for."""

from typing import Any

import jax

from mtcnn_jax import cpu_networks, gpu_networks
from mtcnn_jax.forms import form_of


def forward(stage: str, params: Any, x: jax.Array, *, form: str) -> tuple[jax.Array, ...]:
    """Runs one of the networks.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of that network.
        x: float32 [b, h, w, 3], normalised pixels.
        form: as in `forms`; "cpu" as in `cpu_networks`, "gpu" and "straight" as in `gpu_networks`,
            "plain" as in `networks`.

    Returns:
        What the network of `networks` returns.
    """
    form = form_of(form)
    if form == "cpu":
        return cpu_networks.NETWORKS[stage](params, x)
    if form in ("gpu", "straight"):
        return gpu_networks.run(stage, params, x)
    # Loading flax takes 0.2 s, which detection is spared.
    from mtcnn_jax.networks import NETWORKS

    return NETWORKS[stage]().apply({"params": params}, x)
