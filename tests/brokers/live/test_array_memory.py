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
# one that no earlier array had, as of a history that grows by a row: odd ones before the session,
# even ones after it. Bytes that are in use beyond those before, though no array is left.
SCRIPT = """
import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from brokers.clock import SimulatedClock
from brokers.commands import paper
from brokers.journal.opening import open_journal
from brokers.live.exchange_clock import ExchangeClock
from config.secrets import Secrets
from config.settings import load

class FreeClock(ExchangeClock):
    def follow(self, *_, **__):
        pass  # nobody is asked for the time

OBSERVER = SimpleNamespace(on_progress=None, on_incident=None)
paper.trading_account = lambda *_: (None, None)
paper.PaperSession = lambda *_, **__: None

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
with open_journal(Path(sys.argv[1]), lambda: 0.0) as journal:
    paper.build_session(
        load(None, []), Secrets(), SimpleNamespace(functions=None, rules_digest="", states=()),
        journal=journal, clock=FreeClock(SimulatedClock(0.0)), observer=OBSERVER,
    )
print(left_by_arrays(range(512, 1024, 2)))
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="counts the C library's blocks"
)
def test_histories_that_grow_by_a_row_take_no_more_memory_once_a_session_is_built(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "j.sqlite")],
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
