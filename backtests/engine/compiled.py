"""Functions as machine code: the only file that knows numba."""

import sys
from collections.abc import Callable
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

from backtests.engine import arrays
from brokers.orders import fills
from strategies import breakout, decision, risk_curve

KERNEL = Path(__file__).with_name("kernel.py")


def _numba() -> Any:
    """Numba without what it looks for and nothing here needs; both are installed for the tests only, and cost a third of a backtest to load."""
    modules: dict[str, Any] = sys.modules
    absent = [name for name in ("scipy.linalg", "coverage") if name not in modules]
    modules.update(dict.fromkeys(absent))  # None: an import fails
    try:
        import_module("numba.np.arraymath")
        return import_module("numba")
    finally:
        for name in absent:
            del modules[name]


numba = _numba()


def _cache_folder() -> Path:
    """A cache that belongs to these sources: numba's own would not notice a change in a function called from another file."""
    digest = blake2b(digest_size=8)
    for source in (
        breakout.__file__,
        decision.__file__,
        risk_curve.__file__,
        fills.__file__,
        arrays.__file__,
        KERNEL,
        __file__,
    ):
        digest.update(Path(str(source)).read_bytes())
    return Path(__file__).parent / "__pycache__" / f"kernel-{digest.hexdigest()}"


numba.config.CACHE_DIR = str(_cache_folder())

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` as machine code, with Python's arithmetic in Python's order."""
    made: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast("Function", made)


def inlined(function: Function) -> Function:
    """As `lean`, put into its callers: handing arrays over costs more than these functions do."""
    made: Any = numba.njit(
        cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True
    )(function)
    return cast("Function", made)


def lean(function: Function) -> Function:
    """As `compiled`, for what makes no arrays: without counting references to those it reads, which took a third of a search."""
    made: Any = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    return cast("Function", made)
