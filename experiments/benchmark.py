r"""Times detection: latency, throughput, stages, first call, memory, and other packages beside it.

    python -m experiments.benchmark --output=speed --weights=weights.npz \
        --peers=facenet_pytorch,mtcnn,yunet,ncnn \
        --peer_python=facenet_pytorch=PYTHON,mtcnn=PYTHON,ncnn=PYTHON

Writes benchmark.json and benchmark.md. All that is compared takes turns within one run; figures of
two runs, or of two machines, are not comparable. Each package but this one runs in an interpreter
of its own (--peer_python; YuNet reads its model from the file that YUNET_MODEL names; ncnn runs the
same weights, and wants `pip install ncnn opencv-python-headless`), and one that is not there is
left out by name. The scenes are laid out from the bundled photo; --pictures adds
others.
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import app, flags, logging
from PIL import Image

import mtcnn_jax as mj
from experiments.console.command import run_command
from experiments.speed import report
from experiments.speed.config import QUICK, SECTIONS, BenchmarkConfig
from experiments.speed.machine import machine
from experiments.speed.ncnn_graph import write_graphs
from experiments.speed.peers import Peer, PeerError, PictureError, parse_pythons, start_peers
from experiments.speed.scenes import open_photo, scene
from experiments.speed.stages import time_stages
from experiments.speed.startup import startups
from experiments.speed.timing import finished, ratio, take_turns
from experiments.speed.training import time_training
from mtcnn_jax.commandline.compilations import keep_compilations

OURS = "mtcnn_jax"


def _own(params, pictures: list[np.ndarray], config: mj.DetectConfig) -> Callable:
    return finished(functools.partial(mj.detect_batch, params, pictures, config))


def _compare(
    params, peers: list[Peer], pictures: np.ndarray, config: mj.DetectConfig, runs: int
) -> dict[str, Any]:
    """Times this package and the others that still run on the same pictures [n, h, w, 3]."""
    own = list(pictures)
    faces = {OURS: len(mj.detect_batch(params, own, config)[0].boxes)}
    windows: dict[str, list[int] | None] = {}
    tasks: dict[str, Callable] = {OURS: _own(params, own, config)}
    try:
        for peer in peers:
            if peer.failure:
                continue
            try:
                faces[peer.name] = peer.prepare(pictures, config.min_face_size)
                windows[peer.name] = peer.windows
                tasks[peer.name] = peer.run
            except PictureError as error:
                logging.warning("left out here: %s", error)
        taken = take_turns(tasks, runs)
    except PeerError as error:
        logging.warning("left out from here on: %s", error)
        return _compare(params, peers, pictures, config, runs)
    if any(windows.values()):
        (left,) = mj.detect_stages(params, own[-1:], config, until="rnet")
        windows[OURS] = [len(left["pnet"]), len(left["rnet"])]
    return {
        name: {
            **times._asdict(),
            "faces": faces[name],
            "windows": windows.get(name),
            "over_ours": ratio(taken[OURS], times),
        }
        for name, times in taken.items()
    }


def latency(params, peers, pictures: dict[str, np.ndarray], config: BenchmarkConfig) -> list:
    """One picture at a time: a row for each picture and smallest face."""
    rows = []
    for name, picture in pictures.items():
        for least in config.min_face_sizes:
            logging.info("latency: %s from %g pixels", name, least)
            looking = mj.DetectConfig(min_face_size=least)
            times = _compare(params, peers, picture[None], looking, config.runs)
            rows.append({"picture": name, "min_face_size": least, "times": times})
    return rows


def throughput(params, peers, photo: Image.Image, config: BenchmarkConfig) -> list:
    """Batches of one size, and of sizes that differ, which only this package takes."""
    size, least = config.sizes[0], config.min_face_sizes[0]
    looking = mj.DetectConfig(min_face_size=least)
    rows = []
    for batch in config.batches:
        logging.info("throughput: batches of %d", batch)
        scenes = [scene(photo, size, (0, 5, 10)[number % 3]) for number in range(batch)]
        mixed = [
            picture[: size[0] - 16 * (number % 5), : size[1] - 16 * (number % 7)]
            for number, picture in enumerate(scenes)
        ]
        runs = max(2, config.runs // batch)
        times = _compare(params, peers, np.stack(scenes), looking, runs)
        several = take_turns({"mixed": _own(params, mixed, looking)}, runs)["mixed"]
        rows.append({"batch": batch, "times": times, "mixed": several._asdict()})
    return rows


def growth(params, photo: Image.Image, config: BenchmarkConfig) -> dict[str, list]:
    """How time grows with pixels, at five faces, and with faces, at one size."""
    looking = mj.DetectConfig(min_face_size=config.min_face_sizes[0])
    height, width = config.sizes[0]
    sizes = [(round(height * scale), round(width * scale)) for scale in config.scales]
    scenes: dict[str, dict] = {
        "pixels": {size[0] * size[1]: scene(photo, size, 5) for size in sizes},
        "faces": {count: scene(photo, (height, width), count) for count in (0, 1, 5, 10, 20)},
    }
    found = {}
    for name, pictures in scenes.items():
        tasks = {
            str(number): finished(functools.partial(mj.detect, params, picture, looking))
            for number, picture in pictures.items()
        }
        times = take_turns(tasks, config.runs)
        found[name] = [{name: int(key), **taken._asdict()} for key, taken in times.items()]
    return found


def run(
    config: BenchmarkConfig,
    params,
    *,
    weights: str = "",
    peers: list[Peer],
    pictures: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Times all sections; see `BenchmarkConfig` and the module.

    Args:
        config: what to time.
        params: of the three networks.
        weights: path that they are from, for fresh processes; "" for the bundled ones.
        peers: packages that run.
        pictures: name and uint8 [h, w, 3] of pictures beside the scenes.
    """
    photo = open_photo()
    scenes = {
        f"{width}x{height}, {count} faces": scene(photo, (height, width), count)
        for height, width in config.sizes
        for count in config.faces
    }
    results: dict[str, Any] = {"machine": machine(), "runs": config.runs}
    if "latency" in config.sections:
        results["latency"] = latency(params, peers, {**scenes, **pictures}, config)
    if "throughput" in config.sections:
        results["throughput"] = throughput(params, peers, photo, config)
    if "stages" in config.sections:
        results["stages"] = {}
        for name, picture in {list(scenes)[1]: list(scenes.values())[1], **pictures}.items():
            looking = mj.DetectConfig(min_face_size=config.min_face_sizes[0])
            stages = time_stages(params, picture, looking, runs=config.runs)
            results["stages"][name] = {
                stage: {**found.times._asdict(), "floor": found.floor, "windows": found.windows}
                for stage, found in stages.items()
            }
    if "growth" in config.sections:
        results["growth"] = growth(params, photo, config)
    if "training" in config.sections:
        logging.info("training")
        steps = time_training(dict(config.training_batches), runs=max(2, config.runs // 4))
        results["training"] = {
            stage: {"batch": batch, **times._asdict()} for stage, (batch, times) in steps.items()
        }
    if "startup" in config.sections:
        picture = next(iter(scenes.values()))
        found = startups(weights, picture, config.min_face_sizes[0], repeats=config.repeats)
        results["startup"] = {
            kind: [process._asdict() for process in processes] for kind, processes in found.items()
        }
    return results


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    default = BenchmarkConfig()
    flags.DEFINE_string("output", None, "Folder for benchmark.json and .md.", required=True)
    flags.DEFINE_string("weights", "", "Weights (.npz); the bundled ones if not given.")
    flags.DEFINE_list("pictures", [], "Picture files to time beside the scenes.")
    flags.DEFINE_list("sections", list(SECTIONS), "What to time.")
    flags.DEFINE_integer("runs", default.runs, "Rounds that count.")
    flags.DEFINE_list("peers", [], "To time: facenet_pytorch, mtcnn, yunet, ncnn.")
    flags.DEFINE_list("peer_python", [], "name=path of the interpreters that have them.")
    flags.DEFINE_bool("quick", False, "A run of a minute, to see that all of it works.")


def benchmark_all(values: Any) -> None:
    """Times what the flags ask for, writes the results and prints the report."""
    keep_compilations()
    mj.runtime.keep_memory()
    sections = tuple(values.sections)
    if values.quick:
        config = dataclasses.replace(QUICK, sections=sections)
    else:
        config = BenchmarkConfig(sections=sections, runs=values.runs)
    pictures = {pathlib.Path(path).name: mj.read_image(path) for path in values.pictures}
    pythons = parse_pythons(values.peer_python)
    params = mj.load_params(*filter(None, [values.weights]))
    with contextlib.ExitStack() as stack:
        graphs = stack.enter_context(tempfile.TemporaryDirectory())
        if "ncnn" in values.peers:
            write_graphs(params, pathlib.Path(graphs))
        running, skipped = start_peers(values.peers, pythons, graphs=graphs)
        for peer in running:
            stack.callback(peer.close)
        for word in skipped:
            print(f"left out: {word}", file=sys.stderr)
        results = run(config, params, weights=values.weights, peers=running, pictures=pictures)
    results["left_out"] = skipped + [peer.failure for peer in running if peer.failure]
    folder = pathlib.Path(values.output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.json").write_text(json.dumps(results, indent=2) + "\n")
    text = report.markdown(results)
    (folder / "benchmark.md").write_text(text)
    print(text)


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    return run_command(argv, lambda: benchmark_all(flags.FLAGS))


if __name__ == "__main__":
    define_flags()
    app.run(main)
