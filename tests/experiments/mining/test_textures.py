"""Drawn pictures without a face, and that samples are made of them."""

import dataclasses

import numpy as np
import pytest

from data import records
from data.records import read_pixels
from data.samples import load_samples
from experiments.mining.config import MineConfig
from experiments.mining.shards import mine_stage, open_pictures
from experiments.mining.textures import Textures
from mtcnn_jax.training.samples import NEGATIVE
from tests.experiments.mining.test_shards import CONFIG, picture, proposed


def test_each_is_drawn_from_the_seed_and_its_number_alone():
    first, again, other = Textures(9, seed=1), Textures(4, seed=1), Textures(9, seed=2)
    assert (len(first), len(again)) == (9, 4)
    assert first[3].encoded == again[3].encoded
    assert len({one.encoded for one in (*first, *other)}) == 18
    with pytest.raises(IndexError, match="texture 4 of 4"):
        again[4]


def test_they_are_whole_pictures_without_a_face_of_many_grains():
    grains, cut_off = [], []
    for one in Textures(30, seed=0):
        pixels = read_pixels(one).astype(float)
        assert pixels.shape == (480, 640, 3)
        assert one.exhaustive and len(one.boxes) == len(one.landmarks) == len(one.ignored) == 0
        assert pixels.std() > 4
        grey = pixels.mean(axis=-1)
        grains.append(np.abs(np.diff(grey, axis=1)).mean() / grey.std())
        cut_off.append(np.isin(pixels, (0, 255)).mean())
    assert min(grains) < 0.1 and max(grains) > 0.5  # From clouds to sand.
    assert min(cut_off) == 0 and max(cut_off) > 0.1  # From faint to harsh.


def test_they_are_among_the_pictures_that_o_net_is_trained_on_alone(monkeypatch):
    monkeypatch.setattr(records, "read_pictures", lambda name, **_: [name])
    config = MineConfig("drawn", textures=3)
    assert list(open_pictures(config, "onet", "train")) == [
        "wider_face",
        "celeb_a_wild",
        "textures",
    ]
    others = [("onet", "validation"), ("rnet", "train"), ("pnet", "train")]
    for stage, split in others:
        assert list(open_pictures(config, stage, split)) == ["wider_face", "celeb_a_wild"]
    assert "textures" not in open_pictures(MineConfig("drawn"), "onet", "train")


def test_how_many_does_not_matter_to_the_samples_of_other_networks(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "read_pictures", lambda *_, **__: [picture(0)])
    config = dataclasses.replace(CONFIG, celeb="")
    made = mine_stage(config, "pnet", {}, tmp_path / "pnet")
    assert mine_stage(dataclasses.replace(config, textures=5), "pnet", {}, made) == made


def test_a_texture_gives_as_many_negatives_as_another_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "read_pictures", lambda *_, **__: [picture(0), picture(1)])
    windows = proposed(40)
    monkeypatch.setattr(
        "experiments.mining.shards.proposals",
        lambda stage, params, images, _: [windows] * len(images),
    )
    config = dataclasses.replace(CONFIG, celeb="")
    kinds = [
        load_samples(mine_stage(one, "onet", {}, tmp_path / str(one.textures))).kinds
        for one in (config, dataclasses.replace(config, textures=5))
    ]
    without, with_them = (np.bincount(one, minlength=4) for one in kinds)
    assert (with_them - without).tolist() == [
        5 * CONFIG.negatives if k == NEGATIVE else 0 for k in range(4)
    ]
