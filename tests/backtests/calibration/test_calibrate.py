"""A calibration counts what came out, goes on where it was, and says what its worlds are."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scipy.stats import binomtest

from backtests.calibration import calibrate as calibration
from backtests.calibration.calibrate import calibrate, make_job, summarize
from backtests.calibration.document import parse, read_calibration
from backtests.calibration.outcome import Outcome, WorldOutcome
from backtests.calibration.request import Request
from backtests.calibration.runs import Job
from backtests.engine.sources import ROOT
from backtests.runs.document import DocumentError
from backtests.runs.folder import write_json
from brokers.prices.load import load_prices
from config.settings import load
from tests.backtests.tuning.evaluators import NOW
from tests.price_folder import overrides

OWN = Outcome("inconclusive", {"luck": "failed"}, {"facts supported": 2})


@pytest.fixture(scope="module")
def whole_job(whole_folder: Path, cache: Path) -> Job:
    settings = load(None, [*overrides(whole_folder, cache), "tune.threads=2"])
    return make_job("tune", settings, load_prices(settings, NOW), Request(3))


@pytest.fixture
def job(whole_job: Job, tmp_path: Path) -> Job:
    """With a cache of its own."""
    prices = whole_job.settings.prices.model_copy(update={"cache": str(tmp_path / "cache")})
    return whole_job._replace(settings=whole_job.settings.model_copy(update={"prices": prices}))


def outcome(word: str, luck: str, facts: int = 0) -> Outcome:
    return Outcome(word, {"luck": luck}, {"facts supported": facts})


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the worlds that were run; number 2 is *recommended* and passes."""
    numbers: list[int] = []

    def run(
        job: Job, missing: list[int], processes: int, look: Callable[[], None]
    ) -> Iterator[WorldOutcome]:
        assert processes == 2
        for number in missing:
            look()
            numbers.append(number)
            result = ("recommended", "passed") if number == 2 else ("inconclusive", "failed")
            yield WorldOutcome(number, outcome(*result, facts=number), 2.0)

    monkeypatch.setattr(calibration, "run_worlds", run)
    return numbers


def silent(text: str, done: int = 0, of: int = 0) -> None:
    """Report nothing."""


def test_words_and_tests_are_counted_with_their_intervals(job: Job, ran: list[int]) -> None:
    document = calibrate(job, Request(3), OWN, silent, pytest.fail)
    assert [(word.name, word.count, word.of) for word in document.words] == [
        ("recommended", 1, 3),
        ("not recommended", 0, 3),
        ("inconclusive", 2, 3),
    ]
    expected = binomtest(1, 3).proportion_ci(0.95, method="exact")
    assert (document.words[0].low, document.words[0].high) == pytest.approx(
        (expected.low, expected.high)
    )
    (luck,) = document.tests
    assert (luck.name, luck.own) == ("luck", "failed")
    assert {share.name: share.count for share in luck.outcomes} == {
        "passed": 1,
        "failed": 2,
        "not possible": 0,
    }
    assert document.means == {"facts supported": 1.0}  # (0 + 1 + 2) / 3
    assert (document.n, document.seconds, document.own) == (3, 2.0, "inconclusive")
    assert document.seed == job.settings.tune.seed


def test_a_test_that_some_worlds_lack_is_counted_in_the_others(job: Job) -> None:
    worlds = [
        WorldOutcome(0, outcome("inconclusive", "passed"), 1.0),
        WorldOutcome(1, Outcome("inconclusive", {}, {}), 1.0),
    ]
    (luck,) = summarize(job, Request(2), OWN, worlds).tests
    assert (luck.outcomes[0].name, luck.outcomes[0].count, luck.outcomes[0].of) == ("passed", 1, 1)


