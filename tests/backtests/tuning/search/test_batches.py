"""A search in batches: interrupted and resumed, shared by two processes, with claims of the dead,
on damaged files, and what names it.
"""

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

from backtests.engine.inputs import prepare_inputs
from backtests.tuning.search import batches as module
from backtests.tuning.search.batches import digest, search_batches
from backtests.tuning.search.evaluator import Evaluator
from backtests.tuning.search.segment_stats import Segments
from backtests.tuning.search.space import Codes
from brokers.prices.load import Prices
from config.settings import ConfigError, Settings, with_changes
from tests.backtests.tuning.evaluators import folder_evaluator, folder_prices, halves, spaced

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
def evaluator(whole_folder: Path, cache: Path) -> Evaluator:
    return folder_evaluator(whole_folder, cache, VALUES)


@pytest.fixture
def codes(evaluator: Evaluator) -> Codes:
    return np.concatenate([evaluator.space.defaults(), evaluator.space.grid()])[:SETS]


@pytest.fixture
def folder(tmp_path: Path, evaluator: Evaluator, codes: Codes) -> Path:
    """Where this search's batches will be."""
    return tmp_path / "tune" / digest(evaluator, codes, halves(evaluator))


@pytest.fixture
def once(evaluator: Evaluator, codes: Codes) -> Segments:
    """All sets in one sweep."""
    found = evaluator.sweep(codes, halves(evaluator).edges)
    evaluator.run = 0
    return found


def run(
    evaluator: Evaluator, codes: Codes, cache: Path, progress: Callable[[int, int], object] = quiet
) -> Segments:
    return search_batches(evaluator, codes, halves(evaluator), cache, progress)


def assert_equal(found: Segments, expected: Segments) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


# One process


def test_batches_are_one_sweep(
    evaluator: Evaluator, codes: Codes, once: Segments, folder: Path, tmp_path: Path
) -> None:
    assert_equal(run(evaluator, codes, tmp_path), once)
    assert evaluator.run == len(codes) == SETS
    assert sorted(one.name for one in folder.iterdir()) == [
        f"batch-{first:07}.parquet" for first in (0, 8, 16, 24)
    ]


def test_what_was_found_is_read(
    evaluator: Evaluator, codes: Codes, once: Segments, tmp_path: Path
) -> None:
    run(evaluator, codes, tmp_path)
    evaluator.run = 0
    assert_equal(run(evaluator, codes, tmp_path), once)
    assert evaluator.run == 0


def test_progress_tells_of_all_sets(evaluator: Evaluator, codes: Codes, tmp_path: Path) -> None:
    for _ in range(2):
        told: list[tuple[int, int]] = []
        run(evaluator, codes, tmp_path, lambda done, of, told=told: told.append((done, of)))  # type: ignore[misc]
        assert told[-1] == (SETS, SETS)
        assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("after", range(1, 9))
def test_an_interrupted_search_runs_only_what_is_missing(
    *, after: int, evaluator: Evaluator, codes: Codes, once: Segments, folder: Path, tmp_path: Path
) -> None:
    """Interrupted at every call of progress: two a batch, the first of which comes before it is
    written.
    """
    calls: list[int] = []

    def interrupt(done: int, of: int) -> None:
        calls.append(done)
        if len(calls) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(evaluator, codes, tmp_path, interrupt)
    kept = [8, 8, 8, 5][: after // 2]
    assert len(list(folder.glob("batch-*.parquet"))) == len(kept)
    assert [one.name for one in folder.iterdir() if one.suffix != ".parquet"] == []
    evaluator.run = 0
    assert_equal(run(evaluator, codes, tmp_path), once)
    assert evaluator.run == SETS - sum(kept)


def test_a_set_that_is_refused_leaves_no_claim(
    whole_folder: Path, cache: Path, tmp_path: Path
) -> None:
    evaluator = folder_evaluator(
        whole_folder, cache, {"gate.base_sessions": (30, 252), "gate.rearm_sessions": (21, 40)}
    )
    codes = evaluator.space.grid()
    with pytest.raises(ConfigError, match="refuses the parameter set"):
        run(evaluator, codes, tmp_path)
    assert list((tmp_path / "tune" / digest(evaluator, codes, halves(evaluator))).iterdir()) == []


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
    *,
    damage: Callable[[Path], object],
    evaluator: Evaluator,
    codes: Codes,
    once: Segments,
    folder: Path,
    tmp_path: Path,
) -> None:
    run(evaluator, codes, tmp_path)
    damage(folder / "batch-0000008.parquet")
    evaluator.run = 0
    assert_equal(run(evaluator, codes, tmp_path), once)
    assert evaluator.run == 8
    evaluator.run = 0
    assert_equal(run(evaluator, codes, tmp_path), once)
    assert evaluator.run == 0


