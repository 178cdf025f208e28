"""Mining on drawn pictures, with windows from a stub in place of the networks."""

import contextlib
import dataclasses
import io
import json

import jax
import numpy as np
import pytest
from PIL import Image

from data import records
from data.prepare import prepare
from data.samples import Samples, load_samples, save_samples
from experiments.mining import before, origin, shards
from experiments.mining.config import MineConfig
from experiments.mining.shards import mine_shard, mine_stage
from experiments.mining.windows import picture_windows
from mtcnn_jax import DetectConfig, load_params
from mtcnn_jax.detect import detect_stages
from mtcnn_jax.training.samples import LANDMARK, NEGATIVE, PART, POSITIVE
from tests.archives import write_wider
from tests.data.test_sampling import area, overlap, shared

CONFIG = MineConfig(
    "drawn",
    negatives=12,
    positives=4,
    landmark_windows=3,
    jittered=20,
    about_faces=True,
    balance=0,
)
SIZE = (120, 160)


def picture(number, *, exhaustive=True):
    """Noise with three labelled boxes: a face, one that is ignored, and one that is too small."""
    rng = np.random.default_rng(number)
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)).save(file, "PNG")
    x, y = rng.uniform(0, 30, 2)
    boxes = [[x, y, x + 40, y + 50], [100, 60, 140, 100], [80, 10, 90, 20]]
    landmarks = np.full((3, 5, 2), np.nan, np.float32)
    if not exhaustive:
        landmarks[0] = np.array([x, y]) + rng.uniform(5, 35, (5, 2))
    return records.Picture(
        f"{number}.png",
        file.getvalue(),
        np.array(boxes, np.float32),
        np.array([False, True, False]),
        landmarks,
        exhaustive,
    )


def proposed(count=80, seed=0):
    """What stages before might have found: windows everywhere."""
    rng = np.random.default_rng(seed)
    corners, sides = rng.uniform(0, 100, (count, 2)), rng.uniform(16, 70, (count, 1))
    return np.concatenate([corners, corners + sides], axis=1).astype(np.float32)


def stub(stage, params, images, config):
    count = 0 if stage == "pnet" else 80
    return [proposed(count, seed=int(image[0, 0, 0])) for image in images]


def choose(stage, one, **changed):
    rng = np.random.default_rng(0)
    config = dataclasses.replace(CONFIG, **changed)
    found = proposed() if stage != "pnet" else np.zeros((0, 4), np.float32)
    return picture_windows(stage, one, SIZE, found, config, rng, negatives=config.negatives)


