"""What may be ordered of what the strategy wants."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from brokers.journal.incident import Problem
from brokers.journal.journal import RESUMED, Journal
from brokers.journal.records import Intent
from brokers.live.broker import Wanted
from config.settings import Settings

DAY = 86_400
SKIPPED = "skipped_spell"  # journal key: confirmation of the spell that was open at the first start


class Situation(NamedTuple):
    """What the guards look at: the bar decided on (epoch seconds), the time now, equity in quote units, closes by coin, the gate."""

    due: int
    now: float
    equity: float
    drawdown: float
    closes: Mapping[str, float]
    confirmed_at: float | None


class Guards:
    """The rules that stop an order, each with what it says."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self._journal = journal
        self._settings = settings

    def first_start(self, confirmed_at: float | None) -> None:
        """`join = "next"`: the spell that is open at the very first decision is not entered, ever."""
        if self._settings.paper.join == "next" and self._journal.last_decision() is None:
            self._journal.put(SKIPPED, json.dumps(confirmed_at))

    def peak_since(self) -> float:
        """From when on the account's peak counts: its first bar, or the last `resume`."""
        return float(self._journal.get(RESUMED) or 0.0)

    def allowed(
        self, wanted: Sequence[Wanted], now: Situation
    ) -> tuple[list[Intent], list[Problem]]:
        """The intents, sells first as they came, and what was stopped."""
        problems: list[Problem] = []
        if wanted and (why := self._journal.halted()):
            return [], [
                Problem("halted", "warning", f"halted ({why}): {_listed(wanted)} not ordered")
            ]
        kept = list(wanted)
        for reason in self._no_buys(now):
            if stopped := [one for one in kept if one.size > 0]:
                problems.append(
                    reason._replace(text=f"{reason.text}: {_listed(stopped)} not ordered")
                )
                kept = [one for one in kept if one.size < 0]
        kept = self._within_size(kept, now, problems)
        return [
            Intent(0, now.due, one.coin, leg, one.size, now.closes[one.coin], "planned", "")
            for leg, one in enumerate(kept)
        ], problems

    def _no_buys(self, now: Situation) -> list[Problem]:
        """Why nothing may be bought."""
        found: list[Problem] = []
        age, oldest = (now.now - now.due) / 60.0, self._settings.paper.max_decision_age
        if age > oldest:
            found.append(
                Problem(
                    "late",
                    "warning",
                    f"the decision came {age:.0f} minutes after its bar, paper.max_decision_age is {oldest:g}",
                )
            )
        if now.confirmed_at is not None and self._journal.get(SKIPPED) == json.dumps(
            now.confirmed_at
        ):
            found.append(
                Problem(
                    "join", "info", 'paper.join = "next": this spell was open at the first start'
                )
            )
        stop = self._settings.guards.drawdown_stop
        if 0.0 < stop <= now.drawdown:
            why = f"the account is {now.drawdown:.1%} below its peak, guards.drawdown_stop is {stop:.0%}; `resume` starts anew"
            found.append(Problem("drawdown", "critical", why))
        return found

    def _within_size(
        self, wanted: Sequence[Wanted], now: Situation, problems: list[Problem]
    ) -> list[Wanted]:
        guards = self._settings.guards
        midnight = now.now - now.now % DAY
        traded = (
            sum(abs(row.size * row.price) for row in self._journal.fills(since=midnight))
            if wanted
            else 0.0
        )
        kept = []
        for one in wanted:
            value = abs(one.size) * now.closes[one.coin]
            if one.size < 0:  # a way out is never shut
                traded += value
                kept.append(one)
            elif value > guards.largest_order * now.equity * (1.0 + 1e-9):
                limit = f"{value:,.2f} is more than guards.largest_order allows ({guards.largest_order:g} of {now.equity:,.2f})"
                problems.append(
                    Problem("largest order", "critical", f"{_listed([one])} not ordered: {limit}")
                )
            elif traded + value > guards.largest_turnover * now.equity:
                limit = f"with {traded:,.2f} traded today it would pass guards.largest_turnover ({guards.largest_turnover:g} of {now.equity:,.2f})"
                problems.append(
                    Problem("turnover", "critical", f"{_listed([one])} not ordered: {limit}")
                )
            else:
                traded += value
                kept.append(one)
        return kept


def _listed(wanted: Sequence[Wanted]) -> str:
    return ", ".join(
        f"{'buy' if one.size > 0 else 'sell'} {abs(one.size):g} {one.coin}" for one in wanted
    )
