"""The job: which pictures there are, which partitions are left, workers for them, how far it is."""

import dataclasses
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tqdm import tqdm

from experiments.bulk import attempts, manifest, partitions
from experiments.bulk.cluster import Workers, ray_running
from experiments.bulk.detector import Detector, Job
from experiments.bulk.listing import is_file, list_sources
from experiments.bulk.settings import Settings
from experiments.bulk.storage import Place, open_place, remove, sizes, write
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.weights.params import read_params, to_npz

BLOCKS = 4096
"""Most tasks that Ray Data is given; one is a partition while there are no more."""

TOLD_EVERY = 30.0
"""Seconds between two lines that tell how far it is, where there is no terminal for a bar."""


@dataclasses.dataclass
class Tally:
    """What a job has done, counted as it goes on.

    Attributes:
        left: Partitions that are to do.
        begun: When it began.
        pictures: Looked at.
        faces: Found.
        errors: Pictures that could not be looked at.
    """

    left: int
    begun: float = dataclasses.field(default_factory=time.monotonic)
    pictures: int = 0
    faces: int = 0
    errors: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Counts a partition."""
        self.left -= 1
        for name in ("pictures", "faces", "errors"):
            setattr(self, name, getattr(self, name) + int(row[name]))

    def told(self) -> str:
        """In words."""
        rate = self.pictures / max(time.monotonic() - self.begun, 1e-9)
        return (
            f"pictures: {self.pictures} ({rate:.1f} a second), faces: {self.faces}, errors: "
            f"{self.errors}, partitions left: {self.left}"
        )


def detect_bulk(settings: Settings) -> Tally:
    """Detects the faces of all pictures of an input, into a folder of Parquet files.

    Started again it goes on: partitions whose file is there are not done again.

    Args:
        settings: What to do.

    Returns:
        What was done.

    Raises:
        OSError: The input is missing, the output cannot be written or the cluster not used.
        ValueError: There is no picture, or the output is another job's; the text names it.
    """
    root, output = open_place(settings.input), open_place(settings.output)
    settings = dataclasses.replace(settings, input=root.url, output=output.url)
    if settings.column and f"{output.url}/".startswith(f"{root.url.rstrip('/')}/"):
        raise ValueError(
            f"--output={output.url} is in the folder of Parquet {root.url}, and would be read as "
            "such; accepted: a folder elsewhere"
        )
    params = read_params(settings.options.weights)
    single = is_file(root)
    listed = begin(root, output, settings, params, single=single)
    done = partitions.finished(output)
    left = [number for number in range(listed.partitions) if number not in done]
    tally = Tally(len(left))
    if left:
        with ray_running(settings) as workers:
            _work(Job(settings, root.parent if single else root, listed), left, workers, tally)
    before = f", partitions done before: {len(done)}" if done else ""
    others = f", other files left out: {listed.left_out}" if listed.left_out else ""
    print(f"{tally.told()}{before}{others}; see {output.url}")
    return tally


def begin(
    root: Place, output: Place, settings: Settings, params: Params, *, single: bool
) -> manifest.Manifest:
    """The manifest of a job: the one of before, or one made now.

    Args:
        root: The input.
        output: The folder for results.
        settings: What to do.
        params: The networks' parameters.
        single: Whether the input is a file.

    Raises:
        OSError: The input is missing, or the output cannot be written.
        ValueError: The output is another job's, or there is no picture.
    """
    told = settings.told(params)
    accepted = f"accepted: another --output, or --overwrite, which begins {output.url!r} anew"
    if settings.options.overwrite:
        _forget(output)
    before = manifest.read_manifest(output)
    if before is not None:
        listed, was = before
        changed = [
            f"--{name} was {json.dumps(was.get(name))} and is {json.dumps(told[name])}"
            for name in told
            if was.get(name) != told[name]
        ]
        if changed:
            raise ValueError(
                f"{output.url!r} holds another job's partitions: {', '.join(changed)}; "
                f"{accepted}, or the settings of before"
            )
        return listed
    if partitions.finished(output):
        raise ValueError(f"{output.url!r} holds partitions of a job that is not known; {accepted}")
    size = settings.partition_size
    sources = list_sources(root, single=single, column=settings.column, most=size)
    write(output / manifest.WEIGHTS, to_npz(params))
    return manifest.write_manifest(output, sources, told, size)


def _forget(output: Place) -> None:
    """Removes an earlier job: its list of pictures first, so that no half of it can be taken up."""
    remove(output / manifest.DONE)
    for number in partitions.finished(output):
        remove(output / partitions.name(number))
    for folder in (attempts.FOLDER, manifest.FOLDER):
        for file in sizes(output / folder):
            remove(output / folder / file)


def _work(job: Job, left: Sequence[int], workers: Workers, tally: Tally) -> None:
    """Has workers do partitions, and tells how far they are."""
    told_at, every = time.monotonic(), job.manifest.partitions
    with tqdm(total=every, initial=every - len(left), unit="partition", disable=None) as bar:
        for row in _done(job, left, workers):
            if row["failed"]:
                raise OSError(f"{row['failed']}; what was finished stays")
            tally.add(row)
            bar.update()
            bar.set_postfix_str(tally.told(), refresh=False)
            if bar.disable and tally.left and time.monotonic() - told_at >= TOLD_EVERY:
                told_at = time.monotonic()
                print(tally.told(), file=sys.stderr, flush=True)


def _done(job: Job, left: Sequence[int], workers: Workers) -> Iterator[dict[str, Any]]:
    """A row for each partition, as they are done.

    A worker that dies is replaced, and what it was doing is done by another, without end: its note
    sees to it that no picture kills more than a few (`attempts`).
    """
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    pool = ray.data.ActorPoolStrategy(
        min_size=1,
        max_size=workers.count,
        initial_size=workers.count,
        # A partition takes long: whoever is free takes the next.
        max_tasks_in_flight_per_actor=1,
    )
    numbers = ray.data.from_items(
        [{"partition": number} for number in left], override_num_blocks=min(len(left), BLOCKS)
    )
    results = numbers.map_batches(
        Detector,
        fn_constructor_kwargs={"job": job},
        batch_size=1,
        compute=pool,
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
    )
    try:
        yield from results.iter_rows()
    except ray.exceptions.RayError as error:
        first = str(error).strip().partition("\n")[0]
        raise OSError(f"Ray gave up: {first}; what was finished stays") from error