def test_searches_nobody_goes_on_with_are_thrown_away(
    evaluator: Evaluator, codes: Codes, folder: Path, tmp_path: Path
) -> None:
    old, young = tmp_path / "tune" / "old", tmp_path / "tune" / "young"
    for other, age in ((old, 7 * 86_400 + 60), (young, 7 * 86_400 - 600)):
        other.mkdir(parents=True)
        (other / "batch-0000000.parquet").write_bytes(b"x")
        os.utime(other, (time.time() - age,) * 2)
    run(evaluator, codes, tmp_path)
    assert {one.name for one in (tmp_path / "tune").iterdir()} == {"young", folder.name}


def test_a_search_that_is_gone_on_with_is_kept(
    evaluator: Evaluator, codes: Codes, folder: Path, tmp_path: Path
) -> None:
    run(evaluator, codes, tmp_path)
    os.utime(folder, (time.time() - 8 * 86_400,) * 2)
    evaluator.run = 0
    run(evaluator, codes, tmp_path)
    assert evaluator.run == 0


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
    *,
    host: str,
    evaluator: Evaluator,
    codes: Codes,
    folder: Path,
    tmp_path: Path,
    sleeper: subprocess.Popen[bytes],
) -> None:
    """Everything else is run, and then waited; a process on another machine is taken to live for
    ten minutes.
    """
    mark = claim(
        folder,
        f"{socket.gethostname() if host == 'this' else 'elsewhere'} "
        f"{sleeper.pid if host == 'this' else 1}",
        age=500.0,
    )
    with pytest.raises(StoppedError):
        run(evaluator, codes, tmp_path, stop_after(30))
    assert evaluator.run == SETS - 8
    assert mark.exists()


def test_a_batch_that_another_process_finishes_is_read(
    *,
    evaluator: Evaluator,
    codes: Codes,
    once: Segments,
    folder: Path,
    tmp_path: Path,
    sleeper: subprocess.Popen[bytes],
) -> None:
    run(evaluator, codes, tmp_path)
    finished = (folder / "batch-0000008.parquet").rename(tmp_path / "later")
    mark, heard = claim(folder, f"{socket.gethostname()} {sleeper.pid}"), []

    def progress(done: int, of: int) -> None:
        heard.append(done)
        if len(heard) == 20:
            finished.rename(folder / "batch-0000008.parquet")
            mark.unlink()

    evaluator.run = 0
    assert_equal(run(evaluator, codes, tmp_path, progress), once)
    assert evaluator.run == 0


