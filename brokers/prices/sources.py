"""Which series a configuration reads, and from which source each comes."""

from brokers.prices.series import Request
from config.settings import Settings

# The user's own series and their column.
OWN_COLUMNS = {
    "flows": "flow",
    "losses": "share",
    "bitcoin_flows": "flow",
    "open_interest": "value",
}


def required_series(*settings: Settings) -> list[Request]:
    """The series these configurations read, each once."""
    requests: dict[tuple[str, str], Request] = {}
    for configuration in settings:
        for request in _required_by(configuration):
            requests.setdefault((request.symbol, request.timeframe), request)
    return list(requests.values())


def _required_by(settings: Settings) -> list[Request]:
    signal, confirmations = settings.signal, settings.confirmations
    used = {*confirmations.enabled(), *settings.risk_curve.channels}
    symbols = [signal.index, signal.broad]
    symbols += [signal.volume] if "volume" in used else []
    symbols += [signal.risky_credit, signal.safe_credit] if used & {"credit", "rates"} else []
    symbols += confirmations.breadth.symbols if "breadth" in used else ()
    requests = [Request(symbol, "session") for symbol in symbols]
    if "liquidity" in used:
        liquidity = confirmations.liquidity
        requests += [
            Request(symbol, "macro")
            for symbol in (liquidity.assets, liquidity.treasury, liquidity.reverse_repos)
        ]
    for coin in settings.coins_and_bitcoin():
        timeframes = dict.fromkeys(("1d", settings.exchange.timeframe))
        requests += [
            Request(coin.history, "coin", coin.market, timeframe) for timeframe in timeframes
        ]
    requests += [Request(name, "macro") for name, cut in settings.haircuts if cut.enabled]
    if "exhaustion" in used:
        requests.append(
            Request(confirmations.exhaustion.symbol, "coin", settings.backtest.bitcoin_market)
        )
    return requests


def own_file(name: str, settings: Settings) -> str:
    """The user's own file of one of `OWN_COLUMNS`; empty where none is named."""
    file: str = (
        getattr(settings.haircuts, name).file
        if name in type(settings.haircuts).model_fields
        else getattr(settings.evidence, name)
    )
    return file


def source_of(request: Request, settings: Settings) -> str:
    """Which source `request` comes from: of several the first."""
    return sources_of(request, settings)[0]


def sources_of(request: Request, settings: Settings) -> tuple[str, ...]:
    """Which sources `request` comes from, in the order in which they are asked.

    The user's own figures are a file. "auto" is FRED for macro, the exchange for intraday bars,
    Yahoo for the rest.
    """
    if request.symbol in OWN_COLUMNS:
        return ("file",)
    prices = settings.prices
    return tuple(
        dict.fromkeys(
            _resolve(request, source, is_named=request.symbol in prices.sources)
            for source in prices.sources_of(request.symbol)
        )
    )


def _resolve(request: Request, source: str, *, is_named: bool) -> str:
    """What `source` is for `request`: services have not everything, an address what it is for."""
    if source in ("folder", "sample") or (
        source == "url" and request.timeframe == "1d" and is_named
    ):
        return source
    if request.kind == "macro":
        return "fred"
    if request.timeframe != "1d":
        return "exchange"
    return "yahoo" if source == "auto" else source
