"""Jobs of detection in bulk, begun without Ray, and their results."""

import pathlib

import pyarrow.parquet as pq

from experiments.bulk import partitions, pipeline
from experiments.bulk.detector import Job, do_partition
from experiments.bulk.listing import is_file
from experiments.bulk.settings import DETECTION, Settings, to_settings
from experiments.bulk.storage import open_place
from mtcnn_jax.commandline.options import FLAGS
from mtcnn_jax.weights.params import read_params

DEFAULTS = {flag.name: flag.default for flag in FLAGS if flag.name in DETECTION}


def settings(source, output, **flags) -> Settings:
    """What a command line with these flags asks for."""
    return to_settings({"input": str(source), "output": str(output), **DEFAULTS, **flags})


def begin(source, output, **flags) -> Job:
    """A job, its pictures listed."""
    root = open_place(str(source))
    asked = settings(root.url, output, **flags)
    single = is_file(root)
    listed = pipeline.begin(
        root, open_place(str(output)), asked, read_params(asked.options.weights), single=single
    )
    return Job(asked, root.parent if single else root, listed)


def do_all(job: Job) -> list[partitions.Counts]:
    """Does all partitions in this process; what each holds."""
    return [do_partition(job, {}, number) for number in range(job.manifest.partitions)]


def rows(output: pathlib.Path) -> list[dict]:
    """All rows of a folder of results, partition by partition."""
    files = sorted(pathlib.Path(output).glob("part-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]
