"""Digests of what work was made of, and how differences are told."""

import json

import numpy as np
import pytest

from experiments.mining.config import MineConfig
from experiments.mining.origin import (
    LOOKED_AT,
    check_is_of,
    check_samples_are_of,
    differences,
    digest_of_pictures,
    digests_of_weights,
    origin_of_samples,
    read_origin,
)


def test_of_nested_settings_only_those_that_differ_are_told():
    before = {"seed": 1, "recipe": {"steps": 4, "loss": "l2", "augment": None}, "gone": 1}
    now = {"seed": 1, "recipe": {"steps": 8, "loss": "l1", "augment": {"grey": 1}}, "new": (1, 2)}
    assert differences(before, now) == [
        "recipe.steps was 4, is 8",
        "recipe.loss was 'l2', is 'l1'",
        "recipe.augment was None, is set",
        "new was None, is (1, 2)",
    ]
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}) == ["a.c was 2, is None"]
    assert differences(now, now) == []


def test_what_is_read_back_from_json_is_the_same():
    now = {"thresholds": (0.5, 0.3), "size": 16}
    check_is_of("it", json.loads(json.dumps({**now, "counts": [1]})), now, accepted="another")
    with pytest.raises(
        ValueError, match=r"it with other settings \(size was 16, is 17\); .* another"
    ):
        check_is_of("it", now, {"size": 17}, accepted="another")


def test_weights_have_a_digest_of_names_shapes_types_and_values():
    weights = np.arange(6, dtype=np.float32)
    same = digests_of_weights({"pnet": {"a": weights}, "rnet": {"a": weights.copy()}})
    assert same["pnet"] == same["rnet"]
    for other in (
        {"b": weights},
        {"a": weights.reshape(2, 3)},
        {"a": weights.astype(np.float64)},
        {"a": np.nextafter(weights, 9)},
    ):
        assert digests_of_weights({"pnet": other})["pnet"] != same["pnet"]


def test_pictures_have_a_digest_of_their_number_and_of_some(tmp_path):
    pictures = [(f"{number}.jpg", bytes([number]), np.zeros(4)) for number in range(40)]
    found = digest_of_pictures(pictures)
    assert found == digest_of_pictures(list(pictures))
    assert found["count"] == 40
    assert digest_of_pictures([])["count"] == 0
    assert digest_of_pictures(pictures[:1]) != found
    looked_at = []

    class Pictures(list):
        def __getitem__(self, index):
            looked_at.append(index)
            return super().__getitem__(index)

    digest_of_pictures(Pictures(pictures))
    assert len(looked_at) == LOOKED_AT and {0, 39} <= {*looked_at}
    moved = [*pictures[:-1], ("39.jpg", bytes([39]), np.ones(4))]
    assert digest_of_pictures(moved)["digest"] != found["digest"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"a": 1}{'])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "samples.json"
    with pytest.raises(FileNotFoundError, match=r"samples.json"):
        read_origin(path)
    path.write_bytes(b'{"seed": 3}')
    assert read_origin(path) == {"seed": 3}
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"samples.json is no whole JSON object; accepted is"):
        read_origin(path)


def test_samples_of_before_there_were_random_windows_have_none():
    before, now = (
        origin_of_samples(MineConfig("d", random_windows=random), "rnet", "train", {}, None, {})
        for random in (False, True)
    )
    told = json.loads(json.dumps(before))
    old = {name: value for name, value in told.items() if name != "random_windows"}
    check_samples_are_of("S", old, before)
    with pytest.raises(ValueError, match="random_windows was False, is True"):
        check_samples_are_of("S", old, now)
