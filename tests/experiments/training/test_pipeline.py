import dataclasses
import io
import json
import pathlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data import records
from experiments.mining import shards
from experiments.recipes.files import read_recipe
from experiments.recipes.flags import asked_for
from experiments.recipes.overrides import override
from experiments.training import pipeline
from experiments.training.cascade import STAGES
from mtcnn_jax import load_params, save_params
from tests.experiments.flag_values import flag_values, run_of


def drawn(number, *, landmarks):
    """A grey picture with one bright disc as its face."""
    rng = np.random.default_rng(number)
    x, y, side = rng.integers(10, 60), rng.integers(10, 60), rng.integers(30, 50)
    image = Image.fromarray(rng.integers(60, 90, (120, 140, 3)).astype(np.uint8))
    box = (int(x), int(y), int(x + side), int(y + side))
    ImageDraw.Draw(image).ellipse(box, fill=(230, 180, 150))
    file = io.BytesIO()
    image.save(file, "PNG")
    points = np.full((1, 5, 2), np.nan, np.float32)
    if landmarks:
        shares = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
        points[0] = shares * side + (x, y)
    return records.Picture(
        f"{number}.png",
        file.getvalue(),
        np.array([box], np.float32),
        np.zeros(1, bool),
        points,
        not landmarks,
    )


def read_drawn(dataset, *, split, data_dir):
    assert data_dir == "drawn"
    start = {"train": 0, "validation": 100}[split]
    return [drawn(start + number, landmarks=dataset == "celeb_a_wild") for number in range(3)]


def train_all(values):
    return pipeline.train_all(asked_for(values, "all"), workdir=values.workdir)


@pytest.mark.slow
def test_the_whole_cascade_is_trained_in_rounds_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "read_pictures", read_drawn)
    monkeypatch.setattr(shards.os, "cpu_count", lambda: 1)  # No other process draws.
    values = flag_values(tmp_path, rounds=2, windows_per_picture=["30", "10"])
    weights = train_all(values)
    assert weights == tmp_path / "weights.npz"
    params = load_params(weights)
    assert set(params) == {"pnet", "rnet", "onet"}
    trained = load_params(tmp_path / "round2" / "onet" / "onet.npz", stages=("onet",))
    for name, tensor in trained["onet"]["conv1"].items():
        np.testing.assert_array_equal(tensor, params["onet"]["conv1"][name])
    content = weights.read_bytes()
    left = read_recipe(str(tmp_path / "config.json"), "all")
    assert left == asked_for(values, "all")
    weights.unlink()
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("samples/**/*.npy")}
    assert len(times) == 4 * 2 * 5
    assert train_all(values).read_bytes() == content
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("samples/**/*.npy")}


def test_later_rounds_shorten_their_warm_up_as_well(tmp_path):
    values = flag_values(tmp_path, rounds=3, steps=["300"], warmup_steps=None)
    plan = pipeline.plan_rounds(asked_for(values, "all"), tmp_path)
    found = [[(c.recipe.steps, c.recipe.warmup_steps) for c in configs] for configs in plan]
    assert found == [[(300, 200)] * 3, [(150, 15)] * 2, [(150, 15)] * 2]
    values = flag_values(tmp_path, rounds=2, steps=["1"], warmup_steps=None)
    plan = pipeline.plan_rounds(asked_for(values, "all"), tmp_path)
    assert [config.recipe.steps for config in plan[1]] == [1, 1]


@pytest.mark.parametrize(("ratio", "celeb"), [("3:1:1:0", ""), ("3:1:1:2", "celeb_a_wild")])
def test_without_landmarks_in_the_ratio_no_data_set_of_them_is_asked_for(
    tmp_path, monkeypatch, ratio, celeb
):
    asked, mined, weights = set(), [], load_params()

    def read(dataset, *, split, data_dir):
        asked.add(dataset)
        return []

    monkeypatch.setattr(records, "read_pictures", read)
    monkeypatch.setattr(pipeline, "mine_stage", lambda config, *_, **__: mined.append(config.celeb))
    monkeypatch.setattr(pipeline, "fit", lambda config: config.recipe.stage)
    monkeypatch.setattr(pipeline, "load_params", lambda path, stages: {path: weights[path]})
    monkeypatch.setattr(pipeline, "save_curves", lambda folder: None)
    train_all(flag_values(tmp_path, ratio=ratio))
    assert asked == {"wider_face", celeb} - {""}
    assert mined == [celeb] * 6


