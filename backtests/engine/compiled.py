"""Functions as machine code: the only file that knows numba.

Machine code is kept between runs and is never stale. Numba itself looks at a function's own file
only, though functions and constants of other files are frozen into the code; so each module has a
folder named after the content of all files that the module is built on.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

from backtests.engine.sources import ROOT, content_of, import_closure

NAME = "russell-gate"  # of a folder outside the program's own
UNUSED_AFTER = 7 * 86_400.0  # seconds after which machine code that nobody loads is removed


def _numba() -> Any:
    """Numba without what it looks for and nothing here needs.

    Both are installed for the tests only, and cost a third of a backtest to load.
    """
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
CONFIGURED_CACHE = numba.config.CACHE_DIR  # NUMBA_CACHE_DIR, or nothing

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` as machine code, with Python's arithmetic in Python's order."""
    return _machine_code(function)


def inlined(function: Function) -> Function:
    """As `lean`, put into its callers: handing arrays over costs more than these functions do."""
    return _machine_code(function, _nrt=False, forceinline=True)


def lean(function: Function) -> Function:
    """As `compiled`, for what makes no arrays: without counting references to those it reads.

    Counting took a third of a search.
    """
    return _machine_code(function, _nrt=False)


def _machine_code(function: Function, **options: bool) -> Function:
    place = cache_folder(Path(function.__code__.co_filename), tuple(options))
    numba.config.CACHE_DIR = str(place)
    decorate = numba.njit(cache=True, nogil=True, error_model="numpy", **options)
    return cast("Function", decorate(function))


def cache_key(module: Path, root: Path = ROOT) -> str:
    """A name for all that decides what machine code the functions of `module` become.

    That is the content of `module`, of this file and of every file of the tree at `root` they
    import, directly or by way of others, and the versions of Python and numba.
    """
    this = root / Path(__file__).relative_to(ROOT)
    digest = blake2b(f"{sys.version} {numba.__version__}".encode(), digest_size=8)
    for file in import_closure([module, this], root=root):
        content = content_of(file)
        digest.update(f"{file.relative_to(root)} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


@cache
def cache_folder(module: Path, options: tuple[str, ...] = ()) -> Path:
    """The folder of a module's machine code of one kind: the first place that can be written."""
    kind = "-".join(["machine", module.stem, *options])
    for place in _cache_folders():
        folder = place / f"{kind}-{cache_key(module)}"
        try:
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                _forget_old(place, kind)
            os.utime(folder)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix=f"{NAME}-"))  # forgotten: compiled again by the next run


def _cache_folders() -> Iterator[Path]:
    """Where machine code may be kept. What is loaded is run: no other user may write there."""
    if CONFIGURED_CACHE:
        yield Path(CONFIGURED_CACHE)
    yield Path(__file__).parent / "__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")  # noqa: PTH111, PTH118  # Path.home() raises where there is none
    if os.path.isabs(home):  # noqa: PTH117
        yield Path(home) / NAME
    temporary = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    if _is_private(temporary):
        yield temporary


def _forget_old(place: Path, kind: str) -> None:
    """Remove machine code of other sources that has not been loaded for long."""
    for folder in place.glob(f"{kind}-*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > UNUSED_AFTER:
                shutil.rmtree(folder)


def _is_private(folder: Path) -> bool:
    """Whether `folder`, made if it is not there, is this user's alone."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return False
    owned = status.st_uid == os.getuid() and not status.st_mode & 0o077
    return owned and folder.is_dir() and not folder.is_symlink()
