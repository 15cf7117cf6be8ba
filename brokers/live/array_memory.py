"""The memory that NumPy sets aside for small arrays: at the start, not over a year."""

import numpy as np

# As in NumPy's `alloc` source: freed blocks below so many bytes wait for an array of their very
# size, so many of each size, and never go back to the system.
LARGEST, BLOCKS = 1024, 7


def take_small_blocks() -> None:
    """Let NumPy set aside now all that it ever will for small arrays: 3.8 MB, in a millisecond.

    Histories that grow by a row a day use one size after the other, so a session would otherwise
    take that memory bit by bit over its first years, as if it lost some every day.
    """
    for size in range(1, LARGEST):
        blocks = [np.empty(size, dtype=np.uint8) for _ in range(BLOCKS)]
        del blocks  # all of one size at once: one after the other would be the same block
