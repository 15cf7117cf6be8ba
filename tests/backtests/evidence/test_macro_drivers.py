"""Macro drivers beside the gate: by hand, by what was known in time, on planted worlds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import OLS

from backtests.evidence.document import Claim
from backtests.evidence.events import daily_closes
from backtests.evidence.history import BITCOIN, INDEX, History
from backtests.evidence.macro_drivers import PARTS, claims, driver_changes, liquidity_changes
from brokers.prices.load import Prices
from config.settings import load
from strategies.indicators import Floats

EVIDENCE = load().evidence

WEEKS = pd.date_range("2016-01-02", "2025-12-27", freq="W-SAT", tz="UTC")
YEAR = 365.25 / 7  # weeks
SECOND = pd.Timedelta(seconds=1)
ALONE = "the gate alone, same weeks"
WITHOUT_2020 = ", without March to August 2020"
TOGETHER = [
    f"together, {asset}{reading}" for asset in (BITCOIN, INDEX) for reading in ("", WITHOUT_2020)
]
CONTROLLED = "the gate, controlling for the broad index, rates, credit"


def noise(seed: int, deviation: float = 0.02) -> Floats:
    return np.random.default_rng(seed).normal(0.0, deviation, len(WEEKS))


def series(log_returns: Floats) -> pd.Series:
    """Prices that move at Saturday's midnight only."""
    return pd.Series(100.0 * np.exp(np.cumsum(log_returns)), index=WEEKS)


def published(changes: Floats) -> pd.Series:
    """Known on Thursdays at 21:30."""
    return pd.Series(1000.0 + np.cumsum(changes), index=WEEKS - pd.Timedelta(hours=26.5))


def history(
    bitcoin: Floats,
    broad: Floats | None = None,
    bonds: Mapping[str, Floats] | None = None,
    macro: Mapping[str, pd.Series] | None = None,
    index: Floats | None = None,
) -> History:
    broad_index = series(noise(101) if broad is None else broad)
    assets = {
        BITCOIN: daily_closes(series(bitcoin)),
        INDEX: daily_closes(series(noise(102) if index is None else index)),
    }
    kinds = {name: series(moves) for name, moves in (bonds or {}).items()}
    return History(
        Prices({}, pd.Series(dtype=float), WEEKS[-1]),
        pd.DataFrame(),
        broad_index,
        broad_index,
        kinds,
        assets,
        {},
        (),
        {},
        macro or {},
    )


def table(is_open: Floats, late: pd.Timedelta | None = None) -> pd.DataFrame:
    """Known at Friday's close, three hours before each week begins."""
    known = WEEKS - pd.Timedelta(hours=3) if late is None else WEEKS + late
    return pd.DataFrame(
        {"state": np.where(is_open > 0.0, "confirmed", "dormant"), "stale": 0}, index=known
    )


def claims_by_key(one: History, is_open: Floats) -> dict[tuple[str, str], Claim]:
    return {(claim.id, claim.reading): claim for claim in claims(one, table(is_open), EVIDENCE)}


def past(moves: Floats, weeks: int = 13) -> Floats:
    """Sum of the last so many weeks up to each; NaN before there are so many."""
    return np.array(
        [
            moves[week - weeks + 1 : week + 1].sum() if week >= weeks else np.nan
            for week in range(len(moves))
        ]
    )


def known_before(values: Floats) -> Floats:
    """By week: what it was when the week began, 0 while there was none."""
    return np.concatenate(([0.0], np.nan_to_num(values)[:-1]))


def gate_periods(seed: int = 100) -> Floats:
    lengths = np.random.default_rng(seed).integers(5, 30, 100)
    return np.repeat(np.arange(100) % 2, lengths)[: len(WEEKS)].astype(float)


BONDS = {"risky": noise(103, 0.01), "safe": noise(104, 0.01)}
FED = {
    "assets": published(noise(105, 10.0)),
    "treasury": published(noise(106, 10.0)),
    "reverse_repos": published(noise(107, 0.01)),
}


# --- what was known -------------------------------------------------------------------------------


