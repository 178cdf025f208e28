"""What figures were taken on."""

import os
import platform

import jax


def machine() -> dict[str, str | int]:
    """The device, its backend, the cores, and the versions that matter."""
    device = jax.devices()[0]
    return {
        "device": device.device_kind,
        "backend": jax.default_backend(),
        "cores": os.cpu_count() or 0,
        "processor": platform.processor() or platform.machine(),
        "jax": jax.__version__,
        "python": platform.python_version(),
    }


def machine_in_words() -> str:
    """The same as a part of a sentence."""
    return ", ".join(f"{name} {value}" for name, value in machine().items())
