import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data.records import read_pictures
from tests import archives

PICTURE = archives.jpeg(height=40, width=80)
ATTRIBUTES = ("expression", "illumination", "invalid", "occlusion", "pose", "blur")


class _Drawn(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """One picture in the features that a stock builder has."""

    VERSION = tfds.core.Version("0.1.0")

    def _split_generators(self, _):
        return {"train": self._generate_examples()}


class DrawnWider(_Drawn, skip_registration=True):
    """The features of the stock `wider_face`."""

    def _info(self):
        attributes = dict.fromkeys(ATTRIBUTES, tfds.features.Tensor(shape=(), dtype=np.uint8))
        face = {"bbox": tfds.features.BBoxFeature(), **attributes}
        features = {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "image/filename": tfds.features.Text(),
            "faces": tfds.features.Sequence(face),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _generate_examples(self):
        boxes = [(0.25, 0.5, 0.75, 0.625), (0.0, 0.0, 0.5, 0.5)]
        faces = [
            {
                "bbox": tfds.features.BBox(*box),
                **dict.fromkeys(ATTRIBUTES, 0),
                "invalid": number,
            }
            for number, box in enumerate(boxes)
        ]
        yield 0, {"image": PICTURE, "image/filename": "a/b.jpg", "faces": faces}


class DrawnCeleb(_Drawn, skip_registration=True):
    """The features of the stock `celeb_a` that are read."""

    def _info(self):
        names = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
        marks = {f"{name}_{axis}": np.int64 for name in names for axis in "xy"}
        features = {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "landmarks": tfds.features.FeaturesDict(marks),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _generate_examples(self):
        marks = {"lefteye_x": 30, "lefteye_y": 10, "righteye_x": 50, "righteye_y": 10}
        marks |= {"nose_x": 41, "nose_y": 20, "leftmouth_x": 32, "leftmouth_y": 30}
        yield 0, {"image": PICTURE, "landmarks": {**marks, "rightmouth_x": 48, "rightmouth_y": 30}}


def as_stock(builder, name, folder, **settings):
    """Prepares with `builder` what the stock builder `name` would have left in `folder`."""
    made = builder(data_dir=str(folder / "made"), **{"file_format": "array_record", **settings})
    made.download_and_prepare()
    target = folder / name / "0.1.0"
    target.parent.mkdir()
    made.data_path.rename(target)
    for path in target.iterdir():
        path.rename(target / path.name.replace(made.name, name))
    path = target / "dataset_info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "name": name}))


def test_the_stock_wider_face_reads_into_pixels(tmp_path):
    as_stock(DrawnWider, "wider_face", tmp_path)
    (picture,) = read_pictures("wider_face", split="train", data_dir=str(tmp_path))
    # ymin, xmin, ymax, xmax in shares of 40 x 80 pixels.
    np.testing.assert_allclose(picture.boxes, [[40, 10, 50, 30], [0, 0, 40, 20]])
    assert picture.ignored.tolist() == [False, True]
    assert picture.name == "a/b.jpg" and picture.encoded == PICTURE and picture.exhaustive


def test_the_stock_celeb_a_gets_boxes_from_its_points(tmp_path):
    as_stock(DrawnCeleb, "celeb_a", tmp_path)
    (picture,) = read_pictures("celeb_a", split="train", data_dir=str(tmp_path))
    expected = [[30, 10], [50, 10], [41, 20], [32, 30], [48, 30]]
    np.testing.assert_array_equal(picture.landmarks[0], expected)
    # 20 pixels from eyes to mouth: 44 x 59 about (40, 14.6).
    np.testing.assert_allclose(picture.boxes[0], [18, -14.9, 62, 44.1], rtol=1e-6)
    assert not picture.exhaustive


def test_another_file_format_is_refused_with_what_is_accepted(tmp_path):
    as_stock(DrawnWider, "wider_face", tmp_path)
    path = tmp_path / "wider_face" / "0.1.0" / "dataset_info.json"
    path.write_text(path.read_text().replace("array_record", "riegeli"))
    with pytest.raises(ValueError, match="accepted are array_record"):
        read_pictures("wider_face", split="train", data_dir=str(tmp_path))


@pytest.mark.parametrize("change", ["cut", "empty", "gone", "noise"])
@pytest.mark.parametrize(
    "file", ["dataset_info.json", "features.json", "wider_face-train.array_record-00000-of-00001"]
)
def test_damaged_files_are_told_with_what_to_do(tmp_path, file, change):
    as_stock(DrawnWider, "wider_face", tmp_path)
    path = tmp_path / "wider_face" / "0.1.0" / file
    content = path.read_bytes()
    if change == "gone":
        path.unlink()
    else:
        noise = bytes(255 - byte for byte in content[:2000]) + content[2000:]
        path.write_bytes(
            {"cut": content[: len(content) // 2], "empty": b"", "noise": noise}[change]
        )
    with pytest.raises(ValueError, match="wider_face/0.1.0 is damaged: .*and prepare it again"):
        list(read_pictures("wider_face", split="train", data_dir=str(tmp_path)))


def test_pictures_are_counted_indexed_and_walked_through(tmp_path):
    as_stock(DrawnWider, "wider_face", tmp_path)
    pictures = read_pictures("wider_face", split="train", data_dir=str(tmp_path))
    assert len(pictures) == 1 and pictures[-1].name == pictures[0].name
    with pytest.raises(IndexError, match="picture 1 of 1"):
        pictures[1]


def test_what_is_not_prepared_is_named_with_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="no prepared celeb_a_wild.*data.prepare"):
        read_pictures("celeb_a_wild", split="train", data_dir=str(tmp_path))