def test_liquidity_is_in_millions_and_in_the_direction_in_which_it_is_added() -> None:
    """The Fed's assets rise by 700 million.

    The Treasury's account falls by 200; reverse repos fall by 1.5 billion. Each adds.
    """
    at = pd.DatetimeIndex([pd.Timestamp("2024-06-01", tz="UTC")])
    dates = pd.DatetimeIndex(
        [at[0] - pd.Timedelta(days=92), at[0] - pd.Timedelta(days=50), at[0] - pd.Timedelta(days=1)]
    )
    macro = {
        "assets": [1000.0, 9.0, 1700.0],
        "treasury": [800.0, 9.0, 600.0],
        "reverse_repos": [3.5, 9.0, 2.0],
    }
    found = liquidity_changes(
        {name: pd.Series(values, index=dates) for name, values in macro.items()}, at
    )
    assert {name: values.tolist() for name, values in found.items()} == {
        "assets": [700.0],
        "treasury": [200.0],
        "reverse_repos": [1500.0],
    }


def test_parts_that_are_not_there_are_left_out() -> None:
    assert list(
        liquidity_changes({"treasury": FED["treasury"], "spread": FED["assets"]}, WEEKS)
    ) == ["treasury"]
    assert liquidity_changes({}, WEEKS) == {}


def test_liquidity_spans_13_weeks() -> None:
    changes = noise(108, 10.0)
    found = liquidity_changes({"assets": published(changes)}, WEEKS)["assets"]
    assert (
        found[13:].tolist() == pytest.approx(past(changes)[13:].tolist())
        and np.isnan(found[:13]).all()
    )


@pytest.mark.parametrize("when", [0, 13])
def test_a_value_published_a_second_after_the_week_began_is_not_known_then(when: int) -> None:
    at = pd.DatetimeIndex([pd.Timestamp("2024-06-01", tz="UTC")])
    begins = at[0] - pd.Timedelta(weeks=when)
    values = pd.Series(
        [1.0, 1.0],
        index=pd.DatetimeIndex([at[0] - pd.Timedelta(days=95), at[0] - pd.Timedelta(days=3)]),
    )
    for late, counts in ((pd.Timedelta(0), True), (SECOND, False)):
        more = pd.concat(
            [values, pd.Series([100.0], index=pd.DatetimeIndex([begins + late]))]
        ).sort_index()
        assert (liquidity_changes({"assets": more}, at)["assets"][0] != 0.0) == counts


def test_a_value_of_more_than_ten_days_ago_is_treated_as_missing() -> None:
    at = pd.DatetimeIndex([pd.Timestamp("2024-06-01", tz="UTC")])
    ten, weeks = pd.Timedelta(days=10), pd.Timedelta(weeks=13)
    for begins, ends, known in (
        (ten, ten, True),
        (ten + SECOND, ten, False),
        (ten, ten + SECOND, False),
    ):
        values = pd.Series(
            [1.0, 4.0], index=pd.DatetimeIndex([at[0] - weeks - begins, at[0] - ends])
        )
        assert np.isfinite(liquidity_changes({"assets": values}, at)["assets"][0]) == known


def test_drivers_are_changes_over_13_weeks() -> None:
    """Rates by government bonds, credit by high-yield bonds over these, liquidity by the sum of its
    parts.
    """
    broad = noise(109)
    found = driver_changes(history(noise(110), broad, BONDS, FED), WEEKS)
    assert list(found) == ["the broad index", "rates", "credit", "liquidity"]
    assert found["the broad index"][13:].tolist() == pytest.approx(past(broad)[13:].tolist())
    assert found["rates"][13:].tolist() == pytest.approx(past(BONDS["safe"])[13:].tolist())
    assert found["credit"][13:].tolist() == pytest.approx(
        past(BONDS["risky"] - BONDS["safe"])[13:].tolist()
    )
    parts = [
        np.diff(FED[name].to_numpy(), prepend=np.nan) * unit
        for name, unit in (("assets", 1.0), ("treasury", -1.0), ("reverse_repos", -1000.0))
    ]
    assert found["liquidity"][13:].tolist() == pytest.approx(
        sum(past(part)[13:] for part in parts).tolist()
    )


@pytest.mark.parametrize("bonds", [{}, {"safe": BONDS["safe"]}, {"risky": BONDS["risky"]}])
def test_missing_drivers_are_left_out(bonds: dict[str, Floats]) -> None:
    assert list(driver_changes(history(noise(110), bonds=bonds), WEEKS)) == ["the broad index"]
    assert list(
        driver_changes(history(noise(110), bonds=bonds, macro={"treasury": FED["treasury"]}), WEEKS)
    ) == ["the broad index"]  # a part of it
    assert list(driver_changes(history(noise(110), bonds=bonds, macro=FED), WEEKS)) == [
        "the broad index",
        "liquidity",
    ]


