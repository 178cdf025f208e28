"""Corrupted pictures, and the benchmark that detects in them."""

import io

import numpy as np
import pytest
from PIL import Image

from data import records
from data.records import Picture
from experiments.evaluation import corruptions
from experiments.evaluation.benchmarks import registry, robustness
from experiments.evaluation.detections import Found
from experiments.evaluation.reports import tables
from experiments.evaluation.settings import Settings
from mtcnn_jax import read_image

BOXES = np.array([[20, 30, 60, 80], [70, 10, 95, 35]], np.float32)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)


@pytest.fixture
def picture(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    ignored = np.array([False, True])
    return Picture("a/b.jpg", file.getvalue(), BOXES, ignored, np.ones((2, 5, 2), np.float32), True)


def test_grey_is_the_luminance(image):
    found, boxes = corruptions.grey(image, BOXES)
    expected = image @ np.array([0.299, 0.587, 0.114])
    assert np.abs(found - expected[..., None]).max() <= 1
    assert boxes is BOXES


def test_dark_has_a_fifth_of_the_light(image):
    found, _ = corruptions.dark(image, BOXES)
    assert np.abs(found - image / 5).max() <= 0.5


def test_a_mask_hides_the_lower_part_of_faces_alone(image):
    before = image.copy()
    found, _ = corruptions.masked(image, BOXES)
    np.testing.assert_array_equal(image, before)
    # 0.55 of the heights, 50 and 25, below the tops, 30 and 10: at 57.5 and 23.75.
    hidden = np.zeros(image.shape[:2], bool)
    hidden[58:80, 20:60] = hidden[24:35, 70:95] = True
    assert (found[hidden] == corruptions.MASK_COLOUR).all()
    np.testing.assert_array_equal(found[~hidden], image[~hidden])


def test_a_mask_stays_within_the_picture(image):
    found, _ = corruptions.masked(image, np.array([[-30, 40, 10, 120], [100, -60, 150, -10]]))
    changed = (found != image).any(axis=-1)
    assert changed[84:90, 0:10].mean() > 0.99
    changed[84:90, 0:10] = False
    assert not changed.any()


@pytest.mark.parametrize("degrees", [15, 30, -20, 90, 180])
def test_boxes_turn_with_the_picture(degrees):
    image = np.zeros((90, 120, 3), np.uint8)
    image[54:57, 39:42] = 255  # The middle of the first box, (40, 55).
    found, boxes = corruptions.tilted(degrees)(image, BOXES)
    rows, columns = np.indices(found.shape[:2])
    weights = found[..., 0] / found[..., 0].sum()
    bright = [np.sum(columns * weights) + 0.5, np.sum(rows * weights) + 0.5]
    middle = (boxes[0, :2] + boxes[0, 2:]) / 2
    assert np.abs(middle - bright).max() < 1.5
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], [[40, 50], [25, 25]], atol=1e-4)
    if degrees == 90:  # Counter-clockwise the right edge, x of 120, comes to the top.
        assert found.shape == (120, 90, 3)
        np.testing.assert_allclose(middle, [55, 120 - 40])


def test_corrupted_pictures_are_read_as_corrupted(picture, image):
    (changed,) = corruptions.Corrupted([picture], corruptions.tilted(30))
    pixels, boxes = corruptions.tilted(30)(image, BOXES)
    np.testing.assert_array_equal(read_image(changed.encoded), pixels)
    np.testing.assert_array_equal(changed.boxes, boxes)
    assert np.isnan(changed.landmarks).all()
    assert (changed.name, changed.ignored) == (picture.name, picture.ignored)


class TestBenchmark:
    @pytest.fixture
    def settings(self, tmp_path):
        return Settings("data", str(tmp_path))

    @pytest.mark.parametrize(("shift", "recall"), [(0, 1), (30, 0)])
    def test_boxes_are_matched_as_they_are_after_the_change(
        self, settings, picture, monkeypatch, shift, recall
    ):
        def detect(params, pictures, config, path, *, title):
            rows = []
            for one in pictures:
                boxes = np.concatenate([one.boxes[:1] + shift, one.boxes[:1] + shift])
                scores = np.array([0.9, 0.1], np.float32)
                size = read_image(one.encoded).shape[:2]
                rows.append(Found(one.name, size, boxes, scores, None, {}, {}, 0.1))
            return rows

        monkeypatch.setattr(records, "read_pictures", lambda *_, **__: [picture])
        monkeypatch.setattr(robustness, "detect_pictures", detect)
        values = robustness.run(settings, "w", {}).values
        assert list(values) == list(corruptions.CORRUPTIONS)
        for one in values.values():
            assert one["recall"] == recall
            assert one["ap_0.5"] == recall
            assert one["false_positives_per_picture"] == 1 - recall
            assert (one["pictures"], one["faces"]) == (1, 1)
        text = tables.markdown({"robustness": {"w": values}})
        assert f"| tilted 30: recall | {recall:.3f} |" in text
        assert "masked: AP at IoU 0.5" in text

    def test_there_are_no_predictions_of_it(self, settings):
        with pytest.raises(ValueError, match="robustness takes --weights, no --predictions"):
            registry.BENCHMARKS["robustness"].from_predictions(settings, "x.txt")
