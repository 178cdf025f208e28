"""The official ground truth of WIDER FACE's validation set.

It is the files `wider_face_val.mat`, `wider_easy_val.mat`, `wider_medium_val.mat` and
`wider_hard_val.mat`.
"""

import pathlib
from typing import NamedTuple

import numpy as np

LEVELS = ("easy", "medium", "hard")


class Truth(NamedTuple):
    """The labelled faces of one picture.

    Attributes:
        boxes: float64 [m, 4], x, y, width, height.
        counted: for each of `LEVELS` bool [m]: faces to be found. The others are ignored.
    """

    boxes: np.ndarray
    counted: dict[str, np.ndarray]


def read_truth(folder: str | pathlib.Path) -> dict[str, Truth]:
    """Reads the four official files.

    Args:
        folder: where they are.

    Returns:
        For each picture's name (event and file name without its ending, as in
        "0--Parade/0_Parade_marchingband_1_20") its faces.

    Raises:
        FileNotFoundError: if one of the files is missing.
        ValueError: if one cannot be read, or they do not fit together.
    """
    folder = pathlib.Path(folder)
    whole = _read_mat(folder / "wider_face_val.mat", ("event_list", "file_list", "face_bbx_list"))
    levels = {level: folder / f"wider_{level}_val.mat" for level in LEVELS}
    counted = {level: _read_mat(path, ("gt_list",))["gt_list"] for level, path in levels.items()}
    truth = {}
    for row, event in enumerate(whole["event_list"].ravel()):
        names, boxes = (whole[key].ravel()[row].ravel() for key in ("file_list", "face_bbx_list"))
        for column, name in enumerate(names):
            name = f"{event.item()}/{name.item()}"
            faces = np.asarray(boxes[column], np.float64).reshape(-1, 4)
            masks = {}
            for level, path in levels.items():
                try:
                    numbers = counted[level].ravel()[row].ravel()[column].ravel().astype(int)
                    masks[level] = np.zeros(len(faces), bool)
                    masks[level][numbers - 1] = True
                except IndexError:
                    raise ValueError(
                        f"{path}: its faces of {name} are not those of wider_face_val.mat"
                    ) from None
            truth[name] = Truth(faces, masks)
    return truth


def _read_mat(path: pathlib.Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    from scipy.io import loadmat

    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}; accepted is one of the official ones")
    try:
        content = loadmat(path)
    except Exception as error:  # Many kinds, depending on where the file is broken.
        raise ValueError(f"{path} cannot be read as a MATLAB file: {error}") from error
    missing = [key for key in keys if key not in content]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; accepted is the official file")
    return content