def test_later_prices_change_no_driver() -> None:
    one = history(noise(110), noise(109), BONDS, FED)
    at = WEEKS[:300]
    late = {
        name: pd.concat([values[: at[-1]], values[at[-1] + SECOND :] * 9.0])
        for name, values in FED.items()
    }
    cut = [
        np.where(at[-1] < WEEKS, 0.5, moves)
        for moves in (noise(109), BONDS["risky"], BONDS["safe"])
    ]
    other = history(noise(110), cut[0], {"risky": cut[1], "safe": cut[2]}, late)
    for name, values in driver_changes(one, at).items():
        assert values.tolist() == pytest.approx(
            driver_changes(other, at)[name].tolist(), nan_ok=True
        )


# --- the gate beside them -------------------------------------------------------------------------


def test_a_gate_that_adds_nothing_once_the_cause_of_both_is_known() -> None:
    """Bitcoin earns what bonds did before.

    The gate is open after they rose, with one week in ten the other way round.
    """
    rates = known_before(past(BONDS["safe"]))
    flipped = np.random.default_rng(111).random(len(WEEKS)) < 0.1
    gate = np.where(
        flipped, np.nan_to_num(past(BONDS["safe"])) <= 0.0, np.nan_to_num(past(BONDS["safe"])) > 0.0
    ).astype(float)
    found = claims_by_key(history(0.5 * rates + noise(112, 0.005), bonds=BONDS), gate)
    alone, beside = found["A10", ALONE], found["A10", CONTROLLED]
    assert alone.verdict == "supported" and alone.low is not None and alone.low > 0.0
    # That it adds nothing cannot be shown: nothing that it adds is.
    assert beside.verdict == "inconclusive" and beside.low is not None and beside.high is not None
    assert beside.low < 0.0 < beside.high
    assert (
        beside.estimate is not None
        and alone.estimate is not None
        and abs(beside.estimate) < 0.1 * alone.estimate
    )


def test_a_gate_that_costs_once_the_cause_is_known_adds_nothing_either() -> None:
    gate = (np.nan_to_num(past(BONDS["safe"])) > 0.0).astype(float)
    rates = known_before(past(BONDS["safe"]))
    found = claims_by_key(
        history(0.5 * rates - 0.005 * known_before(gate) + noise(112, 0.002), bonds=BONDS), gate
    )
    beside = found["A10", CONTROLLED]
    assert found["A10", ALONE].verdict == "supported"
    assert beside.verdict == "inconclusive" and beside.high is not None and beside.high < 0.0


def test_a_gate_that_adds_something_contradicts_it() -> None:
    gate = gate_periods()
    found = claims_by_key(history(0.02 * known_before(gate) + noise(113), bonds=BONDS), gate)
    assert (found["A10", ALONE].verdict, found["A10", CONTROLLED].verdict) == (
        "supported",
        "contradicted",
    )
    assert found["A10", CONTROLLED].estimate == pytest.approx(0.02 * YEAR, rel=0.3)


def test_a_gate_without_an_effect_is_not_explained_by_drivers() -> None:
    found = claims_by_key(history(noise(114), bonds=BONDS), gate_periods())
    assert (found["A10", ALONE].verdict, found["A10", CONTROLLED].verdict) == (
        "inconclusive",
        "inconclusive",
    )


def test_a_gate_that_was_open_in_bad_weeks_is_contradicted_alone() -> None:
    gate = gate_periods()
    found = claims_by_key(history(-0.02 * known_before(gate) + noise(115), bonds=BONDS), gate)
    assert (found["A10", ALONE].verdict, found["A10", CONTROLLED].verdict) == (
        "contradicted",
        "inconclusive",
    )


def test_figures_are_those_of_open_against_closed() -> None:
    """Alone: the difference of two means, a year of weeks of it.

    Beside: least squares with all causes, over the same weeks.
    """
    gate, broad = gate_periods(), noise(116)
    bitcoin = 0.01 * known_before(gate) + 0.2 * known_before(past(BONDS["safe"])) + noise(117)
    found = claims_by_key(history(bitcoin, broad, BONDS), gate)
    target, known = bitcoin[14:], gate[13:-1]
    rates, credit = past(BONDS["safe"])[13:-1], past(BONDS["risky"] - BONDS["safe"])[13:-1]
    plain = np.linalg.lstsq(
        np.column_stack((np.ones(len(target)), known, past(broad)[13:-1], rates, credit)),
        target,
        rcond=None,
    )[0]
    assert found["A10", ALONE].n == found["A10", CONTROLLED].n == len(WEEKS) - 14
    assert found["A10", ALONE].estimate == pytest.approx(
        (target[known == 1.0].mean() - target[known == 0.0].mean()) * YEAR
    )
    assert found["A10", CONTROLLED].estimate == pytest.approx(plain[1] * YEAR)
    assert found["A10", CONTROLLED].unit == "log a year"


