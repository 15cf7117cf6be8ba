"""Several sources of one series: which is asked when, whose each row is, what is refused.

Closes are powers of whole numbers and their ratios, so that every expected number is arithmetic.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from brokers.prices.clean import clean_series, vintage
from brokers.prices.combine import (
    DISAGREEMENT,
    LONGEST_PROXY,
    PROXY_DEVIATION,
    PROXY_SESSIONS,
    UNUSABLE,
    Needed,
    combine,
    splice,
    splice_proxy,
    with_substitutes,
)
from brokers.prices.series import DataError, DataIssue, Kind, Request, Series, UnreachableError
from brokers.prices.stored_series import stored_rows

RUSSELL = Request("^RUT", "session")
DELAY = pd.Timedelta(minutes=30)
DAYS = pd.bdate_range("2024-01-02", periods=400)
CLOSES = pd.Series((DAYS + pd.Timedelta(hours=21)).tz_localize("UTC"), DAYS)
KNOWN_AT = (pd.DatetimeIndex(CLOSES) + DELAY).as_unit("ns")
NOW = KNOWN_AT[-1]
NEEDED = Needed(RUSSELL, NOW)


def bars(closes: np.ndarray, *, adjusted: float = 1.0) -> pd.DataFrame:
    """One bar a session, known when it was; `adjusted` times the closes are total-return ones."""
    columns = dict.fromkeys(("open", "high", "low", "close"), closes)
    frame = pd.DataFrame(columns, KNOWN_AT[: len(closes)])
    return frame.assign(adj_close=adjusted * closes, volume=1000.0)


def closes_of(sessions: int) -> np.ndarray:
    walk = np.random.default_rng(1).normal(0.0, 0.01, len(DAYS))
    return (2000.0 * np.exp(np.cumsum(walk)))[:sessions]


def series(source: str, frame: pd.DataFrame, request: Request = RUSSELL) -> Series:
    return Series(request, source, f"{source} {request.name}", frame, vintage(frame), ())


def loader(**found: Series | DataError) -> tuple[Callable[[str], Series], list[str]]:
    """What answers for each source by its name, and who was asked, in order."""
    asked: list[str] = []

    def load(source: str) -> Series:
        asked.append(source)
        answer = found[source.replace(":", "_")]
        if isinstance(answer, DataError):
            raise answer
        return answer

    return load, asked


def refused_for(kind: Literal["jump", "spacing", "level"]) -> Callable[[Series], DataIssue | None]:
    """What refuses a series with a close above a million, for an issue of this kind."""

    def why_not(series: Series) -> DataIssue | None:
        if not (series.frame["close"] > 1e6).any():
            return None
        first, last = series.frame.index[[0, -1]]
        return DataIssue(series.request.name, kind, "refused", "bent", first, last)

    return why_not


plausible = refused_for("jump")


def test_the_second_source_is_not_asked_while_the_first_has_the_row_that_is_due() -> None:
    first = series("yahoo", bars(closes_of(400)))
    load, asked = loader(yahoo=first)
    assert combine(NEEDED, ("yahoo", "url"), load, plausible) is first
    assert asked == ["yahoo"]


def test_one_that_is_behind_is_topped_up_with_the_rows_it_lacks_and_no_others() -> None:
    closes = closes_of(400)
    other = bars(closes * 1.0002)  # rounding: the rows are taken as they are
    load, asked = loader(yahoo=series("yahoo", bars(closes[:398])), url=series("url", other))
    result = combine(NEEDED, ("yahoo", "url", "alpaca"), load, plausible)
    assert asked == ["yahoo", "url"]
    pd.testing.assert_frame_equal(result.frame.iloc[:398], bars(closes[:398]))
    assert result.frame["close"].tolist()[398:] == (closes[398:] * 1.0002).tolist()
    assert result.substitutes is not None
    assert result.substitutes.to_dict() == dict.fromkeys(KNOWN_AT[398:], "url")
    assert (result.source, result.origin) == ("yahoo", "yahoo ^RUT")
    assert [issue.severity for issue in result.issues] == ["note"]
    assert "2 newest rows" in result.issues[0].text and "url" in result.issues[0].text
    assert result.notes == ()  # what is an issue is said once


def test_each_later_source_fills_what_is_still_missing() -> None:
    closes = closes_of(400)
    load, asked = loader(
        yahoo=series("yahoo", bars(closes[:396])),
        url=series("url", bars(closes[:399])),
        alpaca=series("alpaca", bars(closes)),
    )
    result = combine(NEEDED, ("yahoo", "url", "alpaca"), load, plausible)
    assert result.substitutes is not None
    assert result.substitutes.tolist() == ["url", "url", "url", "alpaca"]
    assert asked == ["yahoo", "url", "alpaca"]


def test_when_the_first_source_comes_back_its_rows_replace_the_substitutes() -> None:
    closes = closes_of(400)
    behind, back = series("yahoo", bars(closes[:398])), series("yahoo", bars(closes))
    other = series("url", bars(closes * 1.002))
    before = combine(NEEDED, ("yahoo", "url"), loader(yahoo=behind, url=other)[0], plausible)
    after = combine(NEEDED, ("yahoo", "url"), loader(yahoo=back, url=other)[0], plausible)
    assert before.substitutes is not None and after.substitutes is None
    pd.testing.assert_frame_equal(after.frame, back.frame)
    assert after.vintage == back.vintage != before.vintage


def test_an_unusable_first_source_is_replaced_and_only_the_newest_row_is_named() -> None:
    closes = closes_of(400)
    other = series("url", bars(closes))
    bent = closes.copy()
    bent[200] *= 1e6
    for first in (DataError("empty"), series("yahoo", bars(bent))):
        load, _ = loader(yahoo=first, url=other)
        result = combine(NEEDED, ("yahoo", "url"), load, plausible)
        assert result.source == "url"
        assert result.substitutes is not None
        assert result.substitutes.to_dict() == {NOW: "url"}
        assert result.issues[0].kind == "sources"
        pd.testing.assert_frame_equal(result.frame, other.frame)


@pytest.mark.parametrize("kind", ["spacing", "level"])
def test_a_first_source_that_is_wrong_as_a_whole_does_not_stand_in_the_way_of_a_good_one(
    kind: Literal["spacing", "level"],
) -> None:
    """Its returns are not those of the series, so that nothing can be compared: a high caveat."""
    closes = closes_of(400)
    volumes = np.random.default_rng(5).uniform(2e6, 9e6, 400)
    other = series("url", bars(closes))
    load, _ = loader(yahoo=series("yahoo", bars(volumes)), url=other)
    result = combine(NEEDED, ("yahoo", "url"), load, refused_for(kind))
    assert (result.source, result.frame is other.frame) == ("url", True)
    (issue,) = result.issues
    assert (issue.kind, issue.severity) == ("sources", "high")
    assert "all rows are from url, and compared with none of another source" in issue.text
    assert issue.text.endswith("(yahoo: bent)")


@pytest.mark.parametrize("kind", ["session", "macro"])
def test_what_stands_in_for_nothing_that_it_could_be_compared_with_is_a_high_caveat(
    kind: Kind,
) -> None:
    closes, request = closes_of(400), Request("S", kind)
    bent = closes.copy()
    bent[200] *= 1e6
    other = series("url", bars(closes), request)
    severities = []
    for first in (DataError("empty"), series("yahoo", bars(bent), request)):
        load, _ = loader(yahoo=first, url=other)
        result = combine(Needed(request, NOW), ("yahoo", "url"), load, plausible)
        assert result.source == "url"
        severities += [issue.severity for issue in result.issues]
    assert severities == ["high", "note" if kind == "session" else "high"]


def test_a_coin_that_stands_in_is_named_from_the_row_on_that_the_newest_gate_row_reads() -> None:
    """On a Sunday night the gate's newest row is Friday's, which reads the day before it."""
    request = Request("BTC-USD", "coin")
    midnights = pd.date_range("2024-01-01", periods=100, tz="UTC").as_unit("ns")
    frame = bars(closes_of(100)).set_axis(midnights)
    for hours, named in ((30.5, 1), (-3.5, 2), (-51.5, 4), (-75.5, 5)):
        session = midnights[-1] + pd.Timedelta(hours=hours)
        load, _ = loader(yahoo=DataError("away"), exchange=series("exchange", frame, request))
        needed = Needed(request, midnights[-1], session)
        result = combine(needed, ("yahoo", "exchange"), load, plausible)
        assert result.substitutes is not None
        assert result.substitutes.to_dict() == dict.fromkeys(midnights[-named:], "exchange")


def test_the_words_of_an_error_are_no_part_of_the_vintage_and_what_it_means_is() -> None:
    other = series("url", bars(closes_of(400)))
    vintages = [
        combine(
            NEEDED, ("yahoo", "url"), loader(yahoo=DataError(text), url=other)[0], plausible
        ).vintage
        for text in ("HTTP 503", "HTTP 502")
    ]
    assert vintages[0] == vintages[1] != other.vintage
    (issue,) = combine(
        NEEDED, ("yahoo", "url"), loader(yahoo=DataError("x"), url=other)[0], plausible
    ).issues
    changed = (
        issue._replace(severity="note"),
        issue._replace(kind="jump"),
        issue._replace(first=issue.last),
        issue._replace(last=issue.first),
    )
    of_changed = {with_substitutes(other, None, [one]).vintage for one in (issue, *changed)}
    assert len(of_changed) == 5


def test_a_shorter_history_does_not_replace_an_implausible_one() -> None:
    closes = closes_of(400)
    bent = closes.copy()
    bent[200] *= 1e6
    first = series("yahoo", bars(bent))
    other = series("url", bars(closes).iloc[100:])
    load, _ = loader(yahoo=first, url=other)
    assert combine(NEEDED, ("yahoo", "url"), load, plausible) is first


def test_without_any_the_error_is_that_of_the_first_and_names_the_others() -> None:
    load, asked = loader(
        yahoo=UnreachableError("away; try again"),
        url=DataError("empty; check"),
        proxy_IWM=DataError("x"),
    )
    with pytest.raises(UnreachableError) as caught:
        combine(NEEDED, ("yahoo", "url", "proxy:IWM"), load, plausible)
    assert str(caught.value) == "away; try again (nor from url: empty)"
    assert asked == ["yahoo", "url"]  # a fund has no history of the index to go on from
    alone = DataError("gone")
    with pytest.raises(DataError) as only:
        combine(NEEDED, ("yahoo", "proxy:IWM"), loader(yahoo=alone)[0], plausible)
    assert only.value is alone


def test_a_later_source_that_cannot_be_used_leaves_the_first_as_it_is_and_says_why() -> None:
    closes = closes_of(400)
    first = series("yahoo", bars(closes[:398]))
    others: tuple[Series | DataError, ...] = (
        DataError("no key"),
        series("url", bars(closes[:398])),
        series("url", bars(closes * 1e6)),
        series("url", bars(closes).iloc[394:]),
    )
    whys = ("no key", "no row after", "bent", "has only 4 rows in common")
    for other, why in zip(others, whys, strict=True):
        result = combine(NEEDED, ("yahoo", "url"), loader(yahoo=first, url=other)[0], plausible)
        assert result.substitutes is None
        pd.testing.assert_frame_equal(result.frame, first.frame)
        assert any(why in note for note in result.notes), why
        assert result.issues == ()


def test_another_symbol_near_in_level_does_not_stand_in_and_both_sources_are_named() -> None:
    """As an index that moves with the first, and is within 5 % of it for weeks."""
    closes = closes_of(400)
    own = np.cumsum(np.random.default_rng(7).normal(0.0, 0.005, 400))
    other = closes * np.exp(0.5 * (own - own[380:].mean()))
    assert np.abs(np.log(other / closes))[380:].max() < 0.03
    first = series("yahoo", bars(closes[:398]))
    load, _ = loader(yahoo=first, url=series("url", bars(other)))
    result = combine(NEEDED, ("yahoo", "url"), load, plausible)
    assert result.substitutes is None
    pd.testing.assert_frame_equal(result.frame, first.frame)
    (issue,) = result.issues
    assert (issue.symbol, issue.kind, issue.severity) == ("^RUT", "sources", "high")
    assert "yahoo and url do not have the same series: their daily returns" in issue.text
    assert (issue.first, issue.last) == (KNOWN_AT[397], NOW)
    assert result.vintage != first.vintage, "a run that noted it is read again as it was"


def test_the_next_source_is_asked_where_one_has_another_series() -> None:
    closes = closes_of(400)
    load, asked = loader(
        yahoo=series("yahoo", bars(closes[:398])),
        url=series("url", bars(closes_of(400)[::-1].copy())),
        alpaca=series("alpaca", bars(closes)),
    )
    result = combine(NEEDED, ("yahoo", "url", "alpaca"), load, plausible)
    assert asked == ["yahoo", "url", "alpaca"]
    assert result.substitutes is not None and result.substitutes.tolist() == ["alpaca"] * 2
    assert [issue.severity for issue in result.issues] == ["high", "note"]


def test_another_symbol_does_not_replace_an_implausible_first_source() -> None:
    closes = closes_of(400)
    bent = closes.copy()
    bent[200] *= 1e6
    first = series("yahoo", bars(bent))
    load, _ = loader(yahoo=first, url=series("url", bars(closes[::-1].copy())))
    assert combine(NEEDED, ("yahoo", "url"), load, plausible) is first


@pytest.mark.parametrize("first_bent", [381, 301])
def test_a_first_source_refused_for_its_newest_rows_stands_in_the_way_of_no_good_one(
    first_bent: int,
) -> None:
    """Every second close in another unit: their returns say nothing of whose closes they are."""
    closes = closes_of(400)
    bent = closes.copy()
    bent[first_bent::2] *= 1000.0
    first = series("yahoo", bars(bent))
    good, another = series("url", bars(closes)), series("url", bars(closes[::-1].copy()))
    result = combine(NEEDED, ("yahoo", "url"), loader(yahoo=first, url=good)[0], plausible)
    assert (result.source, [issue.severity for issue in result.issues]) == ("url", ["note"])
    assert result.substitutes is not None and result.substitutes.index[-1] == NOW
    assert (
        combine(NEEDED, ("yahoo", "url"), loader(yahoo=first, url=another)[0], plausible) is first
    )


def test_prices_are_spliced_by_return_total_returns_by_their_own_and_volume_is_left_out() -> None:
    """A split of 1 to 2 and a dividend after the first source's last row."""
    closes = closes_of(400)
    before = bars(closes[:398], adjusted=0.9)
    result = splice(before, bars(closes / 2.0, adjusted=0.6), "session").rows
    np.testing.assert_allclose(result["close"], closes[398:], rtol=1e-12)
    np.testing.assert_allclose(result["low"], closes[398:], rtol=1e-12)
    # 0.9 c is to 0.6 c / 2 as 3 to 1: the newest total returns are those of the other source.
    np.testing.assert_allclose(result["adj_close"], 3.0 * 0.6 * closes[398:] / 2.0, rtol=1e-12)
    assert result["volume"].isna().all()


