"""Ray: begun here, heard by this machine alone, or a cluster that others run."""

import contextlib
import logging
import os
import pathlib
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

from experiments.bulk.settings import Settings

CODE = [pathlib.Path(__file__).resolve().parents[2] / name for name in ("mtcnn_jax", "experiments")]
"""The folders of this code, which nodes of a cluster get."""

STORE = 2**27
"""Bytes of Ray's store of objects: numbers of partitions pass through it, and no picture."""

_PATIENCE = 5.0
"""Seconds that the head of a cluster has to take a connection."""

QUIET = {
    # Of restarts of actors Ray warns at each start, and for nothing.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_USAGE_STATS_ENABLED": "0",
    # An actor without a GPU leaves the settings of those as they are, and says nothing of it.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Has Ray listen at 127.0.0.1, as it does by itself on a Mac, and not on all networks."""


class Workers(NamedTuple):
    """The workers of a job.

    Attributes:
        count: How many at most.
        cpus: Of each.
        gpus: Of each, 0 or 1.
    """

    count: int
    cpus: int
    gpus: int


@contextlib.contextmanager
def ray_running(settings: Settings) -> Iterator[Workers]:
    """Ray for a block: begun here and ended, or joined and left.

    Yields:
        The workers that there is room for.

    Raises:
        OSError: The cluster cannot be reached.
        ValueError: There is no room for the workers asked for.
    """
    address = settings.ray_address
    if address is not None:
        _check_reached(address)
    os.environ.update(QUIET if address else QUIET | LOOPBACK)
    import ray  # Once the environment tells it to be quiet.

    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        if address is None:
            # "local": never a cluster that happens to run here, or ran once and left its address.
            ray.init("local", include_dashboard=False, object_store_memory=STORE, **common)
        else:
            code = {"py_modules": [str(folder) for folder in CODE], "excludes": ["__pycache__"]}
            ray.init(address=address, runtime_env=code, **common)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"the cluster at {address!r}" if address else "Ray"
        raise OSError(
            f"{where} cannot be used: {' '.join(str(error).split())}; accepted as --ray_address: "
            "HOST:PORT of a head that this machine is a node of, or auto"
        ) from error
    try:
        yield count_workers(settings, ray.cluster_resources())
    finally:
        ray.shutdown()


def _check_reached(address: str) -> None:
    """Refuses an address where nothing answers, for which Ray would wait minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ValueError(
            f"--ray_address={address}; accepted: HOST:PORT of the head, such as 10.0.0.1:6379, or "
            "auto on a node of the cluster"
        )
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise OSError(
            f"no cluster answers at --ray_address={address}: {error}; accepted: HOST:PORT of the "
            "head, as `ray start --head` tells it"
        ) from error


def count_workers(settings: Settings, resources: dict[str, float]) -> Workers:
    """The workers that there is room for.

    Args:
        settings: What is asked for.
        resources: What there is, as Ray tells it.

    Raises:
        ValueError: There is no room for those asked for.
    """
    cpus, gpus = (int(resources.get(kind, 0)) for kind in ("CPU", "GPU"))
    each = settings.cpus_per_worker
    room = min(cpus // each, gpus) if gpus else cpus // each
    count = settings.workers or room
    if not 1 <= count <= room:
        raise ValueError(
            f"{max(count, 1)} workers of {each} CPUs{' and a GPU' * bool(gpus)} each: there are "
            f"{cpus} CPUs and {gpus} GPUs; accepted: up to --workers={room}, or fewer "
            "--cpus_per_worker"
        )
    return Workers(count, each, min(gpus, 1))
