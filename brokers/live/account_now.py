"""The account as it is now: after the newest fill, at the closes of its newest decided bar."""

import math
from collections.abc import Sequence

from brokers.journal.reader import JournalReader
from brokers.journal.records import DecisionRow
from brokers.live.session_setup import setup_of
from brokers.live.status_document import AccountNow, HoldingNow
from brokers.orders.holdings import current_holdings


def number(value: float | None) -> float | None:
    """None for what is not known."""
    return None if value is None or math.isnan(value) else value


def account_now(journal: JournalReader, rows: Sequence[DecisionRow]) -> AccountNow | None:
    """The account after the newest fill, at the closes of the newest bar among `rows`.

    `rows` are the newest decisions, oldest first; a flatten has no closes of its own.
    """
    base = next((row for row in reversed(rows) if row.kind == "bar"), rows[-1])
    session = journal.session(base.session)
    setup = setup_of(session.settings if session else "{}")
    if len(setup.coins) != len(base.current):
        return None  # its settings cannot be read
    bases = dict(zip(setup.coins, setup.bases, strict=True))
    held = current_holdings(journal, bases, setup.quote)
    if held is None:
        return None
    closes = {bar.symbol: bar.close for bar in journal.bars(base.time, base.time)}
    prices = {coin: closes.get(coin, held.prices.get(coin, math.nan)) for coin in setup.coins}
    values = {
        coin: _worth(held.units[coin], prices[coin], share * base.equity)
        for coin, share in zip(setup.coins, base.current, strict=True)
    }
    equity = held.cash + sum(values.values())
    targets = dict(zip(setup.coins, rows[-1].targets, strict=False))
    return AccountNow(
        quote=setup.quote,
        priced_at=base.time,
        changed_at=max(held.filled_at, base.time),
        equity=number(equity),
        cash=number(held.cash),
        drawdown=number(base.drawdown),
        holdings=tuple(
            HoldingNow(
                coin=coin,
                units=number(held.units[coin]),
                price=number(prices[coin]),
                value=number(value),
                share=number(value / equity) if equity > 0.0 else None,
                target_share=number(targets.get(coin)),
                target=number(targets.get(coin, math.nan) * equity),
            )
            for coin, value in values.items()
        ),
    )


def _worth(units: float, price: float, at_bar: float) -> float:
    """Units at their price; without one what the coin was worth at the bar."""
    if not units:
        return 0.0
    return at_bar if math.isnan(price) else units * price
