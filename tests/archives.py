"""Small archives in the layouts of WIDER FACE and CelebA, drawn by the tests."""

import io
import pathlib
import zipfile

import numpy as np
from PIL import Image

WIDER_TEXT = """0--Parade/0_Parade_a_1.jpg
3
10 12 20 24 0 0 1 0 2 1 
30 5 0 8 2 0 0 0 0 0 
2 3 9 9 1 1 0 1 1 0 
61--None/61_None_b_2.jpg
0
0 0 0 0 0 0 0 0 0 0 
0--Parade/0_Parade_c_3.jpg
1
1 2 15 16 0 0 0 0 0 0
"""  # noqa: W291 (the official file has blanks at the ends of its lines)

CELEB_POINTS = {
    "000001.jpg": (20.5, 30, 40, 30, 30, 40, 22, 50, 38, 50),
    "000002.jpg": (21, 30, 41, 30, 31, 40, 23, 50, 39, 50),
    "000003.jpg": (22, 30, 42, 30, 32, 40, 24, 50, 40, 50),
}


def jpeg(*, height: int = 48, width: int = 64, seed: int = 0) -> bytes:
    """A JPEG of random colours."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def write_zip(path: pathlib.Path, members: dict[str, bytes | str]) -> None:
    """A ZIP archive of these members, not compressed."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_wider(folder: pathlib.Path, *, text: str = WIDER_TEXT, test: bool = False) -> None:
    """WIDER FACE's three archives, or four, with the same pictures in train and val."""
    names = [line for line in WIDER_TEXT.splitlines() if line.endswith(".jpg")]
    for split in ("train", "val"):
        pictures = {
            f"WIDER_{split}/images/{name}": jpeg(seed=seed) for seed, name in enumerate(names)
        }
        write_zip(folder / f"WIDER_{split}.zip", pictures)
    lists = {
        "wider_face_split/wider_face_train_bbx_gt.txt": text,
        "wider_face_split/wider_face_val_bbx_gt.txt": WIDER_TEXT,
    }
    if test:
        lists["wider_face_split/wider_face_test_filelist.txt"] = f"{names[0]}\n"
        write_zip(folder / "WIDER_test.zip", {f"WIDER_test/images/{names[0]}": jpeg()})
    write_zip(folder / "wider_face_split.zip", lists)


def write_celeb(folder: pathlib.Path, *, unpacked: bool = False) -> None:
    """CelebA in the wild and aligned: one picture in each partition."""
    for form, points in (("img_celeba", "celeba"), ("img_align_celeba", "align_celeba")):
        pictures = {
            f"{form}/{name}": jpeg(height=80, seed=seed) for seed, name in enumerate(CELEB_POINTS)
        }
        if unpacked:
            (folder / form).mkdir()
            for name, content in pictures.items():
                (folder / name).write_bytes(content)
        else:
            write_zip(folder / f"{form}.zip", pictures)
        rows = [f"{name}  {'  '.join(map(str, row))}" for name, row in CELEB_POINTS.items()]
        header = f"{len(rows)}\nlefteye_x lefteye_y and so on \n"
        (folder / f"list_landmarks_{points}.txt").write_text(header + "\n".join(rows) + "\n")
    boxes = [f"{name}    12   20   36  40" for name in CELEB_POINTS]
    text = f"{len(boxes)}\nimage_id x_1 y_1 width height\n" + "\n".join(boxes) + "\n"
    (folder / "list_bbox_celeba.txt").write_text(text)
    partition = "".join(f"{name} {number}\n" for number, name in enumerate(CELEB_POINTS))
    (folder / "list_eval_partition.txt").write_text(partition)
