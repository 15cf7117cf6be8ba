"""One real row of each kind from each source: only that shows that a source serves us now."""

from collections.abc import Callable, Collection, Iterator
from datetime import date
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import NamedTuple

import pandas as pd

from brokers.doctor.finding import Finding
from brokers.prices import alpaca, download, fred, url_source, yahoo
from brokers.prices.candles import Candles
from brokers.prices.live import daily
from brokers.prices.series import DataError, Request, UnreachableError, other_source
from brokers.prices.sources import required_series, sources_of
from config.settings import Settings

LIMIT = 30.0  # seconds for all rows together: four attempts at a service take up to that long
WEEKS = pd.Timedelta(weeks=8)  # back from now: every series has a value in these
# Services by source, as `check_network` names them; it does not look for the last two.
SERVICES = {name: name for name in download.SERVICES} | {"exchange": "prices"}
KINDS = {"session": "index row", "coin": "{} candle", "macro": "value"}
NEWEST = 2  # candles asked for


class Probe(NamedTuple):
    """One row to fetch: the check's name, the series it stands for, and its source."""

    name: str
    request: Request
    source: str


def check_sources(
    settings: Settings,
    now: pd.Timestamp,
    unreachable: Collection[str],
    limit: float = LIMIT,
) -> Iterator[Finding]:
    """The newest row of one series of each kind, from each service that these settings use.

    Nothing is stored. `unreachable` are services that have failed already: they are not asked. What
    has not come within `limit` seconds fails.
    """
    found: SimpleQueue[Finding] = SimpleQueue()
    asked = [probe for probe in list_probes(settings) if SERVICES[probe.source] not in unreachable]
    for source in dict.fromkeys(probe.source for probe in asked):
        ours = [probe for probe in asked if probe.source == source]
        # A daemon: what hangs must not keep the program from ending.
        Thread(target=_fetch_all, args=(ours, settings, now, found.put), daemon=True).start()
    ends, missing = monotonic() + limit, {probe.name: probe for probe in asked}
    while missing:
        try:
            finding = found.get(timeout=max(ends - monotonic(), 0.0))
        except Empty:
            break
        del missing[finding.name]
        yield finding
    for probe in missing.values():
        text = f"{probe.request.name}: no row within {limit:g} s"
        yield Finding(probe.name, "wrong", text, _remedy(probe))


def list_probes(settings: Settings) -> list[Probe]:
    """One series of each kind and bar length from each service that a session may use."""
    live = daily(settings)
    coin, exchange = settings.coins[0], settings.exchange
    bars = Request(coin.history, "coin", coin.market, exchange.timeframe)
    needed = required_series(live)
    needed += [Request(fund, "session") for fund in live.prices.proxies()]
    requests = [(request, source) for request in needed for source in sources_of(request, live)]
    probes: dict[str, Probe] = {}
    for request, source in [*requests, (bars, "exchange")]:
        service = exchange.prices_id if source == "exchange" else source
        kind = KINDS[request.kind].format(request.timeframe.replace("1d", "daily"))
        if source in SERVICES:
            name = f"{service} {kind}"
            probes.setdefault(name, Probe(name, request, source))
    return list(probes.values())


def _fetch_all(
    probes: list[Probe], settings: Settings, now: pd.Timestamp, put: Callable[[Finding], None]
) -> None:
    """One service's probes, one after the other: a service is not asked twice at once."""
    candles = Candles(settings.exchange.prices_id, NEWEST)
    start = (now - WEEKS).date()
    for probe in probes:
        fetch = {
            "yahoo": partial(yahoo.fetch, probe.request, start),
            "fred": partial(fred.fetch, probe.request, start),
            "exchange": partial(candles.newest, probe.request, now),
            "url": partial(_from_address, probe.request, start, now, settings),
            "alpaca": partial(_from_alpaca, probe.request, start),
        }[probe.source]
        put(_finding(probe, fetch))


def _from_address(
    request: Request, start: date, now: pd.Timestamp, settings: Settings
) -> pd.DataFrame:
    return url_source.fetch(request, start, now, url_source.endpoint_of(settings)).frame


def _from_alpaca(request: Request, start: date) -> pd.DataFrame:
    return alpaca.fetch(request, start, alpaca.keys())


def _finding(probe: Probe, fetch: Callable[[], pd.DataFrame]) -> Finding:
    try:
        rows = fetch()
    except UnreachableError as error:
        return Finding(probe.name, "wrong", _cause(error), _remedy(probe))
    except DataError as error:
        cause, _, remedy = str(error).partition("; ")
        return Finding(probe.name, "wrong", cause, remedy or _remedy(probe))
    except Exception as error:  # it must not end this thread without a finding
        text = f"{probe.request.name}: {type(error).__name__}: {error}"
        return Finding(probe.name, "wrong", text, _remedy(probe))
    if rows.empty:
        text = f"{probe.request.name}: no row of the last {WEEKS.days // 7} weeks"
        return Finding(probe.name, "wrong", text, _remedy(probe))
    column = "close" if "close" in rows else "value"
    text = f"{probe.request.name}: {rows[column].iloc[-1]:,.6g} of {rows.index[-1]:%Y-%m-%d %H:%M}"
    return Finding(probe.name, "ok", text.removesuffix(" 00:00"))


def _cause(error: DataError) -> str:
    """What happened, without the advice after it, which is given once."""
    return str(error).partition("; ")[0]


def _remedy(probe: Probe) -> str:
    elsewhere = other_source(probe.request, probe.source)
    return f"run doctor again in an hour; if it fails again, {elsewhere}"