class TestPictureWindows:
    @pytest.mark.parametrize("stage", shards.STAGES)
    def test_labels_are_those_of_the_faces_that_count(self, stage):
        one = picture(0)
        face, *others = one.boxes
        windows = choose(stage, one)
        for window, kind, box in zip(*windows[:3], strict=True):
            best = overlap(window, face)
            if kind == NEGATIVE:
                assert best < 0.3
                assert all(shared(window, other) / area(window) < 0.3 for other in others)
                continue
            assert (best > 0.65) if kind == POSITIVE else (0.4 <= best <= 0.65)
            side = window[2] - window[0]
            np.testing.assert_allclose(box * side + np.tile(window[:2], 2), face, atol=1e-3)
        counts = np.bincount(windows.kinds, minlength=4)
        assert counts[[POSITIVE, PART, LANDMARK]].tolist() == [4, 4, 0]
        assert 0 < counts[NEGATIVE] <= 12

    @pytest.mark.parametrize("stage", ["rnet", "onet"])
    def test_negatives_of_later_stages_are_all_detected_ones(self, stage):
        windows = choose(stage, picture(0))
        found = {tuple(window) for window in proposed().tolist()}
        negatives = windows.windows[windows.kinds == NEGATIVE].tolist()
        assert negatives
        assert all(tuple(window) in found for window in negatives)

    @pytest.mark.parametrize("stage", ["rnet", "onet"])
    def test_faces_of_later_stages_are_all_detected_ones_unless_asked_otherwise(self, stage):
        one = picture(2)
        found = {
            kind: [w for w in proposed().tolist() if low <= overlap(w, one.boxes[0]) <= high]
            for kind, low, high in ((POSITIVE, 0.650001, 1), (PART, 0.4, 0.65))
        }
        windows = choose(stage, one, about_faces=False, positives=40)
        for kind, expected in found.items():
            assert sorted(windows.windows[windows.kinds == kind].tolist()) == sorted(expected)
        assert sum(map(len, found.values())) == 2
        few = choose(stage, one, about_faces=False, positives=0)
        assert {*few.kinds.tolist()} == {NEGATIVE}

    @pytest.mark.parametrize("balance", [0, 5])
    def test_negatives_are_drawn_as_they_come_whatever_the_balance(self, balance):
        sides = []
        for seed in range(60):
            config = dataclasses.replace(CONFIG, balance=balance)
            rng = np.random.default_rng(seed)
            found = picture_windows("rnet", picture(0), SIZE, proposed(), config, rng, negatives=12)
            negatives = found.windows[found.kinds == NEGATIVE]
            sides += (negatives[:, 2] - negatives[:, 0]).tolist()
        face = picture(0).boxes[0]
        others = picture(0).boxes[1:]
        every = [
            window
            for window in proposed().tolist()
            if overlap(window, face) < 0.3
            and all(shared(window, other) / area(window) < 0.3 for other in others)
        ]
        expected = np.mean([window[2] - window[0] for window in every])
        assert abs(np.mean(sides) - expected) < 2  # By balance 5 they are 16 larger.

    def test_pnet_gets_its_number_of_negatives_of_all_sizes(self):
        windows = choose("pnet", picture(0), negatives=200)
        negatives = windows.windows[windows.kinds == NEGATIVE]
        assert len(negatives) == 200
        sides = negatives[:, 2] - negatives[:, 0]
        assert sides.min() < 20
        assert sides.max() > 60

    @pytest.mark.parametrize("stage", ["rnet", "onet"])
    @pytest.mark.parametrize("exhaustive", [True, False])
    def test_random_windows_are_chosen_as_those_of_pnet(self, stage, exhaustive):
        one = picture(0, exhaustive=exhaustive)
        config = dataclasses.replace(CONFIG, random_windows=True)
        (none,) = shards.proposals(stage, None, [np.zeros((*SIZE, 3), np.uint8)], config)
        rng = np.random.default_rng(0)
        found = picture_windows(stage, one, SIZE, none, config, rng, negatives=config.negatives)
        np.testing.assert_array_equal(found.windows, choose("pnet", one).windows)

    @pytest.mark.parametrize("stage", shards.STAGES)
    def test_where_faces_may_be_unlabelled_there_are_landmark_samples_alone(self, stage):
        one = picture(0, exhaustive=False)
        windows = choose(stage, one)
        assert windows.kinds.tolist() == [LANDMARK] * 3
        found = {tuple(window) for window in proposed().tolist()} if stage != "pnet" else set()
        for window, points in zip(windows.windows, windows.landmarks, strict=True):
            is_detected = tuple(window.tolist()) in found
            assert overlap(window, one.boxes[0]) > (0.4 if is_detected else 0.65)
            back = points * (window[2] - window[0]) + window[:2]
            np.testing.assert_allclose(back, one.landmarks[0], atol=1e-3)

    @pytest.mark.parametrize("stage", shards.STAGES)
    def test_points_where_all_faces_are_labelled_add_their_samples_and_change_no_other(self, stage):
        bare, partial = picture(0), picture(0, exhaustive=False)
        windows = choose(stage, partial._replace(exhaustive=True))
        others = choose(stage, bare)
        is_other = windows.kinds != LANDMARK
        assert (~is_other).sum() == 3
        np.testing.assert_array_equal(windows.windows[is_other], others.windows)
        np.testing.assert_array_equal(windows.kinds[is_other], others.kinds)
        for window, points in zip(*(windows[i][~is_other] for i in (0, 3)), strict=True):
            back = points * (window[2] - window[0]) + window[:2]
            np.testing.assert_allclose(back, partial.landmarks[0], atol=1e-3)

    @pytest.mark.parametrize("stage", ["rnet", "onet"])
    @pytest.mark.parametrize("count", [1, 30])
    def test_landmark_samples_are_detected_windows_as_far_as_there_are_any(self, stage, count):
        one = picture(2, exhaustive=False)
        near = {tuple(w) for w in proposed().tolist() if overlap(w, one.boxes[0]) >= 0.4}
        windows = choose(stage, one, landmark_windows=count, jittered=200)
        chosen = [tuple(window) for window in windows.windows.tolist()]
        assert len(chosen) == count
        assert len(near) == 2
        assert len(near & set(chosen)) == min(count, len(near))

    @pytest.mark.parametrize("stage", shards.STAGES)
    def test_larger_faces_get_more_windows_as_the_power_of_their_side_says(self, stage):
        boxes = np.array([[5, 5, 25, 25], [40, 30, 120, 110]], np.float32)
        one = picture(0)._replace(
            boxes=boxes, ignored=np.zeros(2, bool), landmarks=np.full((2, 5, 2), np.nan, np.float32)
        )
        for balance, count, share in ((0, 80, 1 / 2), (1, 200, 4 / 5)):
            windows = choose(
                stage, one, positives=40, smallest_face=20, jittered=200, balance=balance
            )
            for kind in (POSITIVE, PART):
                found = windows.windows[windows.kinds == kind]
                assert len(found) == count
                large = np.mean([overlap(window, boxes[1]) >= 0.4 for window in found])
                assert abs(large - share) < 0.15

    def test_a_picture_without_faces_gives_negatives(self):
        one = picture(0)._replace(
            boxes=np.zeros((0, 4), np.float32),
            ignored=np.zeros(0, bool),
            landmarks=np.zeros((0, 5, 2), np.float32),
        )
        for stage in shards.STAGES:
            windows = choose(stage, one)
            assert windows.kinds.tolist() == [NEGATIVE] * 12