class TestLandmarksThereAre:
    def of(self, monkeypatch, tmp_path, *pictures, **changed):
        monkeypatch.setattr(records, "read_pictures", lambda dataset, *, split, data_dir: pictures)
        values = {"ratio": "3:1:1:2", "mine_wider": "folder", "mine_celeb": "", **changed}
        recipe = asked_for(flag_values(tmp_path, **values), "all")
        found = pipeline.with_landmarks_there_are(recipe)
        assert found.without_landmarks() == recipe.without_landmarks()
        return [found.of(stage).ratio for stage in STAGES]

    def test_points_of_one_face_are_enough(self, monkeypatch, tmp_path):
        pictures = drawn(0, landmarks=False), drawn(1, landmarks=True)
        assert self.of(monkeypatch, tmp_path, *pictures) == [(3, 1, 1, 2)] * 3

    @pytest.mark.parametrize(("init", "told"), [("bundled", False), ("", True)])
    def test_without_any_a_warning_and_no_samples_of_them(self, monkeypatch, tmp_path, init, told):
        ignored = drawn(1, landmarks=True)._replace(ignored=np.ones(1, bool))
        pictures = drawn(0, landmarks=False), ignored
        warned = []
        monkeypatch.setattr(pipeline.logging, "warning", lambda text, *a: warned.append(text % a))
        assert self.of(monkeypatch, tmp_path, *pictures, init=init) == [(3, 1, 1, 0)] * 3
        (text,) = warned
        assert text.startswith("no face of folder has five points: no landmarks are trained")
        assert ("which then mean nothing" in text) == told

    def test_a_set_of_landmarks_beside_it_is_taken_to_have_some(self, monkeypatch, tmp_path):
        found = self.of(monkeypatch, tmp_path, drawn(0, landmarks=False), mine_celeb="celeb_a_wild")
        assert found == [(3, 1, 1, 2)] * 3

    def test_another_set_with_boxes_stays_where_there_are_no_points(self, monkeypatch, tmp_path):
        monkeypatch.setattr(records, "read_pictures", lambda *_, **__: [drawn(0, landmarks=False)])
        values = {"ratio": "3:1:1:2", "mine_wider": "folder", "mine_celeb": "wider_face"}
        recipe = asked_for(flag_values(tmp_path, **values), "all")
        found = pipeline.with_landmarks_there_are(recipe)
        assert found.onet.ratio == (3, 1, 1, 0)
        assert found.mining_of("onet").celeb == "wider_face"


@pytest.fixture
def told(monkeypatch):
    """What a cascade does, told and not done; "weights" are the paths they come from."""
    told = []

    def mine(config, stage, before, output, *, split, judge):
        if split == "train":
            by = f" judged by {judge}" if judge else ""
            told.append(f"mine {output} with {' '.join(before.values())} seed {config.seed}{by}")

    def calibrate(stage, params, images, *, target):
        told.append(f"calibrate {params[stage]} to {target:g}")
        return {stage: f"{params[stage]}@{target:g}"}

    def fit(config):
        told.append(f"train {config.weights}" + (f" from {config.init}" if config.init else ""))
        return config.weights

    saved = {}
    monkeypatch.setattr(records, "read_pictures", read_drawn)
    monkeypatch.setattr(pipeline, "mine_stage", mine)
    monkeypatch.setattr(pipeline, "fit", fit)
    monkeypatch.setattr(pipeline, "save_curves", lambda folder: None)
    monkeypatch.setattr(pipeline, "calibrate", calibrate)
    monkeypatch.setattr(pipeline, "digests_of_weights", dict)
    monkeypatch.setattr(pipeline, "replace_text", lambda path, text: None)
    monkeypatch.setattr(pipeline, "save_params", lambda path, params: saved.update({path: params}))
    monkeypatch.setattr(
        pipeline,
        "load_params",
        lambda path, stages: saved.get(path) or {stages[0]: str(path)},
    )
    return told


def test_the_bundled_recipe_judges_starts_and_calibrates_twice(tmp_path, monkeypatch, told):
    monkeypatch.chdir(tmp_path)
    recipe = override(read_recipe("bundled", "all"), {"data_dir": "drawn", "steps": "300"})
    assert {run.recipe.steps for run in (recipe.judging, recipe.starting_onet)} == {300}
    weights = pipeline.train_all(recipe, workdir="run")
    assert told == [
        "mine run/samples/judging/pnet/train with  seed 0",
        "train run/judging/pnet/pnet.npz",
        "mine run/samples/pnet/train with  seed 0 judged by run/judging/pnet/pnet.npz",
        "train run/pnet/pnet.npz",
        "calibrate run/pnet/pnet.npz to 460",
        "mine run/samples/rnet/train with run/pnet/pnet.npz@460 seed 0",
        "train run/starting/rnet/rnet.npz",
        "train run/rnet/rnet.npz from run/starting/rnet/rnet.npz",
        "calibrate run/rnet/rnet.npz to 40",
        "mine run/samples/onet/train with run/pnet/pnet.npz@460 run/rnet/rnet.npz@40 seed 0",
        "train run/starting/onet/onet.npz",
        "train run/onet/onet.npz from run/starting/onet/onet.npz",
        "calibrate run/pnet/pnet.npz@460 to 425",
        "calibrate run/rnet/rnet.npz@40 to 35.5",
        "calibrate run/onet/onet.npz to 4.5",
    ]
    assert weights == pathlib.Path("run/weights.npz")
    assert pipeline.load_params(weights, stages=()) == {
        "pnet": "run/pnet/pnet.npz@460@425",
        "rnet": "run/rnet/rnet.npz@40@35.5",
        "onet": "run/onet/onet.npz@4.5",
    }