def test_a_batch_that_was_finished_just_before_it_was_claimed_is_read(
    *,
    evaluator: Evaluator,
    codes: Codes,
    once: Segments,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process finishes each between the look for the file and the claim."""
    run(evaluator, codes, tmp_path)
    finished = {file.name: file.read_bytes() for file in folder.iterdir()}
    for name in finished:
        (folder / name).unlink()
    claimed = module._claim_batch

    def late(file: Path) -> Any:
        file.write_bytes(finished[file.name])
        return claimed(file)

    monkeypatch.setattr(module, "_claim_batch", late)
    evaluator.run = 0
    assert_equal(run(evaluator, codes, tmp_path), once)
    assert evaluator.run == 0


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
    *,
    made: Callable[[], tuple[str, float]],
    evaluator: Evaluator,
    codes: Codes,
    once: Segments,
    folder: Path,
    tmp_path: Path,
) -> None:
    mark = claim(folder, *made())
    assert_equal(run(evaluator, codes, tmp_path, stop_after(100)), once)
    assert evaluator.run == SETS
    assert not mark.exists()


def test_a_claim_is_young_while_its_batch_is_run(
    evaluator: Evaluator, codes: Codes, tmp_path: Path
) -> None:
    """Or others would take a batch for forgotten that takes longer than ten minutes."""
    renewed: list[float] = []

    def progress(done: int, of: int) -> None:
        for one in tmp_path.rglob("*.claim"):
            renewed.append(one.stat().st_mtime)
            os.utime(one, (0, 0))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backtests.tuning.search.evaluator.AT_ONCE", 2)
        run(evaluator, codes[:8], tmp_path, progress)
    assert len(renewed) == 4
    assert min(renewed) > 0.0


# Waits after its first batch until the other process has begun one: both take part, however busy
# the machine is.
WORKER = """
import json, sys, time
from pathlib import Path
import numpy as np
from backtests.tuning.search import batches
from backtests.tuning.search.batches import digest, search_batches
from tests.backtests.tuning.evaluators import folder_evaluator, halves
batches.BATCH, batches.LOOK_EVERY = 2, 0.01
prices, calendar, cache = map(Path, sys.argv[1:4])
values = {key: tuple(some) for key, some in json.loads(sys.argv[4]).items()}
evaluator = folder_evaluator(prices, calendar, values)
codes = np.concatenate([evaluator.space.defaults(), evaluator.space.grid()])[:29]
folder = cache / "tune" / digest(evaluator, codes, halves(evaluator))
def wait_for_the_other(done, of):
    while len({file.stem for file in folder.glob("batch-*")}) < 2:
        time.sleep(0.01)
found = search_batches(evaluator, codes, halves(evaluator), cache, wait_for_the_other)
answer = {"run": evaluator.run, "digest": folder.name}
answer |= {"total": found.total.tolist(), "orders": found.orders.tolist()}
print(json.dumps(answer))
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
    answers = [json.loads(one.communicate()[0]) for one in workers]
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


def named(evaluator: Evaluator) -> str:
    return digest(evaluator, evaluator.space.defaults(), halves(evaluator))


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(2, 12))]
)
def test_another_number_in_any_price_is_another_search(
    seed: int, whole_folder: Path, cache: Path
) -> None:
    """Also in series that only change what is found with other values than the settings have."""
    random = np.random.default_rng(seed)
    given_settings, prices = folder_prices(whole_folder, cache)
    evaluator = Evaluator(prepare_inputs(given_settings, prices), spaced(given_settings, VALUES), 1)
    names = {named(evaluator)}
    for request, one in prices.series.items():
        row, column = (
            int(random.integers(len(one.frame))),
            str(random.choice(read_columns(given_settings, request.symbol))),
        )
        other = edited(
            prices, request.symbol, column, row, float(random.choice([1.0000001, 0.999, 1.5]))
        )
        names.add(named(Evaluator(prepare_inputs(given_settings, other), evaluator.space, 1)))
    assert len(names) == 1 + len(prices.series)


def test_another_calendar_is_another_search(evaluator: Evaluator) -> None:
    """One session known an hour later: no price differs."""
    prices = evaluator.inputs.prices
    moved = prices.sessions.copy()
    index = moved.index.to_series()
    index.iloc[900] += pd.Timedelta(hours=1)
    moved.index = pd.DatetimeIndex(index)
    assert named(
        Evaluator(
            evaluator.inputs._replace(prices=prices._replace(sessions=moved)), evaluator.space, 1
        )
    ) != named(evaluator)


