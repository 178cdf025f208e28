"""The run of one stage: from samples to weights, going on where an earlier run was stopped.

What a step computes depends on nothing but the checkpoint before it and the step's number, so a run
that was killed ends with the same weights as one that was not.
"""

import collections
import contextlib
import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from data.batches import Prefetch, draw, pools
from data.samples import Samples, load_samples
from experiments.cluster import agreement
from experiments.mining.origin import (
    check_is_of,
    digest_of_samples,
    digests_of_weights,
    read_origin,
)
from experiments.training.checkpoints import checkpoint_steps, restore_checkpoint, save_checkpoint
from experiments.training.config import TrainConfig
from experiments.training.interrupts import ctrl_c_put_off
from experiments.training.mesh import Layout, own
from experiments.training.metrics import Clock, MetricsFile, mean_of, progress, replace_text, short
from experiments.training.validation import subset, validate
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.training.recipe import learning_rate
from mtcnn_jax.training.samples import CONTEXT
from mtcnn_jax.training.step import (
    Metrics,
    TrainState,
    create_state,
    network_params,
    steps_over,
    train_step,
    train_steps,
)
from mtcnn_jax.weights.params import load_params, save_params

RESIDENT_SHARE = 0.4
"""Share of an accelerator's memory that samples may take up to be kept there."""

_PLACES = ("samples", "workdir", "init")
"""Settings that say where something is: it may be moved, and may not change."""


def check_goes_on(config: TrainConfig) -> None:
    """Refuses to go on in a folder that holds a run with other settings.

    Raises:
        ValueError: naming each setting that differs.
    """
    path = config.folder / "config.json"
    if checkpoint_steps(config.folder / "checkpoints") and path.exists():
        settings = dataclasses.asdict(config).items()
        fixed = {name: value for name, value in settings if name not in _PLACES}
        what = f"{config.folder} holds a run"
        check_is_of(what, read_origin(path), fixed, accepted="another --workdir")


