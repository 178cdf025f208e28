"""Arrays in `.npy` files that hold pickled dictionaries, without running what else may be in them.

A pickle is a program that can call any function. The reader here knows four names, each of which
only builds an array or bytes, and refuses all others: what comes back is made of dictionaries,
lists, tuples, strings, bytes, numbers and float arrays. Nothing of what it says reaches NumPy's own
constructors, which trust their arguments.
"""

import io
import pickle
from typing import Any

import numpy as np

_FLOATS = ("f4", "f8")


class _Dtype:
    __slots__ = ("code", "order")

    def __init__(self, code: str):
        self.code, self.order = code, "<"

    def __setstate__(self, state: tuple) -> None:
        self.order = ">" if state[1] == ">" else "<"


class _Array:
    """An array in a pickle: float32 or float64, or one object without axes."""

    __slots__ = ("value",)

    def __setstate__(self, state: tuple) -> None:
        shape, dtype, by_columns, data = state[-4:]
        if not isinstance(dtype, _Dtype):
            raise pickle.UnpicklingError("an array in it has no dtype")
        if dtype.code.startswith("O"):
            if shape != () or not isinstance(data, list) or len(data) != 1:
                raise pickle.UnpicklingError("an array in it is of objects")
            self.value = data[0]
            return
        if dtype.code not in _FLOATS:
            raise pickle.UnpicklingError(f"an array in it is of {dtype.code!r}, not of {_FLOATS}")
        # Python 2 wrote bytes as strings of their codes.
        content = data.encode("latin1") if isinstance(data, str) else bytes(data)
        values = np.frombuffer(content, dtype.order + dtype.code)
        self.value = values.reshape(shape, order="F" if by_columns else "C").astype(np.float32)


# Callables of no attributes, for a pickle can set those that there are.
class _MakeArray:
    __slots__ = ()

    def __call__(self, *arguments: Any) -> _Array:
        return _Array()


class _MakeDtype:
    __slots__ = ()

    def __call__(self, code: Any, *flags: Any) -> _Dtype:
        return _Dtype(str(code))


class _Encode:
    __slots__ = ()

    def __call__(self, text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it encodes as {encoding!r}")
        return text.encode("latin1")


_KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _MakeArray(),
    ("numpy._core.multiarray", "_reconstruct"): _MakeArray(),
    ("numpy", "dtype"): _MakeDtype(),
    ("numpy", "ndarray"): "ndarray",
    ("_codecs", "encode"): _Encode(),
}


# The one in Python: that in C takes as much memory as a broken file asks for.
class _Reader(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(
                f"it calls {module}.{name}, which weights have no use for and which is not run"
            )
        return _KNOWN[module, name]


def read_object(content: bytes) -> Any:
    """The object that `np.save` pickled in an .npy file.

    Args:
        content: The file.

    Returns:
        Dictionaries, lists, strings and the like; each array is an `_Array`, see `to_array`.

    Raises:
        ValueError, EOFError and what broken pickles raise: See `READ_ERRORS` of `packages`.
    """
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("its header is of another version of NumPy's format than 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if shape != () or not dtype.hasobject:
        raise ValueError(f"it holds an array of {dtype} {list(shape)}, not a dictionary")
    outer = _Reader(file, encoding="latin1").load()
    if not isinstance(outer, _Array):
        raise ValueError(f"it holds a {type(outer).__name__}, not an array")
    return outer.value


def to_array(item: Any, name: str) -> np.ndarray:
    """The float32 array in what `read_object` gave.

    Raises:
        ValueError: It is something else.
    """
    value = getattr(item, "value", None)
    if not isinstance(value, np.ndarray):
        raise ValueError(f"its {name} is no array of {' or '.join(_FLOATS)}")
    return value
