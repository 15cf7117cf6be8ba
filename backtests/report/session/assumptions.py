"""What the figures of a paper session's report rest on."""

from backtests.paper_sessions.summary import SessionReport


def assumptions(report: SessionReport) -> list[str]:
    """How the comparison was made, one sentence each."""
    journal, comparison = report.journal, report.comparison
    always = [
        (
            "Slippage is positive where the price was worse than the reference: the open of the "
            "bar after the decision, or the close decided on."
        ),
        "Executions of one order count as one fill; fees are listed separately.",
        "Returns are those of a unit of the account: deposits and withdrawals are no return.",
        (
            "A bar is late when it was decided more than paper.max_decision_age after its end, "
            "which is too late to buy, or by a session that ran at its end more than paper.grace, "
            "paper.patience and two minutes after it."
        ),
    ]
    if comparison is None:
        return always
    costs = comparison.settings.costs
    return [
        (
            "The backtest has the settings of the last session and starts with "
            f"{journal.equity[0].value:,.2f} {journal.setup.quote} at the first bar."
        ),
        (
            f"It fills at the next bar's open with a slippage of {costs.slippage:.2%} and a fee of "
            f"{costs.fee:.2%}."
        ),
        "Cash earns no interest, whatever costs.cash_yield says: a paper account gets none.",
        "Prices are those known now: a vendor's later revision shows as a difference of the gate.",
        "An order of the newest bar is compared once the bar after it has ended.",
        *always,
    ]
