"""A session does not grow because its histories do: NumPy's blocks are taken at its start."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NO_CACHE = "glibc.malloc.tcache_count=0"  # the C library's own counts freed blocks as in use
# In a process of its own, as other tests' arrays have left their blocks in this one. Each size is
# one that no earlier array had, as of a history that grows by a row: odd ones before the provider,
# even ones after it. Bytes that are in use beyond those before, though no array is left.
SCRIPT = """
import ctypes
import numpy as np
import pandas as pd
from types import SimpleNamespace
from brokers.clock import SimulatedClock
from brokers.live.data_provider import DataProvider
from brokers.live.gate_history import NO_ROWS, GateHistory
from config.settings import load

class Usage(ctypes.Structure):
    _fields_ = [(str(number), ctypes.c_size_t) for number in range(10)]

usage = ctypes.CDLL(None).mallinfo2
usage.restype = Usage

def left_by_arrays(sizes):
    before = getattr(usage(), "7")
    for size in sizes:
        arrays = [np.empty(size, dtype=bool) for _ in range(20)]
        del arrays
    return getattr(usage(), "7") - before

print(left_by_arrays(range(513, 1024, 2)))
DataProvider(
    SimpleNamespace(final=True), None, load(None, []), SimulatedClock(0.0),
    gate_rows=GateHistory(pd.DataFrame(), NO_ROWS),
)
print(left_by_arrays(range(512, 1024, 2)))
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="counts the C library's blocks"
)
def test_histories_that_grow_by_a_row_take_no_more_memory_once_a_session_is_built() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"GLIBC_TUNABLES": NO_CACHE},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    before, after = (int(line) for line in done.stdout.split())
    each_once = sum(range(513, 1024, 2))  # a block of each size
    assert before > 5 * each_once
    assert after < 0.5 * each_once
