"""How a process takes and returns memory, seen in a process of its own."""

import json
import platform
import subprocess
import sys
from typing import Any

import pytest

_CHILD = """
import ctypes, json, sys
import pyarrow as pa
from flows.memory import keep_memory_tight

def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

def left_after(libc, blocks):
    libc.free(libc.malloc(2 << 20))
    before = resident_mib()
    found, pins = [libc.malloc(2 << 20) for _ in range(blocks)], [libc.malloc(64 << 10)]
    for one in found:
        ctypes.memset(one, 1, 2 << 20)
    for one in found:
        libc.free(one)
    return resident_mib() - before

taken = [keep_memory_tight() for _ in range(int(sys.argv[1]))]
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
pool = pa.default_memory_pool().backend_name
print(json.dumps({"taken": taken, "pool": pool, "left": left_after(libc, 16)}))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a process says that asked for it twice."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, "2"], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="has settings of glibc")
def test_freed_pictures_go_back_to_the_system(told: dict[str, Any]) -> None:
    assert told["taken"] == [True, True]
    assert told["left"] < 4  # of 32 MiB; without the settings all of them stay


def test_columns_come_from_the_allocator_of_the_system(told: dict[str, Any]) -> None:
    assert told["pool"] == "system"