def test_one_bent_close_before_the_splice_does_not_bend_the_level() -> None:
    closes = closes_of(400)
    bent = closes[:398].copy()
    bent[-1] *= 1.04
    result = splice(bars(bent), bars(closes), "session")
    assert result.rows["close"].tolist() == closes[398:].tolist()
    assert "disagree" not in result.disagreement and result.disagreement


@pytest.mark.parametrize("kind", ["session", "coin"])
def test_a_disagreement_beyond_the_bound_is_an_issue_and_far_beyond_another_series(
    kind: str,
) -> None:
    closes = closes_of(400)
    bound = DISAGREEMENT["session" if kind == "session" else "coin"]
    for factor, expected in ((0.9, "used"), (1.1, "issue"), (UNUSABLE * 1.1, "refused")):
        other = closes.copy()
        other[390] *= 1.0 - factor * bound
        request = Request("S", "session" if kind == "session" else "coin")
        pair = [series("yahoo", bars(closes[:399]), request), series("url", bars(other), request)]
        load, _ = loader(yahoo=pair[0], url=pair[1])
        result = combine(Needed(request, NOW), ("yahoo", "url"), load, lambda series: None)
        high = [issue for issue in result.issues if issue.severity == "high"]
        assert (result.substitutes is None) == (expected == "refused")
        assert [issue.kind for issue in high] == ([] if expected == "used" else ["sources"])
        if high:
            assert "yahoo and url d" in high[0].text
            assert f"{DAYS[390]:%Y-%m-%d}" in high[0].text


