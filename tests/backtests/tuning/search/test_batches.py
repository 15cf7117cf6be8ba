"""A search in batches: interrupted and resumed, shared by two processes, with claims of the dead, on damaged files, and what names it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.engine.inputs import prepare
from backtests.tuning.search import batches as module
from backtests.tuning.search.batches import digest, searched
from backtests.tuning.search.evaluator import Field
from backtests.tuning.search.segment_stats import Segments
from backtests.tuning.search.space import Codes
from brokers.prices.load import Prices
from config.settings import ConfigError, Settings, changed
from tests.backtests.tuning.fields import folder_field, folder_prices, halves, spaced

VALUES = {
    "gate.base_sessions": (60, 126, 252),
    "allocation.band": (0.0, 0.1, 0.2, 0.3, 0.4),
    "confirmations.credit.sessions": (21, 63),
}
SETS = 29  # of these, in batches of 8, 8, 8 and 5
ROOT = Path(__file__).parents[4]


def quiet(done: int, of: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)


@pytest.fixture
def field(whole_folder: Path, cache: Path) -> Field:
    return folder_field(whole_folder, cache, VALUES)


@pytest.fixture
def codes(field: Field) -> Codes:
    return np.concatenate([field.space.defaults(), field.space.grid()])[:SETS]


@pytest.fixture
def folder(tmp_path: Path, field: Field, codes: Codes) -> Path:
    """Where this search's batches will be."""
    return tmp_path / "tune" / digest(field, codes, halves(field))


@pytest.fixture
def once(field: Field, codes: Codes) -> Segments:
    """All sets in one sweep."""
    found = field.sweep(codes, halves(field).edges)
    field.run = 0
    return found


def run(
    field: Field, codes: Codes, cache: Path, progress: Callable[[int, int], object] = quiet
) -> Segments:
    return searched(field, codes, halves(field), cache, progress)


def assert_equal(found: Segments, expected: Segments) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


# One process


def test_batches_are_one_sweep(
    field: Field, codes: Codes, once: Segments, folder: Path, tmp_path: Path
) -> None:
    assert_equal(run(field, codes, tmp_path), once)
    assert field.run == len(codes) == SETS
    assert sorted(one.name for one in folder.iterdir()) == [
        f"batch-{first:07}.parquet" for first in (0, 8, 16, 24)
    ]


def test_what_was_found_is_read(field: Field, codes: Codes, once: Segments, tmp_path: Path) -> None:
    run(field, codes, tmp_path)
    field.run = 0
    assert_equal(run(field, codes, tmp_path), once)
    assert field.run == 0


def test_progress_tells_of_all_sets(field: Field, codes: Codes, tmp_path: Path) -> None:
    for _ in range(2):
        told: list[tuple[int, int]] = []
        run(field, codes, tmp_path, lambda done, of, told=told: told.append((done, of)))  # type: ignore[misc]
        assert told[-1] == (SETS, SETS)
        assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("after", range(1, 9))
