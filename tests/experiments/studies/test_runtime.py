"""Table II in its quick form, and the cascade of the 12-, 24- and 48-nets beside plain loops."""

import dataclasses
import json
import time

import jax
import numpy as np
import pytest

from data.samples import POSITIVE, load_samples
from experiments.studies import networks, runtime
from experiments.studies.registry import config_of
from experiments.studies.rivals import cascade_cnn, cascade_detect, classify
from experiments.studies.study import make_study
from experiments.training.checkpoints import save_checkpoint
from mtcnn_jax import DetectConfig
from mtcnn_jax.cascade import crops, pyramid
from mtcnn_jax.networks.layers import normalize
from tests.drawn import save_drawn

SIZE = (60, 80)
"""Height and width of a picture."""

MOST = 160
"""Windows in such a one, at most."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workdir with what the study of the networks leaves, and networks that nobody trained."""
    workdir = tmp_path_factory.mktemp("studies")
    config = config_of("networks", quick=True, workdir=str(workdir), seeds=(4,))
    rng = np.random.default_rng(0)
    for stage, name in classify.RIVALS.items():
        save_drawn(config.samples_folder, stage, each=4)
        run = networks.run_of(config, name, stage, 4)

        def filled(leaf):
            spread = (2 / (leaf.size // leaf.shape[-1])) ** 0.5 if leaf.ndim > 1 else 0.1
            return rng.normal(0, spread, leaf.shape).astype(np.float32)

        shapes = jax.eval_shape(lambda run=run: classify.first_state(run))
        blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        params = jax.tree.map(filled, blank.params)
        state = blank.replace(params=params, step=np.int32(run.steps))
        save_checkpoint(networks.folder_of(config, run), state)
    settings = {key: value for key, value in dataclasses.asdict(config).items() if key != "workdir"}
    (config.folder / "config.json").write_text(json.dumps(settings))
    return config


@pytest.fixture(scope="module")
def theirs(trained):
    return {
        name: networks.params_of(trained, name, stage) for stage, name in classify.RIVALS.items()
    }


@pytest.fixture
def small(monkeypatch):
    """Pictures of noise, in which detection, which other tests try, finds a face after 2 and 3."""
    monkeypatch.setattr(runtime, "FACES", (0, 5))
    monkeypatch.setattr(runtime, "scene", lambda _, size, faces: noise(size, seed=faces))
    monkeypatch.setattr(runtime.mj, "detect", lambda *_: time.sleep(0.01))
    left = {"pnet": [0] * 3, "rnet": [0] * 2, "onet": [0]}
    monkeypatch.setattr(runtime.mj, "detect_stages", lambda *_: [left])


def noise(size, *, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return picture // 3 + np.linspace(0, 160, size[1], dtype=np.uint8)[None, :, None]


def test_the_quick_study_times_both_cascades_on_each_picture(trained, small):
    config = config_of("runtime", quick=True, workdir=trained.workdir, resolution=SIZE)
    outcome = make_study(runtime.STUDY, config)
    assert [(row["cascade"], row["faces"]) for row in outcome.rows] == [
        (name, faces) for faces in runtime.FACES for name in (runtime.OURS, runtime.THEIRS)
    ]
    for row in outcome.rows:
        assert row["pictures_per_second"] == pytest.approx(1 / row["seconds"])
        assert 0 < row["least_seconds"] <= row["seconds"]
    ours = [row for row in outcome.rows if row["cascade"] == runtime.OURS]
    assert [row["windows"] for row in ours] == ["3/2/1"] * 2
    assert all(row["seconds"] >= 0.01 for row in ours)
    assert f"{outcome.rows[1]['pictures_per_second']:.1f} |" in outcome.section
    assert "| MTCNN | Nvidia Titan Black | 99 |" in outcome.section
    assert "Pictures of 80x60, faces from 20x20 pixels" in outcome.section
    assert max(map(len, outcome.section.splitlines())) <= 100


def test_thresholds_let_their_share_of_the_validation_faces_pass(trained, theirs):
    for stage, least in zip(runtime.STAGES, runtime.thresholds_of(trained, theirs), strict=True):
        name = classify.RIVALS[stage]
        held = load_samples(trained.samples_folder / stage / "validation")
        faces = held.patches[held.kinds == POSITIVE]
        passed = classify.scores_of(name, theirs[name], faces) > least
        assert np.sum(~passed) == 1  # Of four, that of the lowest score.


def by_loops(params, picture, config):
    """What `cascade_detect.detect` gives, without fixed shapes, window by window."""

    def scores(name, pixels):
        padded = np.zeros((MOST, *pixels.shape[1:]), np.float32)
        padded[: len(pixels)] = pixels
        logits = jax.jit(cascade_cnn.NETWORKS[name]().apply)({"params": params[name]}, padded)
        return np.asarray(jax.nn.softmax(logits.reshape(-1, 2)))[: len(pixels), 1]

    def suppressed(found, threshold, *, by_level=False, smaller=False):
        kept = []
        for one in sorted(found, key=lambda one: -one[1]):
            (x1, y1, x2, y2), _, level = one
            clear = True
            for (u1, v1, u2, v2), _, other in kept:
                common = max(0, min(x2, u2) - max(x1, u1)) * max(0, min(y2, v2) - max(y1, v1))
                areas = (x2 - x1) * (y2 - y1), (u2 - u1) * (v2 - v1)
                whole = min(areas) if smaller else sum(areas) - common
                clear &= common / whole <= threshold or (by_level and level != other)
            if clear:
                kept.append(one)
        return kept

    size = np.array(picture.shape[:2], np.int32)
    levels = pyramid.plan(picture.shape[:2], min_face_size=20)

    @jax.jit
    def resampled(picture):
        chain = crops.mip_chain(picture, size, 4)
        return [normalize(pyramid.resample(chain, size, level)) for level in levels]

    found = []
    for number, (level, pixels) in enumerate(zip(levels, resampled(picture), strict=True)):
        pixels = np.asarray(pixels)
        rows, columns = (range(0, side - 11, 4) for side in level.shape)
        corners = [(x, y) for y in rows for x in columns]
        cut = np.stack([pixels[y : y + 12, x : x + 12] for x, y in corners])
        for (x, y), score in zip(corners, scores("net12", cut), strict=True):
            box = np.array([x, y, x + 12, y + 12]) / level.scale
            if score > config.thresholds[0]:
                found.append((box, score, number))
    within, overall, refined, smaller = config.nms_thresholds
    found = suppressed(suppressed(found, within, by_level=True), overall)
    left = [len(found)]
    count = crops.mip_count(picture.shape[:2], 24)
    pixels, shapes = crops.materialized_mips(picture, size, count)
    for name, least, overlap in (("net24", 1, refined), ("net48", 2, smaller)):
        boxes = np.array([box for box, *_ in found] + [np.arange(4)] * MOST, np.float32)[:MOST]
        side = cascade_cnn.INPUT_SIZE[name]
        cut = crops.crop_from(pixels, shapes, size, boxes, crop_size=side, normalized=True)
        anew = scores(name, cut)[: len(found)]
        again = [(one[0], score, one[2]) for one, score in zip(found, anew, strict=True)]
        again = [one for one in again if one[1] > config.thresholds[least]]
        found = suppressed(again, overlap, smaller=name == "net48")
        left.append(len(found))
    height, width = picture.shape[:2]
    boxes = np.array([box for box, *_ in found])
    return np.clip(boxes, 0, [width, height, width, height]), left


@pytest.mark.parametrize("least", [(0.0, 0.0, 0.0), (0.35, 0.45, 0.7)])
def test_the_cascade_gives_what_plain_loops_give(theirs, least):
    picture = noise(SIZE, seed=5)
    # No windows of one grid have just these overlaps.
    config = DetectConfig(thresholds=least, nms_thresholds=(0.47, 0.66, 0.66, 0.66))
    boxes, left = cascade_detect.detect(theirs, picture, config)
    expected, counts = by_loops(theirs, picture, config)
    assert left.tolist() == counts
    assert counts[2] > 1
    np.testing.assert_allclose(boxes, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (["pnet"], "config.json tells of no study of all networks; `--study=networks`"),
        (None, "config.json tells of no study of all networks; `--study=networks`"),
    ],
)
def test_without_the_networks_it_says_what_makes_them(tmp_path, stages, words):
    config = config_of("runtime", quick=True, workdir=str(tmp_path / "studies"))
    if stages:
        folder = tmp_path / "studies" / "networks"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"stages": stages}))
    with pytest.raises(FileNotFoundError, match=words):
        make_study(runtime.STUDY, config)
    assert not config.folder.exists()


def test_pictures_too_small_for_the_faces_are_refused(trained):
    config = config_of("runtime", quick=True, workdir=trained.workdir, resolution=(100, 100))
    with pytest.raises(ValueError, match="5 faces in 100 x 100 pixels leave 33 for each"):
        make_study(runtime.STUDY, config)