class TestShard:
    def test_proposals_come_from_the_stages_before(self, monkeypatch):
        asked = []

        def stages(params, images, config, *, until):
            asked.append((params, config.min_face_size, config.thresholds, until))
            return [{until: np.array([[1, 2, 31, 32, 0.9]], np.float32)} for _ in images]

        monkeypatch.setattr(shards, "stages_by_bucket", stages)
        images = [np.zeros((*SIZE, 3), np.uint8)] * 2
        assert [len(found) for found in shards.proposals("pnet", {}, images, CONFIG)] == [0, 0]
        assert asked == []
        found = shards.proposals("onet", "params", images, CONFIG)
        assert [windows.tolist() for windows in found] == [[[1, 2, 31, 32]]] * 2
        assert asked == [("params", 16, (0.5, 0.3, 0.0), "rnet")]
        shards.proposals("rnet", "params", images, CONFIG)
        assert asked[1][-1] == "pnet"

    def test_each_look_is_at_another_pyramid_and_all_their_windows_are_proposed(self, monkeypatch):
        asked = []

        def stages(params, images, config, *, until):
            asked.append(config.min_face_size)
            return [{until: np.array([[len(asked), n, 31, 32, 0.9]])} for n in range(len(images))]

        monkeypatch.setattr(shards, "stages_by_bucket", stages)
        images = [np.zeros((*SIZE, 3), np.uint8)] * 2
        config = dataclasses.replace(CONFIG, looks=2)
        found = shards.proposals("rnet", "params", images, config)
        assert [windows.tolist() for windows in found] == [
            [[1, 0, 31, 32], [2, 0, 31, 32]],
            [[1, 1, 31, 32], [2, 1, 31, 32]],
        ]
        np.testing.assert_allclose(asked, [16, 16 * 2**0.25])

    def test_of_many_windows_the_best_are_proposed_and_nothing_is_warned_of(self):
        image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
        params, config = load_params(), MineConfig("", thresholds=(0.0, 0.0))
        looking = DetectConfig(min_face_size=16, thresholds=(0.0, 0.0, 0.0))
        every = detect_stages(params, [image], looking, until="pnet")[0]["pnet"]
        few = dataclasses.replace(config, proposed=8)
        (found,) = shards.proposals("rnet", params, [image], few)
        assert len(every) > 16 == len(found)
        np.testing.assert_array_equal(found, every[:16, :4])
        (found,) = shards.proposals("onet", params, [image], few)
        assert len(found) <= 8

    def test_a_pictures_samples_do_not_depend_on_its_neighbours(self, monkeypatch):
        monkeypatch.setattr(shards, "proposals", stub)
        pictures = [(number, picture(number)) for number in range(3)]
        together = mine_shard("rnet", {}, pictures, CONFIG)
        alone = [mine_shard("rnet", {}, [pair], CONFIG) for pair in pictures]
        assert len(together.kinds) == sum(len(part.kinds) for part in alone)
        for name, whole, *parts in zip(Samples._fields, together, *alone, strict=True):
            np.testing.assert_array_equal(whole, np.concatenate(parts), err_msg=name)
        other = mine_shard("rnet", {}, pictures, dataclasses.replace(CONFIG, seed=1))
        assert not np.array_equal(other.boxes, together.boxes, equal_nan=True)

    def test_a_judge_keeps_hard_negatives_and_leaves_out_likely_faces(self, monkeypatch):
        monkeypatch.setattr(shards, "proposals", stub)
        pairs = [(0, picture(0))]
        config = dataclasses.replace(CONFIG, negatives=8, pool=4, hard=0.5, trim=0.9)

        def score(stage, params, patches):
            """The place in the list is the score: 0, 0.1, ..., 1 and again."""
            return (np.arange(len(patches)) % 11 / 10).astype(np.float32)

        monkeypatch.setattr(shards, "score", score)
        pool = mine_shard("rnet", {}, pairs, dataclasses.replace(config, negatives=32))
        judged = mine_shard("rnet", {}, pairs, config, judge="judge")
        patches = pool.patches[pool.kinds == NEGATIVE]
        scores = {
            patch.tobytes(): value
            for patch, value in zip(patches, score("", "", patches), strict=True)
        }
        kept = [scores[patch.tobytes()] for patch in judged.patches[judged.kinds == NEGATIVE]]
        assert len(kept) == 8
        below = sorted((value for value in scores.values() if value <= 0.9), reverse=True)
        assert sorted(kept, reverse=True)[:4] == below[:4]
        assert max(kept) <= 0.9
        for kind in (POSITIVE, PART):
            assert (judged.kinds == kind).sum() == (pool.kinds == kind).sum()


