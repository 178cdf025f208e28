import jax
import numpy as np
import pytest

from mtcnn_jax import load_params
from mtcnn_jax.compat.devices import find_device, load_networks


class TorchDevice:
    """Stands in for a `torch.device`."""

    def __str__(self):
        return "cpu"


@pytest.mark.parametrize("name", ["cpu", "CPU:0", "/device:CPU:0", TorchDevice(), "cpu:0"])
def test_names_of_a_cpu(name):
    assert find_device(name) == jax.devices("cpu")[0]


def test_none_and_jaxs_own():
    assert find_device(None) is None
    assert find_device(jax.devices()[0]) is jax.devices()[0]


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "GPU:1", 0, "cpu:99"])
def test_a_device_that_is_not_there_is_told(name):
    with pytest.raises(ValueError, match="but JAX has . of kind cpu alone; accepted are None"):
        find_device(name)


@pytest.mark.parametrize("name", ["meta", "", True, 1.5])
def test_what_is_no_device_is_told(name):
    with pytest.raises(ValueError, match="accepted are None for JAX's own"):
        find_device(name)


def test_gpus(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "devices", lambda: ["first", "second"])
    assert find_device("cuda") == find_device("GPU:0") == find_device(0) == "first"
    assert find_device("cuda:1") == find_device(1) == "second"
    with pytest.raises(ValueError, match="JAX has 2 of kind gpu alone"):
        find_device("cuda:2")
    with pytest.warns(UserWarning, match="JAX computes on a gpu .* JAX_PLATFORMS=cpu"):
        assert find_device("cpu") is None


def test_parameters_given_are_taken(tmp_path):
    params = load_params()
    assert load_networks(params, None) is params
    placed = load_networks(params, "cpu")["pnet"]["conv1"]["bias"]
    assert placed.devices() == {jax.devices("cpu")[0]}
    np.testing.assert_array_equal(placed, params["pnet"]["conv1"]["bias"])
    with pytest.raises(FileNotFoundError, match="none.npz"):
        load_networks(tmp_path / "none.npz", None)