OTHER: dict[str, Any] = {
    "gate.fail_sessions": 4,
    "confirmations.volume.enabled": False,
    ("confirmations.liquidity.weeks"): 12,
    "risk_curve.rates_sessions": 100,
    "allocation.cash_reserve": 0.05,
    "costs.fee": 0.002,
    "costs.min_notional": 6.0,
    "backtest.cash": 90_000.0,
    "costs.cash_yield": 0.01,
    "backtest.start": "2013-01-01",
    "prices.max_age_sessions": 4,
    "prices.publication_delay": 31,
    "costs.step": 0.1,
}
SAME: dict[str, Any] = {
    "tune.sets": 50,
    "tune.seed": 3,
    "tune.objective": "calmar",
    "tune.searched_gates": 3,
    "paper.grace": 6.0,
    "log.level": "DEBUG",
    "guards.largest_order": 0.5,
    "notify.daily_at": 3,
}


@pytest.mark.parametrize("key", OTHER)
def test_other_settings_are_another_search(key: str, evaluator: Evaluator) -> None:
    given_settings = with_changes(evaluator.inputs.settings, {key: OTHER[key]}, "other")
    assert named(
        Evaluator(prepare_inputs(given_settings, evaluator.inputs.prices), evaluator.space, 1)
    ) != named(evaluator)


@pytest.mark.parametrize("key", SAME)
def test_settings_that_no_set_hangs_on_are_the_same_search(key: str, evaluator: Evaluator) -> None:
    given_settings = with_changes(evaluator.inputs.settings, {key: SAME[key]}, "other")
    assert named(
        Evaluator(prepare_inputs(given_settings, evaluator.inputs.prices), evaluator.space, 1)
    ) == named(evaluator)


def test_other_sets_values_and_cuts_are_another_search(
    evaluator: Evaluator, codes: Codes, whole_folder: Path, cache: Path
) -> None:
    cut = halves(evaluator)
    other_values = folder_evaluator(
        whole_folder, cache, VALUES | {"allocation.band": (0.0, 0.1, 0.2, 0.3, 0.41)}
    )
    names = [
        digest(evaluator, codes, cut),
        digest(evaluator, codes[:-1], cut),
        digest(evaluator, codes[::-1], cut),
        digest(evaluator, codes, cut._replace(edges=cut.edges + np.array([0, 1, 0]))),
        digest(other_values, codes, cut),
    ]
    assert len(set(names)) == len(names)


COMPUTES = """
    backtests/engine/arrays.py backtests/engine/compiled.py backtests/engine/inputs.py
    backtests/engine/kernel.py backtests/engine/rules.py
    backtests/tuning/search/evaluator.py backtests/tuning/search/precomputed.py
    backtests/tuning/search/sweep.py
    brokers/orders/fills.py brokers/prices/clean.py config/settings.py
    strategies/breakout.py strategies/checked_market.py strategies/coins.py
    strategies/confirmations.py strategies/decision.py
    strategies/held_closes.py strategies/indicators.py strategies/risk_curve.py
"""
# Folders and files of these names compute no result of a parameter set.
ELSEWHERE = "commands doctor evidence exchange journal live report runs tests validation"


def test_all_that_computes_a_result_names_the_search_and_nothing_else_does() -> None:
    files = {file.relative_to(ROOT).as_posix() for file in module.sources()}
    assert files >= set(COMPUTES.split())
    elsewhere = set(ELSEWHERE.split())
    assert [file for file in files if elsewhere & set(file.removesuffix(".py").split("/"))] == []
    assert all((ROOT / name).exists() for name in module.NO_PART_OF_A_SET)


@pytest.mark.parametrize("addition", ["\n# A comment.\n", "\nANOTHER = 1\n"])
def test_another_program_is_another_search(
    addition: str, evaluator: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed code, in the strategy or the sweep; a comment or a docstring changes nothing."""
    files = module.sources()
    before = named(evaluator)
    for name in ("backtests/tuning/search/sweep.py", "strategies/indicators.py"):
        changed = tmp_path / name
        changed.parent.mkdir(parents=True)
        changed.write_text((ROOT / name).read_text(encoding="utf-8") + addition, encoding="utf-8")
        others = [changed if file == ROOT / name else file for file in files]
        monkeypatch.setattr(module, "sources", lambda others=others: others)
        module._program.cache_clear()
        assert (named(evaluator) == before) == ("#" in addition)
    monkeypatch.undo()
    module._program.cache_clear()