def test_a_later_round_is_judged_by_the_networks_of_the_one_before(tmp_path, told):
    train_all(flag_values(tmp_path, rounds=2))
    judged = [line.partition(" judged by ")[2] for line in told if "/round2/" in line]
    assert [one for one in judged if one] == [f"{tmp_path}/{net}/{net}.npz" for net in STAGES[1:]]


def test_runs_share_the_samples_that_are_made_of_the_same(tmp_path, told):
    places = []
    for steps in ("300", "400"):
        recipe = asked_for(flag_values(tmp_path, steps=steps), "all")
        workdir = str(tmp_path / steps)
        pipeline.train_all(recipe, workdir=workdir, shared=tmp_path / "shared")
        places.append([line.split()[1] for line in told if line.startswith("mine")])
        del told[:]
    one, other = places
    assert all(place.startswith(f"{tmp_path}/shared/") for place in one + other)
    assert one[0] == other[0] and one[1] != other[1] and one[2] != other[2]


def test_a_run_with_other_settings_is_refused_before_anything_is_mined(tmp_path, told):
    values = flag_values(tmp_path)
    config = run_of(values, "onet")
    (config.folder / "checkpoints" / "00000004").mkdir(parents=True)
    changed = dataclasses.replace(config, seed=5)
    (config.folder / "config.json").write_text(json.dumps(dataclasses.asdict(changed)))
    with pytest.raises(ValueError, match=r"onet holds a run .* \(seed was 5, is 0\)"):
        train_all(values)
    assert told == []


class TestCalibrated:
    @pytest.fixture
    def config(self, tmp_path):
        config = run_of(flag_values(tmp_path, steps=["4"]), "rnet", ["rnet"])
        config.folder.mkdir()
        return config

    @pytest.fixture(autouse=True)
    def calls(self, monkeypatch):
        calls = []

        def calibrate(stage, params, images, *, target):
            calls.append((stage, list(params), len(images), target))
            return params

        monkeypatch.setattr(pipeline, "calibrate", calibrate)
        return calls

    def test_it_is_done_once_and_of_others_refused(self, config, calls):
        pictures = [drawn(number, landmarks=False) for number in range(3)]
        params = load_params(stages=("pnet", "rnet"))
        for _ in range(2):
            path = pipeline.calibrated(config, params, 30, pictures, [1, 2, 3])
            assert path == config.folder / "calibrated-30.npz"
        assert calls == [("rnet", ["pnet", "rnet"], 3, 30)]
        others = {**params, "pnet": params["rnet"]}
        with pytest.raises(
            ValueError,
            match=r"calibrated-30.npz holds weights calibrated with other settings "
            r"\(weights.pnet was '\w+', is '\w+'\); accepted are the same ones, or no such file",
        ):
            pipeline.calibrated(config, others, 30, pictures, [1, 2, 3])
        with pytest.raises(ValueError, match="pictures.count was 3, is 2; pictures.digest was"):
            pipeline.calibrated(config, params, 30, pictures[:2], [1, 2])
        assert len(calls) == 1

    def test_weights_from_before_that_do_not_tell_are_taken(self, config, calls, monkeypatch):
        told = []
        monkeypatch.setattr(pipeline.logging, "warning", lambda text, *a: told.append(text % a))
        save_params(config.folder / "calibrated-30.npz", load_params(stages=("rnet",)))
        pipeline.calibrated(config, load_params(stages=("pnet", "rnet")), 30, [], [])
        assert calls == []
        assert "calibrated-30.npz does not tell what it was calibrated on" in told[0]


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"rounds": 0}, "rounds is 0; accepted is 1 or more"),
        ({"windows_per_picture": ["5"]}, "windows_per_picture is 5; accepted are two or three"),
        ({"windows_per_picture": ["5", "x"]}, "--windows_per_picture=5,x; accepted: numbers"),
        ({"windows_per_picture": ["5", "-1"]}, "accepted are two or three numbers above 0"),
        ({"mine": "pool=8,hard=1"}, "--mine=pool=8,hard=1 is written --mine_pool=8 --mine_hard=1"),
        ({"mine_negatives": "-1"}, "mine_negatives is -1; accepted is 0 or more"),
        ({"mine_thresholds": "0.5"}, "mine_thresholds is .*; accepted is two scores"),
        ({"steps": ["4", "3"]}, "--steps=4,3; accepted: one number, or one for each of pnet"),
        ({"ohem_ratio": 0.0}, "ohem_ratio is 0.0; accepted is above 0"),
    ],
)
def test_wrong_flags_are_named_before_anything_is_done(tmp_path, monkeypatch, changed, match):
    monkeypatch.setattr(records, "read_pictures", read_drawn)
    monkeypatch.setattr(shards.os, "cpu_count", lambda: 1)  # No other process draws.
    workdir = tmp_path / "run"
    with pytest.raises(ValueError, match=match):
        train_all(flag_values(workdir, **changed))
    assert not workdir.exists()


def test_a_data_set_that_is_not_prepared_is_named_before_anything_is_done(tmp_path):
    workdir = tmp_path / "run"
    with pytest.raises(FileNotFoundError, match="no prepared wider_face"):
        train_all(flag_values(workdir, data_dir=str(tmp_path)))
    assert not workdir.exists()