class Interrupted(Exception):
    pass


class TestStage:
    @pytest.fixture(autouse=True)
    def drawn(self, monkeypatch):
        def read(dataset, *, split, data_dir):
            assert (split, data_dir) == ("train", "drawn")
            exhaustive = dataset == "wider_face"
            return [picture(number, exhaustive=exhaustive) for number in range(5)]

        monkeypatch.setattr(records, "read_pictures", read)
        monkeypatch.setattr(shards.os, "cpu_count", lambda: 1)  # No other process draws.
        monkeypatch.setattr(shards, "proposals", stub)
        monkeypatch.setattr(shards, "SHARD", 2)

    def test_going_on_gives_the_samples_of_an_unbroken_run(self, tmp_path, monkeypatch):
        whole = mine_stage(CONFIG, "rnet", {}, tmp_path / "whole")
        shard, calls = shards.mine_shard, []

        def count(stage, params, pictures, *rest):
            calls.append([number for number, _ in pictures])
            if len(calls) == 4:
                raise Interrupted
            return shard(stage, params, pictures, *rest)

        monkeypatch.setattr(shards, "mine_shard", count)
        with pytest.raises(Interrupted):
            mine_stage(CONFIG, "rnet", {}, tmp_path / "broken")
        assert not (tmp_path / "broken").exists()
        broken = mine_stage(CONFIG, "rnet", {}, tmp_path / "broken")
        # Pictures of the second data set go on from the number of the first.
        assert calls == [[0, 1], [2, 3], [4], [5, 6], [5, 6], [7, 8], [9]]
        for name in Samples._fields:
            content = (whole / f"{name}.npy").read_bytes()
            assert (broken / f"{name}.npy").read_bytes() == content, name
        assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "whole"]
        times = {path: path.stat().st_mtime_ns for path in broken.iterdir()}
        assert mine_stage(CONFIG, "rnet", {}, tmp_path / "broken") == broken
        assert {path: path.stat().st_mtime_ns for path in broken.iterdir()} == times

    def test_several_processes_share_the_shards_and_the_first_merges_them(
        self, tmp_path, monkeypatch
    ):
        whole = mine_stage(CONFIG, "rnet", {}, tmp_path / "whole")
        shard, calls = shards.mine_shard, []

        def count(stage, params, pictures, *rest):
            calls.append([number for number, _ in pictures])
            return shard(stage, params, pictures, *rest)

        monkeypatch.setattr(shards, "mine_shard", count)
        monkeypatch.setattr(shards, "agreed", contextlib.nullcontext)
        monkeypatch.setattr(shards, "agree", lambda settings, what: None)
        monkeypatch.setattr(jax, "process_count", lambda: 2)
        for number in (1, 0):
            monkeypatch.setattr(jax, "process_index", lambda: number)  # noqa: B023
            both = mine_stage(CONFIG, "rnet", {}, tmp_path / "both")
            assert both.exists() == (number == 0)
        assert calls == [[2, 3], [5, 6], [9], [0, 1], [4], [7, 8]]
        for name in Samples._fields:
            content = (whole / f"{name}.npy").read_bytes()
            assert (both / f"{name}.npy").read_bytes() == content, name

    def test_a_shard_that_another_run_leaves_meanwhile_is_replaced(self, tmp_path, monkeypatch):
        shard, path = shards.mine_shard, tmp_path / "late.shards" / "wider_face-000002"

        def beside(*arguments):
            path.mkdir(parents=True, exist_ok=True)
            (path / "patches.npy").write_bytes(b"half")
            return shard(*arguments)

        whole = mine_stage(CONFIG, "rnet", {}, tmp_path / "whole")
        with monkeypatch.context() as patch:
            patch.setattr(shards, "mine_shard", beside)
            config = dataclasses.replace(CONFIG, limit=4, celeb="")
            late = load_samples(mine_stage(config, "rnet", {}, tmp_path / "late"))
        for one, two in zip(late, load_samples(whole), strict=True):
            np.testing.assert_array_equal(one, two[: len(one)])

    def test_all_kinds_are_there_and_the_file_says_how_they_were_made(self, tmp_path):
        config = dataclasses.replace(CONFIG, limit=3)
        folder = mine_stage(config, "pnet", {}, tmp_path / "pnet" / "train")
        kinds = np.bincount(load_samples(folder).kinds, minlength=4)
        assert kinds.tolist() == [3 * 12, 3 * 4, 3 * 4, 3 * 3]
        told = json.loads((folder / "samples.json").read_text())
        assert told["counts"] == {"negative": 36, "positive": 12, "part": 12, "landmark": 9}
        assert (told["stage"], told["split"], told["size"]) == ("pnet", "train", 16)
        assert (told["seed"], told["limit"], told["thresholds"]) == (0, 3, [0.5, 0.3])

    @pytest.mark.parametrize(
        ("changed", "match"),
        [
            ({"limit": 4, "seed": 9}, "seed was 0, is 9; limit was 3, is 4"),
            ({"thresholds": (0.5, 0.2)}, r"thresholds was \[0.5, 0.3\], is \[0.5, 0.2\]"),
            ({"celeb": ""}, "celeb was 'celeb_a_wild', is ''; pictures.celeb_a_wild was set, is N"),
        ],
    )
    def test_finished_samples_of_other_settings_are_refused(self, tmp_path, changed, match):
        config = dataclasses.replace(CONFIG, limit=3)
        folder = mine_stage(config, "rnet", {}, tmp_path / "rnet")
        content = (folder / "samples.json").read_text()
        other = dataclasses.replace(config, **changed)
        with pytest.raises(ValueError, match=f"rnet holds samples with other settings .{match}"):
            mine_stage(other, "rnet", {}, folder)
        assert (folder / "samples.json").read_text() == content

    def test_samples_of_other_weights_and_pictures_are_refused(self, tmp_path, monkeypatch):
        one, two = ({"pnet": {"prob": {"bias": np.full(2, x)}}} for x in (0.5, 0.25))
        folder = mine_stage(CONFIG, "rnet", one, tmp_path / "rnet")
        assert mine_stage(CONFIG, "rnet", one, folder) == folder
        with pytest.raises(ValueError, match=r"settings \(weights.pnet was '\w+', is '\w+'\); acc"):
            mine_stage(CONFIG, "rnet", two, folder)
        with pytest.raises(ValueError, match=r"settings \(judge was None, is '\w+'\); accepted"):
            mine_stage(CONFIG, "rnet", one, folder, judge=one["pnet"])
        others = [picture(number, exhaustive=True) for number in range(6)]
        monkeypatch.setattr(records, "read_pictures", lambda *_, **__: others)
        with pytest.raises(ValueError, match=r"pictures.wider_face.count was 5, is 6; "):
            mine_stage(CONFIG, "rnet", one, folder)

    def test_settings_that_play_no_part_and_moved_data_are_no_change(self, tmp_path, monkeypatch):
        config = dataclasses.replace(CONFIG, limit=1)
        rnet = mine_stage(config, "rnet", {}, tmp_path / "rnet")
        assert mine_stage(dataclasses.replace(config, pool=9, trim=0.5), "rnet", {}, rnet) == rnet
        pnet = mine_stage(config, "pnet", {}, tmp_path / "pnet")
        assert mine_stage(dataclasses.replace(config, proposed=9), "pnet", {}, pnet) == pnet
        read = records.read_pictures
        moved = dataclasses.replace(config, data_dir="moved")
        monkeypatch.setattr(
            records, "read_pictures", lambda *a, data_dir, **k: read(*a, data_dir="drawn", **k)
        )
        assert mine_stage(moved, "pnet", {}, pnet) == pnet

    def test_a_shard_of_other_settings_is_refused_and_a_broken_one_made_again(self, tmp_path):
        whole = mine_stage(CONFIG, "rnet", {}, tmp_path / "whole")
        folder, shard = tmp_path / "rnet", tmp_path / "rnet.shards" / "wider_face-000002"
        info = json.loads((whole / "samples.json").read_text())
        save_samples(shard, load_samples(whole), {**info, "seed": 5})
        with pytest.raises(ValueError, match=r"wider_face-000002 holds .*\(seed was 5, is 0\)"):
            mine_stage(CONFIG, "rnet", {}, folder)
        for told, name in ((info, "kinds.npy"), (info, "samples.json"), ({}, "boxes.npy")):
            save_samples(shard, load_samples(whole), told, replace=True)
            if told:
                (shard / name).write_bytes(b"{")
            again = mine_stage(CONFIG, "rnet", {}, folder)
            for field in Samples._fields:
                content = (whole / f"{field}.npy").read_bytes()
                assert (again / f"{field}.npy").read_bytes() == content
            again.rename(tmp_path / f"{len(told)}{name}")

    def test_samples_from_before_are_compared_by_what_they_tell(self, tmp_path, monkeypatch):
        folder, told = mine_stage(CONFIG, "rnet", {}, tmp_path / "rnet"), []
        monkeypatch.setattr(origin.logging, "warning", lambda text, *a: told.append(text % a))
        info = json.loads((folder / "samples.json").read_text())
        for name in ("weights", "judge", "pictures"):
            del info[name]
        (folder / "samples.json").write_text(json.dumps(info))
        assert mine_stage(CONFIG, "rnet", {}, folder) == folder
        assert "does not tell of which judge, pictures, weights it was made" in told[0]
        with pytest.raises(ValueError, match=r"\(seed was 0, is 9\)"):
            mine_stage(dataclasses.replace(CONFIG, seed=9), "rnet", {}, folder)
        (folder / "samples.json").write_text("{}")
        with pytest.raises(ValueError, match="rnet does not tell what it was made of; accepted is"):
            mine_stage(CONFIG, "rnet", {}, folder)
        (folder / "samples.json").write_text("{")
        with pytest.raises(ValueError, match="rnet/samples.json is no whole JSON object"):
            mine_stage(CONFIG, "rnet", {}, folder)
        (folder / "samples.json").unlink()
        with pytest.raises(FileExistsError, match="rnet is not empty; accepted is a new folder"):
            mine_stage(CONFIG, "rnet", {}, folder)
        assert not (tmp_path / "rnet.shards").exists()

    def test_shards_that_a_run_left_which_was_killed_after_merging_go(self, tmp_path):
        folder = mine_stage(CONFIG, "rnet", {}, tmp_path / "rnet")
        (tmp_path / "rnet.shards").mkdir()
        mine_stage(CONFIG, "rnet", {}, folder)
        assert [path.name for path in tmp_path.iterdir()] == ["rnet"]

    def test_a_data_set_can_be_left_out(self, tmp_path):
        config = dataclasses.replace(CONFIG, celeb="", limit=2)
        folder = mine_stage(config, "onet", {}, tmp_path / "onet")
        assert set(load_samples(folder).kinds) == {NEGATIVE, POSITIVE, PART}