def test_macro_values_may_be_zero_and_are_taken_as_they_are() -> None:
    values = np.array([5.0, 0.0, 0.0, 2.0, 3.0])
    ours, theirs = (pd.DataFrame({"value": values[:size]}, KNOWN_AT[:size]) for size in (3, 5))
    result = splice(ours, theirs, "macro")
    assert (result.rows["value"].tolist(), result.disagreement) == ([2.0, 3.0], "")
    theirs.iloc[1] = 0.1
    with pytest.raises(DataError, match=r"0 and 0\.1 on 2024-01-03"):
        splice(ours, theirs, "macro")


def test_a_fund_stands_in_on_the_level_of_the_index_by_its_total_returns() -> None:
    index, fund = closes_of(398), closes_of(400) / 10.0
    rows = splice_proxy(bars(index), bars(fund * 7.0, adjusted=1.0 / 7.0)).rows
    for name in ("open", "high", "low", "close", "adj_close"):
        np.testing.assert_allclose(rows[name], 10.0 * fund[398:], rtol=1e-9)
    assert rows["volume"].isna().all()


def test_a_fund_that_did_not_move_with_the_index_does_not_stand_in() -> None:
    random = np.random.default_rng(3)
    index = closes_of(398)
    for factor, accepted in ((0.8, True), (1.25, False)):
        # Differences of returns with exactly this standard deviation over the last 250 sessions.
        noise = random.normal(size=PROXY_SESSIONS)
        noise = (noise - noise.mean()) / noise.std(ddof=1) * factor * PROXY_DEVIATION
        apart = np.concatenate([np.zeros(398 - PROXY_SESSIONS), np.cumsum(noise), [0.0, 0.0]])
        fund = bars(closes_of(400) * np.exp(apart))
        if accepted:
            assert len(splice_proxy(bars(index), fund).rows) == 2
        else:
            with pytest.raises(DataError, match=r"0\.19% .* over 250 sessions"):
                splice_proxy(bars(index), fund)