def test_the_gate_alone_is_estimated_over_the_same_weeks() -> None:
    """Reverse repos are published only from week 200 on: before that the gate paid, since then it
    does not.
    """
    gate = gate_periods()
    macro = FED | {"reverse_repos": FED["reverse_repos"].iloc[200:]}
    found = claims_by_key(
        history(
            np.where(np.arange(len(WEEKS)) < 200, 0.05, 0.0) * known_before(gate)
            + noise(118, 0.01),
            macro=macro,
        ),
        gate,
    )
    alone, beside = (
        found["A10", ALONE],
        found["A10", "the gate, controlling for the broad index, liquidity"],
    )
    assert alone.n == beside.n == len(WEEKS) - 214
    assert alone.estimate == pytest.approx(0.0, abs=0.25) and alone.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("late", "word"), [(pd.Timedelta(0), "contradicted"), (SECOND, "inconclusive")]
)
def test_a_gate_known_a_second_after_the_week_began_does_not_predict_it(
    late: pd.Timedelta, word: str
) -> None:
    """It is open every other week at random, so that a week later it tells nothing."""
    gate = np.random.default_rng(119).integers(0, 2, len(WEEKS)).astype(float)
    one = history(0.03 * known_before(gate) + noise(120), bonds=BONDS)
    found = {(claim.id, claim.reading): claim for claim in claims(one, table(gate, late), EVIDENCE)}
    assert found["A10", CONTROLLED].verdict == word


@pytest.mark.parametrize("gate", [np.zeros(len(WEEKS)), np.ones(len(WEEKS))])
def test_a_gate_that_never_changes_is_inconclusive(gate: Floats) -> None:
    found = claims_by_key(history(noise(121), bonds=BONDS), gate)["A10", ""]
    assert (found.verdict, found.why) == (
        "inconclusive",
        "There are no prices of the gate with credit, rates or liquidity for two years.",
    )


def test_the_broad_index_alone_is_no_driver() -> None:
    found = claims_by_key(history(0.02 * known_before(gate_periods()) + noise(122)), gate_periods())
    assert [key for key in found if key[0] == "A10"] == [("A10", "")] and found[
        "A10", ""
    ].verdict == "inconclusive"


def test_too_few_weeks_with_drivers_are_inconclusive() -> None:
    """Known from 117 weeks before the end on: 104 have 13 weeks before and the next one after, of
    one fewer too few.
    """
    for rows, enough in ((118, True), (117, False)):
        found = claims_by_key(
            history(noise(123), macro=FED | {"assets": FED["assets"].iloc[-rows:]}), gate_periods()
        )
        assert (("A10", ALONE) in found) == enough


# --- liquidity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("sign", "word"), [(1.0, "supported"), (-1.0, "contradicted")])
def test_each_part_by_itself(part: str, sign: float, word: str) -> None:
    """Bitcoin earns after each part has added liquidity, or lost it."""
    added = {"assets": 1.0, "treasury": -1.0, "reverse_repos": -1000.0}[part] * np.diff(
        FED[part].to_numpy(), prepend=1000.0
    )
    found = claims_by_key(
        history(sign * 0.001 * known_before(past(added)) + noise(124), macro={part: FED[part]}),
        gate_periods(),
    )
    claim = found["B4", PARTS[part]]
    assert claim.verdict == word and claim.n == len(WEEKS) - 14
    others = [one for key, one in found.items() if key[0] == "B4" and one is not claim]
    assert [one.reading for one in others] == [
        text for name, text in PARTS.items() if name != part
    ] + TOGETHER
    assert {one.verdict for one in others} == {"inconclusive"} and {one.n for one in others} == {0}


def test_the_slope_is_by_a_deviation_and_a_year_of_weeks() -> None:
    changes = np.diff(FED["treasury"].to_numpy(), prepend=1000.0)
    bitcoin = -0.0005 * known_before(past(changes)) + noise(125)
    claim = claims_by_key(history(bitcoin, macro={"treasury": FED["treasury"]}), gate_periods())[
        "B4", PARTS["treasury"]
    ]
    drawn = -past(changes)[13:-1]
    assert claim.estimate == pytest.approx(
        np.polyfit(drawn, bitcoin[14:], 1)[0] * drawn.std() * YEAR
    )


