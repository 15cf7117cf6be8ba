"""A status report; all figures are made up."""

from typing import Any

from brokers.live.status_document import (
    AccountNow,
    DecisionNow,
    GateNow,
    HoldingNow,
    IncidentNow,
    NextDecision,
    SessionNow,
    StatusReport,
    TradingNow,
)

DAY = 86_400
NEXT = 1_893_456_000  # 2030-01-01 00:00 UTC
SENTENCE = "The gate is confirmed: 2 of 3 channels hold."


def holding(coin: str, value: float, target: float, equity: float = 10_250.5) -> HoldingNow:
    return HoldingNow(
        coin=coin,
        units=value / 100.0,
        price=100.0,
        value=value,
        share=value / equity,
        target_share=target / equity,
        target=target,
    )


def incident(text: str, **changes: Any) -> IncidentNow:
    values = {
        "kind": "exchange",
        "severity": "warning",
        "count": 1,
        "first": NEXT - 60.0,
        "last": NEXT - 60.0,
        "open": True,
    }
    return IncidentNow(text=text, **{**values, **changes})


def decision(sentence: str = SENTENCE, bar: int = NEXT - DAY) -> DecisionNow:
    return DecisionNow(
        bar=bar,
        decided_at=bar + 6.0,
        kind="bar",
        sentence=sentence,
        note="",
        missing={},
        rules_digest="",
        orders=(),
    )


SESSION = SessionNow(
    running=True,
    process="process 4711",
    pid=4711,
    mode="testnet",
    exchange="binance",
    timeframe=DAY,
    started=NEXT - 10.0 * DAY,
    ended=None,
    outcome=None,
    last_seen=NEXT - 3600.0,
    versions="python 3",
)
REPORT = StatusReport(
    at=NEXT - 3600.0,
    journal="state/testnet-binance.sqlite",
    journal_version=2,
    health="well",
    reasons=(),
    session=SESSION,
    trading=TradingNow(state="on", reason="", since=None),
    gate=GateNow(
        state="confirmed",
        ceiling=0.75,
        row_ceiling=0.75,
        since=NEXT - 100.0 * DAY,
        stale=0,
        filled=2,
        channels=("credit", "broad", "leadership"),
        known_at=NEXT - 10_800.0,
        reason="confirmed",
        close=2345.6,
        record=2300.0,
        held=(),
        sources={},
        rules_digest="",
    ),
    account=AccountNow(
        quote="USDT",
        priced_at=NEXT - DAY,
        changed_at=NEXT - DAY,
        equity=10_250.5,
        cash=5_250.5,
        drawdown=0.012,
        holdings=(holding("BTC", 5000.0, 5125.25), holding("ETH", 0.0, 1025.0)),
    ),
    decision=decision(),
    next=NextDecision(
        bar=NEXT,
        at=float(NEXT),
        buys_from=float(NEXT),
        buys_until=NEXT + 10_800.0,
        buys_now=False,
        hours="from 00:00 to 03:00 UTC",
    ),
    open_orders=(),
    incidents=(),
    known=(),
    clock_offset=None,
)
HALTED = TradingNow(state="off", reason="by hand", since=NEXT - 7200.0)


def changed(**changes: Any) -> StatusReport:
    return REPORT.model_copy(update=changes)