def test_pnets_samples_are_the_same_from_processes_as_from_one(tmp_path, monkeypatch):
    write_wider(tmp_path)
    prepare("wider_face", manual_dir=str(tmp_path), data_dir=str(tmp_path))
    config = MineConfig(str(tmp_path), celeb="", negatives=5, smallest_face=8)
    monkeypatch.setattr(shards, "SHARD", 1)
    folders = []
    for processes in (1, 2):
        monkeypatch.setattr(shards.os, "cpu_count", lambda processes=processes: processes)
        folders.append(mine_stage(config, "pnet", {}, tmp_path / str(processes)))
    assert len(load_samples(folders[0]).kinds) > 10
    for name in Samples._fields:
        one, other = ((folder / f"{name}.npy").read_bytes() for folder in folders)
        assert one == other, name


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"negatives": -1}, "negatives is -1; accepted is 0 or more"),
        ({"proposed": 0}, "proposed is 0; accepted is 1 or more"),
        ({"pool": 0}, "pool is 0; accepted is 1 or more"),
        ({"min_face_size": 11.0}, "min_face_size is 11.0; accepted is 12 pixels or more"),
        ({"hard": 1.5}, "hard is 1.5; accepted is 0 to 1"),
        ({"balance": -1.0}, "balance is -1.0; accepted is 0 or more"),
        ({"thresholds": (0.5,)}, "accepted is two scores from 0 to below 1"),
        ({"thresholds": (0.5, 1.0)}, "accepted is two scores from 0 to below 1"),
    ],
)
def test_settings_out_of_range_are_named(changed, match):
    with pytest.raises(ValueError, match=match):
        dataclasses.replace(CONFIG, **changed)


def test_the_bundled_weights_propose_by_their_name():
    found = before.load_before(["bundled"], "onet")
    assert [*found] == ["pnet", "rnet"]
    expected = load_params(stages=("rnet",))["rnet"]["conv1"]["kernel"]
    np.testing.assert_array_equal(found["rnet"]["conv1"]["kernel"], expected)