@pytest.mark.parametrize(
    ("bitcoin", "index", "words"),
    [(1.0, -1.0, ("supported", "contradicted")), (-1.0, 1.0, ("contradicted", "supported"))],
)
def test_all_parts_together_predict_bitcoin_and_the_index(
    bitcoin: float, index: float, words: tuple[str, str]
) -> None:
    net = sum(
        unit * np.diff(FED[name].to_numpy(), prepend=1000.0)
        for name, unit in (("assets", 1), ("treasury", -1), ("reverse_repos", -1000))
    )
    earned = 0.001 * known_before(past(net))
    found = claims_by_key(
        history(bitcoin * earned + noise(126), macro=FED, index=index * earned + noise(127)),
        gate_periods(),
    )
    coin, small = found["B4", f"together, {BITCOIN}"], found["B4", f"together, {INDEX}"]
    assert (coin.verdict, small.verdict) == words
    assert coin.why.endswith("Joint test of the three parts: p 0.00.") and "Joint" not in small.why
    known = past(net)[13:-1]
    target = bitcoin * earned[14:] + noise(126)[14:]
    assert coin.estimate == pytest.approx(np.polyfit(known, target, 1)[0] * known.std() * YEAR)


def test_the_weeks_of_the_pandemic_decide_nothing_where_they_are_left_out() -> None:
    """The index earns after liquidity from March to August 2020 alone; both ends are weeks that
    begin on Saturdays.
    """
    net = sum(
        unit * np.diff(FED[name].to_numpy(), prepend=1000.0)
        for name, unit in (("assets", 1), ("treasury", -1), ("reverse_repos", -1000))
    )
    first, last = (pd.Timestamp(day, tz="UTC") for day in ("2020-03-01", "2020-09-01"))
    begins = WEEKS - pd.Timedelta(days=7)
    inside = np.asarray((begins >= first) & (begins < last))
    index = np.where(inside, 0.05 * np.sign(known_before(past(net))), 0.0) + noise(127)
    found = claims_by_key(history(noise(126), macro=FED, index=index), gate_periods())
    whole, without = (found["B4", f"together, {INDEX}{reading}"] for reading in ("", WITHOUT_2020))
    assert inside.sum() == 26 and whole.n == len(WEEKS) - 14 and without.n == whole.n - 26
    known, usual = past(net)[13:-1], ~inside[14:]
    assert without.estimate == pytest.approx(
        np.polyfit(known[usual], index[14:][usual], 1)[0] * known[usual].std() * YEAR
    )
    assert whole.side == without.side == "above" and without.verdict == "inconclusive"


def test_liquidity_without_an_effect_is_inconclusive() -> None:
    """All parts at once by statsmodels' own test of three slopes, with 5 = 4 (508 / 100)^(2 / 9)
    lags.
    """
    bitcoin = noise(132)
    found = claims_by_key(history(bitcoin, macro=FED), gate_periods())
    rows = [one for key, one in found.items() if key[0] == "B4"]
    assert len(rows) == 7 and {one.verdict for one in rows} == {"inconclusive"}
    parts = [
        past(np.diff(published.to_numpy(), prepend=np.nan))[13:-1] for published in FED.values()
    ]
    columns = np.column_stack((np.ones(len(WEEKS) - 14), *(part / part.std() for part in parts)))
    fit = OLS(bitcoin[14:], columns).fit(
        cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": True}, use_t=True
    )
    joint = float(fit.f_test(np.eye(4)[1:]).pvalue)
    assert joint > 0.05 and found["B4", f"together, {BITCOIN}"].why.partition(" Smallest")[
        0
    ].endswith(f" Joint test of the three parts: p {joint:.2f}.")


def test_two_parts_are_not_all_three_together() -> None:
    found = claims_by_key(
        history(noise(130), macro={name: FED[name] for name in ("assets", "treasury")}),
        gate_periods(),
    )
    assert [found["B4", PARTS[name]].n for name in PARTS] == [len(WEEKS) - 14, len(WEEKS) - 14, 0]
    assert {found["B4", f"together, {asset}"].n for asset in (BITCOIN, INDEX)} == {0}


def test_without_the_feds_balance_sheet_its_claims_are_inconclusive() -> None:
    found = claims_by_key(history(noise(129), bonds=BONDS), gate_periods())
    rows = [one for key, one in found.items() if key[0] == "B4"]
    assert [one.reading for one in rows] == [
        *PARTS.values(),
        *TOGETHER,
    ]
    whose = [BITCOIN] * 5 + [INDEX] * 2
    assert [one.why for one in rows] == [
        f"There are no prices of {one} with the Federal Reserve's balance sheet for two years."
        for one in whose
    ]
