"""Keeping memory, seen by the page faults of a process of its own; and sparing the memory map."""

import ctypes
import pathlib
import resource
import subprocess
import sys

import jax
import pytest

import mtcnn_jax as mj
from mtcnn_jax.runtime import memory

PROGRAM = """
import ctypes, resource, sys
import mtcnn_jax as mj
if sys.argv[1:]:
    assert mj.runtime.keep_memory(int(sys.argv[1]))
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
def touch(count):
    place = library.malloc(ctypes.c_size_t(count))
    ctypes.memset(place, 1, count)
    library.free(ctypes.c_void_p(place))
touch(100_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
touch(90_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_compiled_functions_are_dropped_where_they_fill_the_memory_map():
    function = jax.jit(lambda x: x + 1)
    function(1)
    assert not mj.runtime.spare_mappings(10**9)
    assert function._cache_size() == 1
    if pathlib.Path("/proc/self/maps").exists():
        assert mj.runtime.spare_mappings(0)
        assert function._cache_size() == 0
    assert function(1) == 2


def faults(*limit):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"),
    reason="only the GNU C library has the setting",
)
def test_the_next_call_finds_its_memory_there():
    pages = 90_000_000 // resource.getpagesize()
    assert faults(2**30) < 0.02 * pages
    # Given back: in pages of this size, or in large ones.
    assert faults() > 20
    assert faults(10_000_000) > 20


def test_where_the_setting_is_missing_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "win32")
    assert mj.runtime.keep_memory() is False


@pytest.mark.parametrize("limit", [-1, 2**31])
def test_a_wrong_limit_is_named(limit):
    with pytest.raises(ValueError, match=f"limit is {limit}; accepted are 0 to 2147483647 bytes"):
        mj.runtime.keep_memory(limit)