def test_what_was_interrupted_goes_on_and_more_worlds_are_added(job: Job, ran: list[int]) -> None:
    def interrupt(text: str, done: int = 0, of: int = 0) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupted:
        calibrate(job, Request(3), OWN, interrupt, pytest.fail)
    assert interrupted.value.__notes__ == [
        "2 of 3 worlds are kept; the same command goes on from there"
    ]
    assert ran == [0, 1]
    assert calibrate(job, Request(3), OWN, silent, pytest.fail).n == 3
    assert ran == [0, 1, 2]
    longer = calibrate(job, Request(5), OWN, silent, pytest.fail)
    assert (longer.n, ran) == (5, [0, 1, 2, 3, 4])
    # And fewer are those with the first numbers.
    assert [word.count for word in calibrate(job, Request(2), OWN, silent, pytest.fail).words] == [
        0,
        0,
        2,
    ]


def test_other_settings_begin_anew_and_say_so_but_threads_change_nothing(
    job: Job, ran: list[int]
) -> None:
    calibrate(job, Request(2), OWN, silent, pytest.fail)
    search = job.settings.tune.model_copy(update={"sets": job.settings.tune.sets + 1})
    changed = job._replace(settings=job.settings.model_copy(update={"tune": search}))
    reasons: list[str] = []
    calibrate(changed, Request(2), OWN, silent, reasons.append)
    assert reasons == ["other settings than when 2 worlds were run: the calibration starts anew"]
    assert ran == [0, 1, 0, 1]
    # 2 threads, of which `ran` has made sure, are as good as any other number.
    assert calibration._basis(job) == calibration._basis(
        job._replace(
            settings=job.settings.model_copy(
                update={"tune": job.settings.tune.model_copy(update={"threads": 1})}
            )
        )
    )


def test_a_change_of_what_judges_a_run_begins_anew() -> None:
    files = {file.relative_to(ROOT).as_posix() for file in calibration.sources()}
    judges = {
        "backtests/benchmarks/verdict.py",
        "backtests/benchmarks/random_gates.py",
        "backtests/tuning/validation/checks.py",
        "backtests/evidence/assembly.py",
        "backtests/calibration/worlds.py",
        "strategies/gate.py",
    }
    assert judges <= files


def test_progress_has_the_number_of_worlds_and_the_time_that_is_left(
    job: Job, ran: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 150))
    monkeypatch.setattr(calibration.time, "monotonic", lambda: float(next(clock)))
    steps: list[tuple[str, int, int]] = []
    calibrate(job, Request(3), OWN, lambda *step: steps.append(step), pytest.fail)
    assert steps[:3] == [
        ("worlds", 0, 3),
        ("worlds", 0, 3),
        ("worlds, about 15 min left", 1, 3),  # 450 s for one, two to go
    ]


def test_the_worlds_are_described_with_their_effect(job: Job) -> None:
    text = calibration.describe(job, Request(3))
    assert text.startswith("tune: the coins' days drawn anew in blocks of 60 days")
    assert text.endswith("the gate has no effect on them")
    source = job.source._replace(effect=0.001)
    planted = calibration.describe(job._replace(source=source), Request(3, effect=2.0))
    assert "coins earn +0.36 a year (log) more" in planted and "closed: twice what" in planted


def test_a_document_is_read_as_it_was_written(job: Job, ran: list[int], tmp_path: Path) -> None:
    document = calibrate(job, Request(3), OWN, silent, pytest.fail)
    write_json(document.to_json(), tmp_path / "calibration.json")
    assert read_calibration(tmp_path) == document
    assert read_calibration(tmp_path / "elsewhere") is None
    old = {**document.to_json(), "version": 1}
    del old["requirements"]
    assert parse(old) == document.model_copy(update={"requirements": ()})
    for content in ({}, [], {"version": 3}, {"version": 2}, {"version": 1}):
        with pytest.raises(DocumentError):
            parse(content)
    (tmp_path / "calibration.json").write_text("{")
    with pytest.raises(DocumentError, match="is no JSON"):
        read_calibration(tmp_path)
