"""Fixtures that several test files share."""

import pathlib

import pytest

from mtcnn_jax import spare_mappings


@pytest.fixture(autouse=True, scope="module")
def _room_for_compiled_functions():
    """All that the suite compiles is more than a process can hold."""
    yield
    spare_mappings()


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder with reference data and known answers that lies beside the project."""
    folder = pathlib.Path(__file__).resolve().parents[1].parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the reference data in ../shared, which is not here")
    return folder