class Run:
    """A run that is ready to start: everything read and checked."""

    def __init__(self, config: TrainConfig):
        self.config = config
        self.stage = config.recipe.stage
        self.layout = Layout()
        self.validation, params = None, None
        with agreement.agreed():
            self.train = self._load("train")
            self.pools = pools(self.train.kinds)
            draw(self.pools, config.counts, seed=config.seed, step=0)
            if config.evaluate_every and agreement.is_first():
                self.validation = subset(self._load("validation"), config.validation_samples)
            if config.init:
                path = None if config.init == "bundled" else config.init
                params = load_params(path, stages=(self.stage,))[self.stage]
            state = create_state(config.recipe, seed=config.seed, params=params)
            made_of = self._check(params)
        self._agree(made_of, state)
        with agreement.agreed():
            if agreement.is_first():
                self._write_config(made_of)
        restored = restore_checkpoint(config.folder / "checkpoints", state)
        if restored is not None:
            logging.info("%s goes on from step %d", self.stage, restored.step)
            # Copied, since the first step will write over it.
            state = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), restored)
        self.state = self.layout.everywhere(state)

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

    def _check(self, params: dict | None) -> dict:
        """What the run is made of, once it is sure that a run of it may go on in this folder.

        Args:
            params: those that the run starts from, if it does.
        """
        folder = self.config.folder
        origin = folder / "checkpoints" / "origin.json"
        init = digests_of_weights({self.stage: params})[self.stage] if params else None
        made_of = {"samples": digest_of_samples(self.train), "init": init}
        check_goes_on(self.config)
        if checkpoint_steps(origin.parent) and origin.exists():
            what = f"{folder} holds a run"
            check_is_of(what, read_origin(origin), made_of, accepted="another --workdir")
        return made_of

    def _agree(self, made_of: dict, state: TrainState) -> None:
        """Refuses processes that would train something else, or that see another folder."""
        if jax.process_count() == 1:
            return
        settings = dataclasses.asdict(self.config)
        agreement.agree(
            {
                **{name: value for name, value in settings.items() if name not in _PLACES},
                **made_of,
                "start": digests_of_weights({self.stage: state.params})[self.stage],
                "checkpoints": checkpoint_steps(self.config.folder / "checkpoints"),
            },
            f"trains {self.stage}",
        )

    def _write_config(self, made_of: dict) -> None:
        folder, settings = self.config.folder, dataclasses.asdict(self.config)
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        replace_text(folder / "config.json", json.dumps(settings, indent=2) + "\n")
        replace_text(folder / "checkpoints" / "origin.json", json.dumps(made_of, indent=2) + "\n")

    @property
    def resident(self) -> bool:
        """Whether samples are kept on the accelerator."""
        device = jax.local_devices()[0]
        if device.platform == "cpu" or jax.process_count() > 1:
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
                lambda step: self.layout.batch(self.train, self._draw(step)),
                range(start, steps),
            )

        def indices(chunk: int) -> jax.Array:
            numbers = range(chunk * stride, min((chunk + 1) * stride, steps))
            return self.layout.split_steps(np.stack([self._draw(n) for n in numbers]))

        # A finished run has nothing left to do, even if its last dispatch was a short one.
        last = -(-steps // stride) if start < steps else 0
        return Prefetch(indices, range(start // stride, last))

    def fit(self) -> pathlib.Path:
        """Trains to the last step and returns the file of weights."""
        config, state, resident = self.config, self.state, self.resident
        start, steps, first = int(state.step), config.recipe.steps, agreement.is_first()
        lines = MetricsFile(config.folder / "metrics.jsonl", start) if first else None
        samples = self.layout.everywhere(self.train) if resident else None
        step, steps_at_once = train_step, train_steps
        if self.layout.mesh.size > 1:
            step, steps_at_once = steps_over(self.layout.mesh)

        def advance(state: TrainState, chunk) -> tuple[TrainState, Metrics]:
            return steps_at_once(state, samples, chunk) if resident else step(state, chunk)

        chunks = self.chunks(start, resident)
        pending: collections.deque = collections.deque()
        clock, done = Clock(chunks), start
        bar = progress(self.stage, start, steps) if first else contextlib.nullcontext()
        with (
            contextlib.closing(chunks),
            bar as shown,
            ctrl_c_put_off(agreement.ask_all_to_stop) as interrupted,
        ):
            for chunk in chunks:
                if agreement.stopping(interrupted()):
                    jax.block_until_ready(list(pending))
                    agreement.part()
                    raise KeyboardInterrupt
                state, metrics = advance(state, chunk)
                pending.append(metrics)
                before, done = done, min(done + (config.scan_steps if resident else 1), steps)
                # The host runs ahead of the device by two dispatches and no more.
                jax.block_until_ready(
                    pending[max(-3, -len(pending))] if before != start else metrics
                )
                if before == start:
                    clock.restart(done)
                if done % config.log_every and done != steps:
                    continue
                means = mean_of(pending)
                pending.clear()
                rates = clock.lap(done, config.batch_size)
                with agreement.agreed():
                    if not np.isfinite(means["loss"]):
                        raise FloatingPointError(
                            f"the loss of {self.stage} is {means['loss']} by step {done}; a lower "
                            "--learning_rate may help"
                        )
                    if first:
                        self._tell(lines, done, state, {**means}, rates)
                        shown(done, {"loss": means["loss"], "recall": means["recall"], **rates})
                if done % config.checkpoint_every == 0 or done == steps:
                    save_checkpoint(config.folder / "checkpoints", state)
                clock.restart(done)
        with agreement.agreed():
            if first:
                save_params(config.weights, {self.stage: jax.device_get(network_params(state))})
        return config.weights

    def _tell(
        self, lines: MetricsFile, done: int, state: TrainState, means: dict, rates: dict
    ) -> None:
        """Writes what a lap's steps measured and, where it is due, what validation does."""
        config = self.config
        means["learning_rate"] = float(learning_rate(config.recipe)(done - 1))
        lines.write({"step": done, "split": "train", **means, **rates})
        due = done == config.recipe.steps or done % (config.evaluate_every or done) == 0
        if self.validation and due:
            # The network lies whole on this device: with many it is as with one.
            found = validate(own(state), self.validation)
            lines.write({"step": done, "split": "validation", **found})
            logging.info("%s step %d validation %s", self.stage, done, short(found))


def fit(config: TrainConfig) -> pathlib.Path:
    """Trains one stage, or goes on with it, and returns its file of weights."""
    return Run(config).fit()
