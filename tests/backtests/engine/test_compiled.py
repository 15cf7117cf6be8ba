"""Machine code is never stale: its key follows every source and constant that it is made of."""

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backtests.engine import compiled as module
from backtests.engine import kernel, sources
from backtests.engine.compiled import cache_folder, cache_key
from backtests.engine.sources import ROOT, code_of, import_closure
from backtests.performance.metrics import DAYS
from backtests.statistics import bootstrap, split_scores, stationary_bootstrap
from backtests.tuning.search import sweep

PACKAGES = ("config", "strategies", "brokers", "backtests")
COMPILING = re.compile(r"^@?(?:\w+ = )?(?:compiled|inlined|lean)\b", re.MULTILINE)
MODULES = [
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "backtests").rglob("*.py"))
    if COMPILING.search(path.read_text(encoding="utf-8"))
]
SHORT = "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all sources."""
    root = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__", "*.csv")
        )
    return root


@pytest.fixture(autouse=True)
def read_again() -> Iterator[None]:
    """A process reads each source once; here they change."""
    yield
    for cached in (sources.content_of, sources.imported_files):
        cached.cache_clear()


def keys(root: Path) -> dict[str, str]:
    for cached in (sources.content_of, sources.imported_files):
        cached.cache_clear()
    return {name: cache_key(root / name, root) for name in MODULES}


def closures() -> dict[str, set[str]]:
    return {
        name: {path.relative_to(ROOT).as_posix() for path in import_closure([ROOT / name])}
        for name in MODULES
    }


def test_only_one_file_imports_numba() -> None:
    imports = re.compile(r"^\s*(?:import|from) numba|import_module\(.numba", re.MULTILINE)
    assert [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if imports.search(path.read_text(encoding="utf-8"))
    ] == ["backtests/engine/compiled.py"]


def test_the_modules_that_compile_are_known() -> None:
    """So that the tests below are about all of them."""
    assert {Path(name).stem for name in MODULES} >= {
        *("kernel", "bootstrap", "stationary_bootstrap", "split_scores", "sweep"),
    }


def test_every_source_of_machine_code_changes_its_key(tree: Path) -> None:
    """And of a module's code only those it is built on: nothing is compiled again in vain."""
    before, built_on = keys(tree), closures()
    everything = {path.relative_to(tree).as_posix() for path in tree.rglob("*.py")}
    used = set().union(*built_on.values())
    assert used >= {
        "strategies/breakout.py", "strategies/decision.py", "strategies/risk_curve.py",
        "brokers/orders/fills.py", "backtests/engine/arrays.py", "backtests/performance/metrics.py",
    }  # fmt: skip
    assert not used & {"main.py", "backtests/report/progress.py", "brokers/live/session.py"}
    for name in sorted(used | {"backtests/engine/compiled.py"}) + sorted(everything - used)[:10]:
        file = tree / name
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        after = keys(tree)
        file.write_bytes(content)
        changed = {module for module in MODULES if after[module] != before[module]}
        every = name in ("backtests/engine/compiled.py", "backtests/engine/sources.py")
        expected = {one for one in MODULES if every or name in built_on[one]}
        assert changed == expected, name
    assert keys(tree) == before


def frozen() -> Iterator[tuple[object, str, str]]:
    """Every global number a compiled function reads: the function's module, its file, its name."""
    for holder in (kernel, bootstrap, stationary_bootstrap, split_scores, sweep):
        for dispatcher in vars(holder).values():
            function = getattr(dispatcher, "py_func", None)
            if function is not None:
                for name in function.__code__.co_names:
                    value = function.__globals__.get(name)
                    if isinstance(value, int | float) and not isinstance(value, bool):
                        yield holder, function.__code__.co_filename, name


CONSTANTS = sorted({(Path(file).relative_to(ROOT).as_posix(), name) for _, file, name in frozen()})


def test_constants_are_frozen_into_machine_code() -> None:
    """So that the test below is about something."""
    assert {name for _, name in CONSTANTS} >= {"DAYS", "FLAT", "NO_SPREAD", "CONFIRMED"}