def test_an_interrupted_search_runs_only_what_is_missing(
    after: int, field: Field, codes: Codes, once: Segments, folder: Path, tmp_path: Path
) -> None:
    """Interrupted at every call of progress: two a batch, the first of which comes before it is written."""
    calls: list[int] = []

    def interrupt(done: int, of: int) -> None:
        calls.append(done)
        if len(calls) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(field, codes, tmp_path, interrupt)
    kept = [8, 8, 8, 5][: after // 2]
    assert len(list(folder.glob("batch-*.parquet"))) == len(kept)
    assert [one.name for one in folder.iterdir() if one.suffix != ".parquet"] == []
    field.run = 0
    assert_equal(run(field, codes, tmp_path), once)
    assert field.run == SETS - sum(kept)


def test_a_set_that_is_refused_leaves_no_claim(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    field = folder_field(
        whole_folder, cache, {"gate.base_sessions": (30, 252), "gate.rearm_sessions": (21, 40)}
    )
    codes = field.space.grid()
    with pytest.raises(ConfigError, match="refuses the set"):
        run(field, codes, tmp_path)
    assert list((tmp_path / "tune" / digest(field, codes, halves(field))).iterdir()) == []


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "without its end": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "other bytes": lambda file: file.write_bytes(b"PAR1" + bytes(200) + b"PAR1"),
    "bytes inside": lambda file: file.write_bytes(
        file.read_bytes()[:60] + b"\xff" * 40 + file.read_bytes()[100:]
    ),
    "text": lambda file: file.write_text("<html>login</html>"),
    "another batch": lambda file: file.write_bytes(
        (file.parent / "batch-0000024.parquet").read_bytes()
    ),
    "another table": lambda file: pd.DataFrame({"total": [1.0]}).to_parquet(file),
    "gone": lambda file: file.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_batch_is_run_again(
    damage: Callable[[Path], object],
    field: Field,
    codes: Codes,
    once: Segments,
    folder: Path,
    tmp_path: Path,
) -> None:
    run(field, codes, tmp_path)
    damage(folder / "batch-0000008.parquet")
    field.run = 0
    assert_equal(run(field, codes, tmp_path), once)
    assert field.run == 8
    field.run = 0
    assert_equal(run(field, codes, tmp_path), once)
    assert field.run == 0


def test_searches_nobody_goes_on_with_are_thrown_away(
    field: Field, codes: Codes, folder: Path, tmp_path: Path
) -> None:
    old, young = tmp_path / "tune" / "old", tmp_path / "tune" / "young"
    for other, age in ((old, 7 * 86_400 + 60), (young, 7 * 86_400 - 600)):
        other.mkdir(parents=True)
        (other / "batch-0000000.parquet").write_bytes(b"x")
        os.utime(other, (time.time() - age,) * 2)
    run(field, codes, tmp_path)
    assert {one.name for one in (tmp_path / "tune").iterdir()} == {"young", folder.name}


def test_a_search_that_is_gone_on_with_is_kept(
    field: Field, codes: Codes, folder: Path, tmp_path: Path
) -> None:
    run(field, codes, tmp_path)
    os.utime(folder, (time.time() - 8 * 86_400,) * 2)
    field.run = 0
    run(field, codes, tmp_path)
    assert field.run == 0


# Claims of other processes


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def claim(folder: Path, text: str, age: float = 0.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "batch-0000008.claim"
    file.write_text(text)
    os.utime(file, (time.time() - age,) * 2)
    return file


class StoppedError(Exception):
    pass


def stop_after(calls: int) -> Callable[[int, int], None]:
    heard: list[int] = []

    def progress(done: int, of: int) -> None:
        heard.append(done)
        if len(heard) > calls:
            raise StoppedError

    return progress


@pytest.mark.parametrize("host", ["this", "elsewhere"])
def test_a_batch_of_a_living_process_is_left_to_it(
    host: str,
    field: Field,
    codes: Codes,
    folder: Path,
    tmp_path: Path,
    sleeper: subprocess.Popen[bytes],
) -> None:
    """Everything else is run, and then waited; a process on another machine is taken to live for ten minutes."""
    mark = claim(
        folder,
        f"{socket.gethostname() if host == 'this' else 'elsewhere'} {sleeper.pid if host == 'this' else 1}",
        age=500.0,
    )
    with pytest.raises(StoppedError):
        run(field, codes, tmp_path, stop_after(30))
    assert field.run == SETS - 8
    assert mark.exists()


def test_a_batch_that_another_process_finishes_is_read(
    field: Field,
    codes: Codes,
    once: Segments,
    folder: Path,
    tmp_path: Path,
    sleeper: subprocess.Popen[bytes],
) -> None:
    run(field, codes, tmp_path)
    finished = (folder / "batch-0000008.parquet").rename(tmp_path / "later")
    mark, heard = claim(folder, f"{socket.gethostname()} {sleeper.pid}"), []

    def progress(done: int, of: int) -> None:
        heard.append(done)
        if len(heard) == 20:
            finished.rename(folder / "batch-0000008.parquet")
            mark.unlink()

    field.run = 0
    assert_equal(run(field, codes, tmp_path, progress), once)
    assert field.run == 0


def test_a_batch_that_was_finished_just_before_it_was_claimed_is_read(
    field: Field,
    codes: Codes,
    once: Segments,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process finishes each between the look for the file and the claim."""
    run(field, codes, tmp_path)
    finished = {file.name: file.read_bytes() for file in folder.iterdir()}
    for name in finished:
        (folder / name).unlink()
    claimed = module._claimed

    def late(file: Path) -> Any:
        file.write_bytes(finished[file.name])
        return claimed(file)

    monkeypatch.setattr(module, "_claimed", late)
    field.run = 0
    assert_equal(run(field, codes, tmp_path), once)
    assert field.run == 0


FORGOTTEN: dict[str, Callable[[], tuple[str, float]]] = {
    "dead": lambda: (f"{socket.gethostname()} {dead()}", 0.0),
    "elsewhere, old": lambda: ("elsewhere 1", 601.0),
    "begun and not written": lambda: ("", 601.0),
    "no number": lambda: (f"{socket.gethostname()} x", 0.0),
    "a number like this process's": lambda: (f"{socket.gethostname()} {os.getpid()}", 0.0),
    "a number that another process has now": lambda: (
        f"{socket.gethostname()} {os.getppid()}",
        601.0,
    ),
}


@pytest.mark.parametrize("made", FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_batch_that_was_forgotten_is_taken_over(
    made: Callable[[], tuple[str, float]],
    field: Field,
    codes: Codes,
    once: Segments,
    folder: Path,
    tmp_path: Path,
) -> None:
    mark = claim(folder, *made())
    assert_equal(run(field, codes, tmp_path, stop_after(100)), once)
    assert field.run == SETS
    assert not mark.exists()


def test_a_claim_is_young_while_its_batch_is_run(
    field: Field, codes: Codes, tmp_path: Path
) -> None:
    """Or others would take a batch for forgotten that takes longer than ten minutes."""
    ages: list[float] = []

    def progress(done: int, of: int) -> None:
        for one in tmp_path.rglob("*.claim"):
            ages.append(time.time() - one.stat().st_mtime)
            os.utime(one, (0, 0))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backtests.tuning.search.evaluator.AT_ONCE", 2)
        run(field, codes[:8], tmp_path, progress)
    assert len(ages) == 4
    assert max(ages) < 60.0


WORKER = """
import json, sys, time
from pathlib import Path
from backtests.tuning import search
from backtests.tuning.search import digest, searched
from tests.backtests.tuning.fields import folder_field, halves
import numpy as np
search.BATCH = 2
values = json.loads(sys.argv[4])
field = folder_field(Path(sys.argv[1]), Path(sys.argv[2]), {key: tuple(some) for key, some in values.items()})
codes = np.concatenate([field.space.defaults(), field.space.grid()])[:29]
print("ready", flush=True)
sys.stdin.readline()
found = searched(field, codes, halves(field), Path(sys.argv[3]), lambda done, of: time.sleep(0.005))
name = digest(field, codes, halves(field))
print(json.dumps({"run": field.run, "digest": name, "total": found.total.tolist(), "orders": found.orders.tolist()}))
"""


def worker(folder: Path, calendar: Path, cache: Path) -> subprocess.Popen[str]:
    words = [
        sys.executable,
        "-c",
        WORKER,
        str(folder),
        str(calendar),
        str(cache),
        json.dumps(VALUES),
    ]
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def test_two_processes_share_a_search(
    once: Segments, folder: Path, whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    """Each set is run by one of them, both find all, and both call it as this process does."""
    workers = [worker(whole_folder, cache, tmp_path) for _ in range(2)]
    for one in workers:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in workers:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    answers = [json.loads(one.communicate(timeout=120)[0]) for one in workers]
    assert {answer["digest"] for answer in answers} == {folder.name}
    assert sum(answer["run"] for answer in answers) == SETS
    for answer in answers:
        assert 0 < answer["run"] < SETS
        assert (answer["total"], answer["orders"]) == (once.total.tolist(), once.orders.tolist())


# The name of a search


def edited(prices: Prices, symbol: str, column: str, row: int, factor: float) -> Prices:
    """The same prices with one number changed."""
    series = dict(prices.series)
    for request, one in prices.series.items():
        if request.symbol == symbol:
            frame = one.frame.copy()
            frame.iloc[row, frame.columns.get_loc(column)] *= factor
            series[request] = one._replace(frame=frame)
    return prices._replace(series=series)


def read_columns(given_settings: Settings, symbol: str) -> list[str]:
    """What the strategy reads of a series."""
    signal = given_settings.signal
    if symbol in (
        signal.risky_credit,
        signal.safe_credit,
        *given_settings.confirmations.breadth.symbols,
    ):
        return ["adj_close"]
    return (
        ["volume"]
        if symbol == signal.volume
        else ["close"]
        if symbol in (signal.index, signal.broad)
        else ["open", "close"]
    )


def named(field: Field) -> str:
    return digest(field, field.space.defaults(), halves(field))


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(2, 12))]
)
def test_another_number_in_any_price_is_another_search(
    seed: int, whole_folder: Path, cache: Path
) -> None:
    """Also in series that only change what is found with other values than the settings have."""
    random = np.random.default_rng(seed)
    given_settings, prices = folder_prices(whole_folder, cache)
    field = Field(prepare(given_settings, prices), spaced(given_settings, VALUES), 1)
    names = {named(field)}
    for request, one in prices.series.items():
        row, column = (
            int(random.integers(len(one.frame))),
            str(random.choice(read_columns(given_settings, request.symbol))),
        )
        other = edited(
            prices, request.symbol, column, row, float(random.choice([1.0000001, 0.999, 1.5]))
        )
        names.add(named(Field(prepare(given_settings, other), field.space, 1)))
    assert len(names) == 1 + len(prices.series)


def test_another_calendar_is_another_search(field: Field) -> None:
    """One session known an hour later: no price differs."""
    prices = field.inputs.prices
    moved = prices.sessions.copy()
    index = moved.index.to_series()
    index.iloc[900] += pd.Timedelta(hours=1)
    moved.index = pd.DatetimeIndex(index)
    assert named(
        Field(field.inputs._replace(prices=prices._replace(sessions=moved)), field.space, 1)
    ) != named(field)


OTHER: dict[str, Any] = {
    "gate.fail_sessions": 4, "confirmations.volume.enabled": False, "confirmations.liquidity.weeks": 12, "risk_curve.rates_sessions": 100,
    "allocation.cash_reserve": 0.05, "costs.fee": 0.002, "costs.min_notional": 6.0, "backtest.cash": 90_000.0, "costs.cash_yield": 0.01,
    "backtest.start": "2013-01-01", "prices.max_age_sessions": 4, "prices.publication_delay": 31, "costs.step": 0.1,
}  # fmt: skip
SAME: dict[str, Any] = {
    "tune.sets": 50, "tune.seed": 3, "tune.objective": "calmar", "tune.searched_gates": 3, "paper.grace": 6.0, "log.level": "DEBUG",
    "guards.largest_order": 0.5, "notify.daily_at": 3,
}  # fmt: skip


@pytest.mark.parametrize("key", OTHER)
def test_other_settings_are_another_search(key: str, field: Field) -> None:
    given_settings = changed(field.inputs.settings, {key: OTHER[key]}, "other")
    assert named(Field(prepare(given_settings, field.inputs.prices), field.space, 1)) != named(
        field
    )


@pytest.mark.parametrize("key", SAME)
def test_settings_that_no_set_hangs_on_are_the_same_search(key: str, field: Field) -> None:
    given_settings = changed(field.inputs.settings, {key: SAME[key]}, "other")
    assert named(Field(prepare(given_settings, field.inputs.prices), field.space, 1)) == named(
        field
    )


def test_other_sets_values_and_cuts_are_another_search(
    field: Field, codes: Codes, whole_folder: Path, cache: Path
) -> None:
    cut = halves(field)
    other_values = folder_field(
        whole_folder, cache, VALUES | {"allocation.band": (0.0, 0.1, 0.2, 0.3, 0.41)}
    )
    names = [
        digest(field, codes, cut), digest(field, codes[:-1], cut), digest(field, codes[::-1], cut),
        digest(field, codes, cut._replace(edges=cut.edges + np.array([0, 1, 0]))), digest(other_values, codes, cut),
    ]  # fmt: skip
    assert len(set(names)) == len(names)


def test_another_program_is_another_search(
    field: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the strategy or of the sweep that has changed."""
    sources = module.sources()
    read = {
        "confirmations.py",
        "indicators.py",
        "breakout.py",
        "coins.py",
        "sweep.py",
        "stacks.py",
        "kernel.py",
        "fills.py",
        "prepare.py",
    }
    assert read <= {one.name for one in sources}
    before = named(field)
    other = tmp_path / "sweep.py"
    other.write_bytes(next(one for one in sources if one.name == "sweep.py").read_bytes() + b"\n")
    monkeypatch.setattr(
        module, "sources", lambda: [other if one.name == "sweep.py" else one for one in sources]
    )
    assert named(field) != before
