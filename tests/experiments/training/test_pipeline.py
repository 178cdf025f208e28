import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data import records
from experiments.mining import shards
from experiments.training import pipeline
from experiments.training.settings import make_config
from mtcnn_jax import load_params, save_params
from tests.experiments.flag_values import flag_values


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


def test_the_whole_cascade_is_trained_in_rounds_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "read_pictures", read_drawn)
    monkeypatch.setattr(shards.os, "cpu_count", lambda: 1)  # No other process draws.
    values = flag_values(tmp_path, rounds=2, windows_per_picture=["30", "10"])
    weights = pipeline.train_all(values)
    assert weights == tmp_path / "weights.npz"
    params = load_params(weights)
    assert set(params) == {"pnet", "rnet", "onet"}
    trained = load_params(tmp_path / "round2" / "onet" / "onet.npz", stages=("onet",))
    for name, tensor in trained["onet"]["conv1"].items():
        np.testing.assert_array_equal(tensor, params["onet"]["conv1"][name])
    content = weights.read_bytes()
    weights.unlink()
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("samples/**/*.npy")}
    assert len(times) == 4 * 2 * 5
    assert pipeline.train_all(values).read_bytes() == content
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("samples/**/*.npy")}


def test_later_rounds_shorten_their_warm_up_as_well(tmp_path):
    values = flag_values(tmp_path, rounds=3, steps=["300"], warmup_steps=None)
    plan = pipeline.plan_rounds(values)
    found = [[(c.recipe.steps, c.recipe.warmup_steps) for c in configs] for configs in plan]
    assert found == [[(300, 200)] * 3, [(150, 15)] * 2, [(150, 15)] * 2]
    plan = pipeline.plan_rounds(flag_values(tmp_path, rounds=2, steps=["1"], warmup_steps=None))
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
    pipeline.train_all(flag_values(tmp_path, ratio=ratio))
    assert asked == {"wider_face", celeb} - {""}
    assert mined == [celeb] * 6


class TestCalibrated:
    @pytest.fixture
    def config(self, tmp_path):
        config = make_config(flag_values(tmp_path, steps=["4"]), "rnet", ["rnet"])
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
        ({"rounds": 0}, "--rounds=0; accepted are whole numbers from 1 up"),
        ({"windows_per_picture": ["5"]}, "--windows_per_picture=5; accepted are two or three"),
        ({"windows_per_picture": ["5", "x"]}, "accepted are two or three numbers above 0"),
        ({"mine": "negative=8"}, "--mine=negative=8: .* not of the form name=number"),
        ({"steps": ["4", "3"]}, "--steps=4,3; accepted: one number, or one for each of pnet"),
        ({"ohem_ratio": 0.0}, "ohem_ratio is 0.0; accepted is above 0"),
    ],
)
def test_wrong_flags_are_named_before_anything_is_done(tmp_path, monkeypatch, changed, match):
    monkeypatch.setattr(records, "read_pictures", read_drawn)
    monkeypatch.setattr(shards.os, "cpu_count", lambda: 1)  # No other process draws.
    workdir = tmp_path / "run"
    with pytest.raises(ValueError, match=match):
        pipeline.train_all(flag_values(workdir, **changed))
    assert not workdir.exists()


def test_a_data_set_that_is_not_prepared_is_named_before_anything_is_done(tmp_path):
    workdir = tmp_path / "run"
    with pytest.raises(FileNotFoundError, match="no prepared wider_face"):
        pipeline.train_all(flag_values(workdir, data_dir=str(tmp_path)))
    assert not workdir.exists()