@pytest.mark.parametrize(("file", "name"), CONSTANTS, ids=[" ".join(pair) for pair in CONSTANTS])
def test_every_frozen_constant_changes_the_key(tree: Path, file: str, name: str) -> None:
    """Wherever it is defined."""
    definition = re.compile(rf"^(?:[\w, ]+, )?{name}\b[\w, ]* = ", re.MULTILINE)
    homes = [
        path
        for path in import_closure([tree / file], root=tree)
        if definition.search(path.read_text(encoding="utf-8"))
    ]
    assert homes
    before = cache_key(tree / file, tree)
    for home in homes:
        text = home.read_text(encoding="utf-8")
        home.write_text(definition.sub(lambda match: match[0] + "1 + ", text, count=1))
        sources.content_of.cache_clear()
        assert cache_key(tree / file, tree) != before
        home.write_text(text, encoding="utf-8")
        sources.content_of.cache_clear()


def test_another_python_and_another_numba_have_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    file = ROOT / MODULES[0]
    before = cache_key(file)
    monkeypatch.setattr(sys, "version", "3.14.0")
    python = cache_key(file)
    monkeypatch.setattr(module.numba, "__version__", "0.99")
    assert len({before, python, cache_key(file)}) == 3


def test_a_changed_constant_reaches_the_bootstrapped_sharpe_ratio(tree: Path) -> None:
    """With 252 days a year instead of 365 both ratios shrink alike; the old code is at hand."""
    code = SHORT + (
        "import numpy as np; from backtests.performance.metrics import DAYS, sharpe; "
        "from backtests.statistics.bootstrap import resample; "
        "returns = np.random.default_rng(1).normal(0.001, 0.02, (300, 1)); "
        "print(sharpe(returns[:, 0]), *resample(returns, 7).sharpe[:3, 0])"
    )

    def ratios() -> list[float]:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tree)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return [float(word) for word in done.stdout.split()]

    before = ratios()
    metrics = tree / "backtests/performance/metrics.py"
    text = metrics.read_text(encoding="utf-8")
    metrics.write_text(re.sub(r"^DAYS = [^\n]*", "DAYS = 252.0", text, count=1, flags=re.MULTILINE))
    after = ratios()
    metrics.write_text(text, encoding="utf-8")
    factor = (252.0 / DAYS) ** 0.5
    assert after == pytest.approx([ratio * factor for ratio in before], rel=1e-12)


# What a file says to Python


def test_words_are_no_code(tmp_path: Path) -> None:
    plain, told = tmp_path / "plain.py", tmp_path / "told.py"
    plain.write_text("def f(x):\n    return x + 1\n")
    told.write_text(
        '"""A file."""\n\n\ndef f(x):  # adds\n    """Adds."""\n    return (\n x + 1)\n'
    )
    assert code_of(plain) == code_of(told)
    told.write_text("def f(x):\n    return x + 2\n")
    sources.content_of.cache_clear()
    assert code_of(plain) != code_of(told)


def test_imports_of_every_form_are_followed(tmp_path: Path) -> None:
    files = {
        "pack/__init__.py": "",
        "pack/a.py": "from pack import b\nimport pack.c\nfrom pack.d import (\n    X,\n    Y,\n)\n"
        "if TYPE_CHECKING:\n    from pack.e import Z\n\n\ndef f():\n    from pack import own\n",
        **{f"pack/{name}.py": "import os\n" for name in ("b", "c", "d", "e", "own", "other")},
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    closure = import_closure([tmp_path / "pack/a.py"], root=tmp_path)
    assert [path.stem for path in closure] == ["__init__", "a", "b", "c", "d", "e"]
    without = import_closure([tmp_path / "pack/a.py"], root=tmp_path, without=closure[2:3])
    assert [path.stem for path in without] == ["__init__", "a", "c", "d", "e"]


# Where machine code is kept


@pytest.fixture
def no_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """The program's own folder, the home and the temporary folder lie below a file: no place."""
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "below"
    monkeypatch.setattr(module, "__file__", str(nowhere / "compiled.py"))
    monkeypatch.setattr(module, "CONFIGURED_CACHE", "")
    monkeypatch.setattr(module, "cache_key", lambda file: "key")
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere))
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(nowhere))

    def make(place: str) -> Path:
        folder = tmp_path / place
        folder.mkdir()
        if place == "own":
            monkeypatch.setattr(module, "__file__", str(folder / "compiled.py"))
        elif place == "home":
            monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
        elif place == "chosen":
            monkeypatch.setattr(module, "CONFIGURED_CACHE", str(folder))
        else:
            monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(folder))
        return folder

    cache_folder.cache_clear()
    yield make
    cache_folder.cache_clear()


