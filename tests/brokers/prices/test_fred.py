"""FRED's CSV, good and bad, through the real requests and a local server.

Values are made up; the calendars are facts.
"""

from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest
from servers import GONE_WRONG, Answer, FredSite, closed_port, lead_requests_to, served
from tenacity import wait_none

from brokers.prices import fred, web
from brokers.prices.series import DataError, Request, UnreachableError

ASSETS = Request("WALCL", "macro")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FredSite]:
    values = {
        "2024-01-03": "7681024.0",
        "2024-01-10": ".",
        "2024-01-17": "",
        "2024-01-24": "7677196.0",
    }
    monkeypatch.setattr(web, "WAIT", wait_none())
    with served(FredSite({"WALCL": values})) as running:
        lead_requests_to(running, monkeypatch)
        yield running


def new_york(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="America/New_York").tz_convert("UTC")


def test_gives_the_values_under_their_publication_without_the_missing_ones(site: FredSite) -> None:
    frame = fred.fetch(ASSETS, None)
    assert list(frame.columns) == ["value"]
    assert frame["value"].tolist() == [7681024.0, 7677196.0]
    assert frame.index.tolist() == [
        pd.Timestamp("2024-01-04 21:30", tz="UTC"),
        pd.Timestamp("2024-01-25 21:30", tz="UTC"),
    ]
    assert site.asked == [{"id": "WALCL"}]


def test_asks_for_observations_from_the_start_on(site: FredSite) -> None:
    assert len(fred.fetch(ASSETS, date(2024, 1, 20))) == 1
    assert site.asked[0]["cosd"] == "2024-01-20"


def test_of_days_published_together_the_last_counts(site: FredSite) -> None:
    site.series["BAMLH0A0HYM2"] = {
        "2020-05-29": "6.50",
        "2020-05-30": "6.51",
        "2020-05-31": "6.52",
        "2020-06-01": "6.49",
    }
    frame = fred.fetch(Request("BAMLH0A0HYM2", "macro"), None)
    assert frame["value"].tolist() == [6.50, 6.49]
    assert frame.index.is_monotonic_increasing


@pytest.mark.parametrize(
    ("name", "observed", "known"),
    [
        ("WALCL", "2024-01-03", "2024-01-04 16:30"),  # Wednesday, Thursday
        ("WALCL", "2024-07-03", "2024-07-05 16:30"),  # Thursday was the Fourth of July
        ("WTREGEN", "2024-11-27", "2024-11-29 16:30"),  # Thanksgiving
        ("RRPONTSYD", "2024-01-03", "2024-01-03 16:30"),
        ("BAMLH0A0HYM2", "2024-01-05", "2024-01-08 18:00"),  # Friday, Monday
        ("BAMLH0A0HYM2", "2024-01-12", "2024-01-16 18:00"),  # Monday was Martin Luther King's day
        ("OFR_FSI", "2024-01-03", "2024-01-04 18:00"),
        ("NFCI", "2024-01-05", "2024-01-10 08:30"),  # Friday, Wednesday
        ("ANFCI", "2024-01-12", "2024-01-18 08:30"),  # a holiday on the Monday: Thursday
        ("SOMETHING", "2024-01-03", "2024-01-10 18:00"),
    ],
)
def test_a_value_is_known_when_it_was_published(name: str, observed: str, known: str) -> None:
    assert fred.publication_times(name, pd.DatetimeIndex([observed])).tolist() == [new_york(known)]


def test_publication_keeps_new_york_time_through_the_year() -> None:
    winter, summer = fred.publication_times("WALCL", pd.DatetimeIndex(["2024-03-06", "2024-03-13"]))
    assert (winter.hour, summer.hour) == (21, 20)


def test_no_value_is_known_before_its_day_or_out_of_order() -> None:
    days = pd.date_range("1990-01-01", "2030-12-31")
    for name in (*fred.RELEASES, "SOMETHING"):
        known = fred.publication_times(name, days)
        assert (known.tz_convert("America/New_York").tz_localize(None) > days).all()
        assert known.is_monotonic_increasing


@pytest.mark.parametrize("fault", GONE_WRONG.values(), ids=GONE_WRONG)
def test_asks_again_after_a_bad_answer(site: FredSite, fault: Answer) -> None:
    site.faults = [fault, fault]
    assert len(fred.fetch(ASSETS, None)) == 2
    assert len(site.asked) == 3


@pytest.mark.parametrize("fault", GONE_WRONG.values(), ids=GONE_WRONG)
def test_gives_up_after_four_attempts_and_says_what_to_do(site: FredSite, fault: Answer) -> None:
    site.always = fault
    with pytest.raises(
        UnreachableError,
        match=r'FRED: no usable response for WALCL: .* set prices.sources.WALCL to "folder"',
    ):
        fred.fetch(ASSETS, None)
    assert len(site.asked) == 4


@pytest.mark.parametrize("missing", [0, 30])
def test_a_file_that_breaks_off_is_no_answer(site: FredSite, missing: int) -> None:
    site.faults = [
        Answer(200, b"observation_date,WALCL\n2024-01-03,7681024.0\n2024-0", missing=missing)
    ]
    assert len(fred.fetch(ASSETS, None)) == 2
    assert len(site.asked) == 2


def test_a_download_that_drips_is_ended(site: FredSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "TIMEOUT", 1e-9)
    with pytest.raises(UnreachableError, match="no complete response within"):
        fred.fetch(ASSETS, None)


def test_waits_as_long_as_the_server_asks(site: FredSite, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    site.faults = [Answer(429, b"", (("Retry-After", "11"),))]
    assert len(fred.fetch(ASSETS, None)) == 2
    assert 11.0 in waited


def test_leaves_a_server_alone_that_asks_for_a_long_pause(
    site: FredSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    site.always = Answer(429, b"", (("Retry-After", "3600"),))
    with pytest.raises(UnreachableError, match="HTTP 429"):
        fred.fetch(ASSETS, None)
    assert len(site.asked) == 1


def test_an_unknown_series_is_named_and_not_asked_for_again(site: FredSite) -> None:
    with pytest.raises(
        DataError, match=r"FRED: has no series 'WALLC' \(HTTP 404\); look up its id"
    ) as raised:
        fred.fetch(Request("WALLC", "macro"), None)
    assert not isinstance(raised.value, UnreachableError)
    assert len(site.asked) == 1


def test_connection_refused_is_unreachable(site: FredSite) -> None:
    site.port = closed_port()
    with pytest.raises(UnreachableError, match="ConnectionError"):
        fred.fetch(ASSETS, None)
