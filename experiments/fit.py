"""The run of one stage: from samples to weights, going on where an earlier run was stopped.

What a step computes depends on nothing but the checkpoint before it and the step's number, so a run that
was killed ends with the same weights as one that was not.
"""

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from data.batches import Prefetch, draw, gather, pools, shares
from data.samples import KINDS, LANDMARK, Samples, load_samples
from experiments.checkpoints import checkpoint_steps, restore_checkpoint, save_checkpoint
from experiments.validation import subset, validate
from mtcnn_jax.networks import INPUT_SIZE
from mtcnn_jax.params import load_params, save_params
from mtcnn_jax.samples import CONTEXT
from mtcnn_jax.training import (
    Recipe,
    TrainState,
    create_state,
    learning_rate,
    network_params,
    train_step,
    train_steps,
)

RESIDENT_SHARE = 0.4
"""Share of an accelerator's memory that samples may take up to be kept there."""

_MAY_CHANGE = ("samples", "workdir", "init")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A run of one stage.

    Attributes:
        recipe: what is trained, and how.
        samples: folder with <stage>/train and <stage>/validation.
        workdir: folder for results, in <stage>/ below it.
        batch_size: samples a step, over all devices.
        ratio: proportions of negatives, positives, parts and landmark samples in a batch.
        seed: of all randomness.
        init: .npz of weights to start from; "" for fresh ones.
        log_every: steps between lines of metrics.
        evaluate_every: steps between validations; 0 for none.
        checkpoint_every: steps between checkpoints.
        scan_steps: steps in one dispatch where samples are kept on the accelerator.
        validation_samples: of each kind, at most.
    """

    recipe: Recipe
    samples: str
    workdir: str
    batch_size: int = 512
    ratio: tuple[float, ...] = (3.0, 1.0, 1.0, 2.0)
    seed: int = 0
    init: str = ""
    log_every: int = 100
    evaluate_every: int = 1000
    checkpoint_every: int = 1000
    scan_steps: int = 10
    validation_samples: int = 3000

    def __post_init__(self):
        for name in ("batch_size", "log_every", "checkpoint_every", "scan_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is 1 or more")
        for name in ("seed", "evaluate_every"):
            if not 0 <= getattr(self, name) < 2**31:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is 0 or more")
        if self.validation_samples < 1:
            raise ValueError(
                f"validation_samples is {self.validation_samples}; accepted is 1 or more"
            )
        fine = len(self.ratio) == len(KINDS) and all(0 <= part < 1e6 for part in self.ratio)
        if not fine or not any(self.ratio):
            raise ValueError(
                f"ratio is {':'.join(map(str, self.ratio))}; accepted are four numbers of 0 or more, "
                f"such as 3:1:1:2, for {':'.join(KINDS)}"
            )
        for name, divisor in (
            ("evaluate_every", "log_every"),
            ("checkpoint_every", "log_every"),
            ("log_every", "scan_steps"),
        ):
            if getattr(self, name) % getattr(self, divisor):
                raise ValueError(
                    f"{name} is {getattr(self, name)}; accepted are multiples of {divisor}, "
                    f"{getattr(self, divisor)}"
                )
        devices = jax.local_device_count()
        if self.batch_size % devices:
            raise ValueError(
                f"batch_size is {self.batch_size}; accepted are multiples of the number of devices, "
                f"{devices}"
            )

    @property
    def folder(self) -> pathlib.Path:
        """Where this stage's results go."""
        return pathlib.Path(self.workdir) / self.recipe.stage

    @property
    def weights(self) -> pathlib.Path:
        """The file of the finished network's parameters."""
        return self.folder / f"{self.recipe.stage}.npz"

    @property
    def counts(self) -> tuple[int, ...]:
        """Samples of each kind in a batch; none with landmarks where nothing learns from them."""
        ratio = list(self.ratio)
        if self.recipe.stage != "onet" and not self.recipe.has_auxiliary:
            ratio[LANDMARK] = 0
        return shares(self.batch_size, ratio)


