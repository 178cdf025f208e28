"""What a job is asked for, checked."""

import dataclasses
import importlib.util
import json
from collections.abc import Mapping
from typing import Any

from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.commandline.options import FLAGS, Options, to_options
from mtcnn_jax.commandline.resumption import settings_of
from mtcnn_jax.config import is_whole
from mtcnn_jax.runtime.buckets import MOST_PIXELS

_OTHERS = {"format", "pictures", "blur", "every", "smooth"}

DETECTION = tuple(flag.name for flag in FLAGS if flag.name not in _OTHERS)
"""The flags that this command shares with `mtcnn-jax detect`: all but those of tables, of copies of
pictures and of videos."""

_NEEDS = ("ray", "pyarrow", "fsspec")

_ANY_TIME = {"workers", "cpus_per_worker", "ray_address"}


@dataclasses.dataclass(frozen=True)
class Settings:
    """A job.

    Attributes:
        input: A folder, a bucket's folder or Parquet, as a path or a URL that fsspec knows.
        output: The folder for results, likewise.
        options: How to detect, and what to keep of it.
        column: Of Parquet, the one that holds encoded pictures, or their names.
        partition_size: Pictures whose results are one file.
        row_group_size: Pictures of a row group of it.
        max_pixels: Of a picture; one with more is a row with an error, and is not decoded.
        workers: Processes that detect; None for one a GPU, or as many as the CPUs allow.
        cpus_per_worker: CPUs of each.
        ray_address: HOST:PORT of a cluster's head, or "auto"; None to start Ray here.

    Raises:
        ValueError: One is not accepted; the text names it.
    """

    input: str
    output: str
    options: Options
    column: str | None = None
    partition_size: int = 1000
    row_group_size: int = 1000
    max_pixels: int = MOST_PIXELS
    workers: int | None = None
    cpus_per_worker: int = 1
    ray_address: str | None = None

    def __post_init__(self) -> None:
        for name in ("partition_size", "row_group_size", "max_pixels", "cpus_per_worker"):
            if not is_whole(getattr(self, name), least=1):
                raise ValueError(
                    f"--{name}={getattr(self, name)}; accepted: whole numbers from 1 up"
                )
        if self.workers is not None and not is_whole(self.workers, least=1):
            raise ValueError(f"--workers={self.workers}; accepted: whole numbers from 1 up")
        if self.max_pixels > MOST_PIXELS:
            raise ValueError(f"--max_pixels={self.max_pixels}; accepted: up to {MOST_PIXELS}")

    def told(self, params: Params) -> dict[str, Any]:
        """All that the results depend on, by flag, as JSON gives it back."""
        detection = settings_of(self.input, params, self.options)
        values = {name: detection[name] for name in DETECTION if name in detection}
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        kept = {k: v for k, v in own.items() if k not in {"options", "output"} | _ANY_TIME}
        return json.loads(json.dumps(kept | values))


def to_settings(values: Mapping[str, Any]) -> Settings:
    """The job that flags ask for.

    Args:
        values: Of the flags, by name: those of `DETECTION`, and the fields of `Settings`.

    Raises:
        ValueError: One is not accepted; the text names it.
    """
    detection = {flag.name: flag.default for flag in FLAGS}
    detection |= {name: values[name] for name in DETECTION}
    own = {field.name for field in dataclasses.fields(Settings)} - {"options"}
    return Settings(
        options=to_options(detection),
        **{name: value for name, value in values.items() if name in own},
    )


def check_installed() -> None:
    """Refuses to begin without the packages that a job takes.

    Raises:
        ValueError: One is missing; the text says how to install it.
    """
    for name in _NEEDS:
        if importlib.util.find_spec(name) is None:
            raise ValueError(
                f"detection in bulk needs {name}, which is not installed; install it with: "
                "python -m pip install 'mtcnn_jax[bulk]'"
            )