def test_a_fund_needs_250_common_sessions_and_stands_in_for_a_quarter_at_most() -> None:
    closes = closes_of(400)
    with pytest.raises(DataError, match="only 250 sessions in common"):
        splice_proxy(bars(closes[:250]), bars(closes))
    rows = splice_proxy(bars(closes[:251]), bars(closes)).rows
    assert len(rows) == LONGEST_PROXY
    assert rows.index[-1] == KNOWN_AT[250 + LONGEST_PROXY]


def test_the_vintage_says_whose_each_row_is_and_the_rows_read_again_have_the_same() -> None:
    closes = closes_of(400)
    first, other = series("yahoo", bars(closes[:398])), bars(closes)
    results = [
        combine(
            NEEDED,
            ("yahoo", name),
            loader(**{"yahoo": first, name: series(name, other)})[0],
            plausible,
        )
        for name in ("url", "alpaca", "url")
    ]
    vintages = [result.vintage for result in results]
    assert vintages[0] == vintages[2] != vintages[1]
    rows = stored_rows(results[0], DELAY)
    assert rows["source"].tolist() == [""] * 398 + ["url", "url"]
    again = clean_series(
        RUSSELL,
        rows.drop(columns="source"),
        source="yahoo",
        origin="",
        closes=CLOSES,
        delay=DELAY,
        now=NOW,
    )
    pd.testing.assert_frame_equal(
        again.frame, results[0].frame, check_names=False, check_freq=False
    )


def test_an_issue_of_intraday_bars_has_their_name() -> None:
    request = Request("BTC-USD", "coin", "BTC/USDT", "1h")
    closes = closes_of(400)
    pair = [series("yahoo", bars(closes[:398]), request), series("url", bars(closes), request)]
    load, _ = loader(yahoo=pair[0], url=pair[1])
    result = combine(Needed(request, NOW), ("yahoo", "url"), load, plausible)
    assert [issue.symbol for issue in result.issues] == ["BTC-USD 1h"]
