"""How this process takes memory from the system and gives it back.

A run holds little at a time, but many threads take and free pictures and columns of every size. Two
allocators then keep what was freed, each a heap for every thread: glibc (`malloc`) and mimalloc, which
is pyarrow's own choice. Where the settings below cannot be made, memory is only less tight.
"""

import ctypes
import sys
from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""Names of parameters in glibc's `malloc.h`."""
_GLIBC: Mapping[int, int] = MappingProxyType({_M_ARENA_MAX: 2, _M_MMAP_THRESHOLD: 1 << 20})
"""Heaps that all threads share (glibc: 8 a core), and the bytes from which a block is mapped alone and
unmapped once it is freed (glibc raises this up to 32 MiB by itself, mallopt(3), and then keeps every
picture that was freed; one of 1 MP is 3 MB)."""


def keep_memory_tight() -> bool:
    """Let freed memory go back to the system, for this process and for good; twice is as once.

    To be called before there are many threads: glibc settles how many heaps it makes once it has made
    eight, and hears no later wish (`arena_get2`, malloc/arena.c). Settings of the environment
    (`MALLOC_ARENA_MAX`) are overruled.

    Returns:
        Whether the allocator of the system took all settings: glibc does, others have none.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = [mallopt(name, value) for name, value in _GLIBC.items()]
    return all(taken)
