"""Intervals for every figure of a path of returns, by the stationary bootstrap."""

import numpy as np

from backtests.performance.metrics import DAYS, FLAT, drawdowns, longest_drawdown, sharpe, sortino
from backtests.statistics.bootstrap import DRAWS, Interval, interval, resample
from backtests.statistics.stationary_bootstrap import draw_days
from strategies.indicators import Floats

DRAWS_AT_ONCE = 100


def headline_intervals(daily_returns: Floats, seed: int) -> dict[str, Interval]:
    """Each figure of `metrics.Metrics` that depends on returns alone, with its 95 % interval.

    Ratios are 0 where there is no risk, in the history and in a draw: a Sharpe or Sortino ratio
    without variation or losses, a Calmar ratio without a drawdown.

    Parameters
    ----------
    daily_returns : simple returns of one curve, by day.
    seed : of the bootstrap; the days drawn are those of `bootstrap.resample`.

    """
    draws = {
        name: figures[:, 0]
        for name, figures in resample(daily_returns[:, None], seed)._asdict().items()
    }
    draws |= _other_figures(daily_returns, seed)
    draws["total_return"] = (1.0 + draws["cagr"]) ** (len(daily_returns) / DAYS) - 1.0
    draws["calmar"] = _divide(draws["cagr"], draws["max_drawdown"])
    return {
        name: Interval(estimate, *interval(draws[name]))
        for name, estimate in _estimates(daily_returns).items()
    }


def _estimates(daily_returns: Floats) -> dict[str, float]:
    values = np.concatenate(([1.0], np.cumprod(1.0 + daily_returns)))
    cagr, worst = values[-1] ** (DAYS / len(daily_returns)) - 1.0, -drawdowns(values).min()
    return {
        "total_return": float(values[-1] - 1.0),
        "cagr": float(cagr),
        "volatility": float(daily_returns.std(ddof=1) * np.sqrt(DAYS)),
        "sharpe": sharpe(daily_returns) or 0.0,
        "sortino": sortino(daily_returns) or 0.0,
        "calmar": float(cagr / worst) if worst > 0 else 0.0,
        "max_drawdown": float(worst),
        "max_drawdown_days": float(longest_drawdown(values)),
    }


def _other_figures(daily_returns: Floats, seed: int) -> dict[str, Floats]:
    """Volatility, Sortino ratio and longest drawdown of the draws, which `Draws` lacks."""
    rows = draw_days(len(daily_returns), DRAWS, seed)
    volatility, sortino_ratio, longest = np.empty((3, DRAWS))
    for first in range(0, DRAWS, DRAWS_AT_ONCE):
        part = slice(first, first + DRAWS_AT_ONCE)
        drawn = daily_returns[rows[part]]
        downside = np.sqrt(np.mean(np.minimum(drawn, 0.0) ** 2, axis=1))
        values = np.cumprod(np.column_stack((np.ones(len(drawn)), 1.0 + drawn)), axis=1)
        volatility[part] = drawn.std(axis=1, ddof=1) * np.sqrt(DAYS)
        sortino_ratio[part] = _divide(drawn.mean(axis=1), downside) * np.sqrt(DAYS)
        longest[part] = [longest_drawdown(path) for path in values]
    return {"volatility": volatility, "sortino": sortino_ratio, "max_drawdown_days": longest}


def _divide(reward: Floats, risk: Floats) -> Floats:
    """`reward` over `risk`, 0 where there is no risk."""
    return np.divide(reward, risk, out=np.zeros_like(reward), where=risk > FLAT)