class Run:
    """A run that is ready to start: everything read and checked."""

    def __init__(self, config: TrainConfig):
        self.config = config
        self.stage = config.recipe.stage
        self.train = self._load("train")
        self.pools = pools(self.train.kinds)
        draw(self.pools, config.counts, seed=config.seed, step=0)
        self.validation = None
        if config.evaluate_every:
            self.validation = subset(self._load("validation"), config.validation_samples)
        params = None
        if config.init:
            params = load_params(config.init, stages=(self.stage,))[self.stage]
        mesh = jax.sharding.Mesh(np.array(jax.local_devices()), ("data",))
        spec = jax.sharding.PartitionSpec
        self._everywhere = jax.sharding.NamedSharding(mesh, spec())
        self._split = jax.sharding.NamedSharding(mesh, spec("data"))
        self._split_steps = jax.sharding.NamedSharding(mesh, spec(None, "data"))
        state = create_state(config.recipe, seed=config.seed, params=params)
        self._write_config()
        restored = restore_checkpoint(config.folder / "checkpoints", state)
        if restored is not None:
            logging.info("%s goes on from step %d", self.stage, restored.step)
            # Copied, since the first step will write over it.
            state = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), restored)
        self.state = jax.device_put(state, self._everywhere)

    def _load(self, split: str) -> Samples:
        folder = pathlib.Path(self.config.samples) / self.stage / split
        samples = load_samples(folder)
        side = round(INPUT_SIZE[self.stage] * CONTEXT)
        if samples.patches.shape[1] != side:
            raise ValueError(
                f"{folder} holds patches of side {samples.patches.shape[1]}; accepted for "
                f"{self.stage} is {side}"
            )
        return samples

    def _write_config(self) -> None:
        """Writes config.json, once it is sure that a run of it may go on in this folder."""
        folder = self.config.folder
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "config.json"
        text = json.dumps(dataclasses.asdict(self.config), indent=2) + "\n"
        if path.exists() and checkpoint_steps(folder / "checkpoints"):
            before, now = json.loads(path.read_text()), json.loads(text)
            differ = [name for name in now if before.get(name) != now[name]]
            differ = [name for name in differ if name not in _MAY_CHANGE]
            if differ:
                told = "; ".join(f"{n} was {before.get(n)}, is {now[n]}" for n in differ)
                raise ValueError(
                    f"{folder} holds a run with other settings ({told}); accepted are the same ones, "
                    "or another --workdir"
                )
        _replace_text(path, text)

    @property
    def resident(self) -> bool:
        """Whether samples are kept on the accelerator."""
        device = jax.local_devices()[0]
        if device.platform == "cpu":
            return False
        limit = (device.memory_stats() or {}).get("bytes_limit", 0)
        return sum(field.nbytes for field in self.train) < RESIDENT_SHARE * limit

    def _draw(self, step: int) -> np.ndarray:
        return draw(self.pools, self.config.counts, seed=self.config.seed, step=step)

    def chunks(self, start: int, resident: bool) -> Prefetch:
        """What each dispatch from step `start` on needs, made ahead by a thread."""
        steps, stride = self.config.recipe.steps, self.config.scan_steps
        if not resident:
            return Prefetch(
                lambda step: jax.device_put(gather(self.train, self._draw(step)), self._split),
                range(start, steps),
            )

        def indices(chunk: int) -> jax.Array:
            numbers = range(chunk * stride, min((chunk + 1) * stride, steps))
            return jax.device_put(np.stack([self._draw(n) for n in numbers]), self._split_steps)

        return Prefetch(indices, range(start // stride, -(-steps // stride)))

    def fit(self) -> pathlib.Path:
        """Trains to the last step and returns the file of weights."""
        config, state = self.config, self.state
        start, steps = int(state.step), config.recipe.steps
        lines = MetricsFile(config.folder / "metrics.jsonl", start)
        resident = self.resident
        samples = jax.device_put(self.train, self._everywhere) if resident else None
        advance = (lambda s, rows: train_steps(s, samples, rows)) if resident else train_step
        chunks = self.chunks(start, resident)
        pending: collections.deque = collections.deque()
        clock, done = Clock(chunks), start
        with contextlib.closing(chunks), progress(self.stage, start, steps) as shown:
            for chunk in chunks:
                state, metrics = advance(state, chunk)
                pending.append(metrics)
                before, done = done, min(done + (config.scan_steps if resident else 1), steps)
                # The host runs ahead of the device by two dispatches and no more.
                jax.block_until_ready(pending[max(-3, -len(pending))] if before != start else metrics)
                if before == start:
                    clock.restart(done)
                if done % config.log_every and done != steps:
                    continue
                means = _means(pending)
                pending.clear()
                rates = clock.lap(done, config.batch_size)
                if not np.isfinite(means["loss"]):
                    raise FloatingPointError(
                        f"the loss of {self.stage} is {means['loss']} by step {done}; a lower "
                        "--learning_rate may help"
                    )
                means["learning_rate"] = float(learning_rate(config.recipe)(done - 1))
                lines.write({"step": done, "split": "train", **means, **rates})
                shown(done, {"loss": means["loss"], "recall": means["recall"], **rates})
                if self.validation and (
                    done == steps or done % (config.evaluate_every or steps) == 0
                ):
                    found = validate(state, self.validation)
                    lines.write({"step": done, "split": "validation", **found})
                    logging.info("%s step %d validation %s", self.stage, done, _short(found))
                if done % config.checkpoint_every == 0 or done == steps:
                    save_checkpoint(config.folder / "checkpoints", state)
                clock.restart(done)
        save_params(config.weights, {self.stage: jax.device_get(network_params(state))})
        return config.weights


class MetricsFile:
    """metrics.jsonl: one JSON object a line, cut back to the step that the run goes on from."""

    def __init__(self, path: pathlib.Path, step: int):
        self._path = path
        kept = [json.dumps(row) + "\n" for row in read_metrics(path) if row["step"] <= step]
        _replace_text(path, "".join(kept))

    def write(self, row: dict[str, object]) -> None:
        """Appends a line."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def read_metrics(path: pathlib.Path) -> list[dict]:
    """The rows of metrics.jsonl; what a killed run left half written at its end is dropped."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


class Clock:
    """Measures samples a second, and the share of the time spent waiting for data."""

    def __init__(self, chunks: Prefetch):
        self._chunks = chunks
        self.restart(0)

    def restart(self, step: int) -> None:
        """Measures from here."""
        self._step, self._time = step, time.perf_counter()
        self._waited = self._chunks.waited

    def lap(self, step: int, batch_size: int) -> dict[str, float]:
        """Rates since the restart."""
        seconds = max(time.perf_counter() - self._time, 1e-9)
        return {
            "samples_per_second": round((step - self._step) * batch_size / seconds, 1),
            "waiting": round((self._chunks.waited - self._waited) / seconds, 4),
        }


@contextlib.contextmanager
def progress(stage: str, start: int, steps: int) -> Iterator:
    """A bar with the time left, or lines in the log where tqdm is not installed."""
    try:
        import tqdm
    except ImportError:
        yield lambda done, values: logging.info("%s %d/%d %s", stage, done, steps, _short(values))
        return
    with tqdm.tqdm(desc=stage, initial=start, total=steps, unit="step", mininterval=1) as bar:

        def show(done: int, values: dict[str, float]) -> None:
            bar.set_postfix_str(_short(values), refresh=False)
            bar.update(done - bar.n)

        yield show


def _means(metrics) -> dict[str, float]:
    rows = jax.device_get(list(metrics))
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _short(values: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.4g}" for name, value in values.items())


def _replace_text(path: pathlib.Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def fit(config: TrainConfig) -> pathlib.Path:
    """Trains one stage, or goes on with it, and returns its file of weights."""
    return Run(config).fit()