PLACES = {
    "chosen": "machine-kernel-key",
    "own": "__pycache__/machine-kernel-key",
    "home": "russell-gate/machine-kernel-key",
    "temporary": f"russell-gate-{os.getuid()}/machine-kernel-key",
}


@pytest.mark.parametrize(("place", "folder"), PLACES.items(), ids=PLACES)
def test_it_is_kept_in_the_first_place_that_can_be_written(
    place: str, folder: str, no_places: Callable[[str], Path]
) -> None:
    base = no_places(place)
    assert cache_folder(Path("kernel.py")) == base / folder


def test_the_temporary_folder_is_the_users_alone(no_places: Callable[[str], Path]) -> None:
    made = cache_folder(Path("kernel.py")).parent if no_places("temporary") else None
    assert made is not None
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert made.stat().st_uid == os.getuid()


@pytest.mark.parametrize("spoiled", ["open to others", "a link", "a file"])
def test_a_temporary_folder_of_others_is_not_used(
    spoiled: str, no_places: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machine code that is loaded is run: nobody else may have put it there."""
    base = no_places("temporary")
    place = base / f"russell-gate-{os.getuid()}"
    if spoiled == "open to others":
        place.mkdir()
        place.chmod(0o777)
    elif spoiled == "a link":
        (base / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(base / "elsewhere")
    else:
        place.touch()
    monkeypatch.setattr(module.tempfile, "mkdtemp", lambda prefix: str(base / f"{prefix}new"))
    assert cache_folder(Path("kernel.py")) == base / "russell-gate-new"


def test_code_that_nobody_has_loaded_for_a_week_is_removed(
    no_places: Callable[[str], Path],
) -> None:
    place = no_places("own") / "__pycache__"
    ages = {"machine-kernel-old": 8, "machine-kernel-young": 6, "machine-sweep-old": 8}
    for name, days in ages.items():
        (place / name).mkdir(parents=True)
        os.utime(place / name, (module.time.time() - days * 86_400,) * 2)
    cache_folder(Path("kernel.py"))
    assert sorted(path.name for path in place.iterdir()) == [
        *("machine-kernel-key", "machine-kernel-young", "machine-sweep-old"),
    ]


def test_an_installation_that_cannot_be_written_works_without_a_home(tree: Path) -> None:
    """Every `__pycache__` is a file and the home lies below one: not even root can write there."""
    blocked = [file.with_name("__pycache__") for file in sorted(tree.rglob("__init__.py"))]
    for place in blocked:
        shutil.rmtree(place, ignore_errors=True)
        place.touch()
    temporary = tree.parent / f"{tree.name}-tmp"
    temporary.mkdir()
    code = SHORT + (
        "import numpy as np; from backtests.statistics.bootstrap import resample; "
        "from backtests.engine.compiled import cache_folder; "
        "resample(np.zeros((5, 1)), 1); "
        "print(cache_folder(Path(sys.argv[1]) / 'backtests/statistics/bootstrap.py'))"
    )
    environment = {
        **{key: value for key, value in os.environ.items() if key != "XDG_CACHE_HOME"},
        "HOME": str(tree / "backtests/__pycache__/home"),
        "TMPDIR": str(temporary),
    }
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tree)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    for place in blocked:
        place.unlink()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    folder = Path(done.stdout.strip())
    assert folder.parent == temporary / f"russell-gate-{os.getuid()}"
    assert list(folder.rglob("*.nbi"))


def test_the_imports_of_every_file_are_found() -> None:
    """The scanner against Python's own parser."""
    for file in (*(ROOT / "strategies").rglob("*.py"), *(ROOT / "backtests").rglob("*.py")):
        names = set()
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                names |= {str(node.module), *(f"{node.module}.{one.name}" for one in node.names)}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        paths = (ROOT / f"{name.replace('.', '/')}.py" for name in names)
        assert sources.imported_files(file, ROOT) >= {path for path in paths if path.is_file()}


def test_a_word_that_looks_like_a_definition_hides_no_import(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/b.py").write_text("")
    for line in ("default = 1", "classes = 2", "asynchronous = 3"):
        (tmp_path / "pack/a.py").write_text(f"{line}\nfrom pack.b import x\n")
        sources.imported_files.cache_clear()
        sources.content_of.cache_clear()
        assert len(import_closure([tmp_path / "pack/a.py"], root=tmp_path)) == 2
