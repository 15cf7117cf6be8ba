"""What a parameter search found, in sentences, for readers who tune for the first time."""

from backtests.report.cells import NONE, number
from backtests.tuning.document import TuneDocument
from backtests.tuning.document_parts import Point
from brokers.plurals import count

HEADLINES = {
    "recommended": "Recommended.",
    "not recommended": "Not recommended.",
    "inconclusive": "Inconclusive.",
}
FIGURES = {
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "cagr": "CAGR",
}
METHODS = {
    "grid": "all combinations of their values",
    "random": "combinations of their values, drawn at random",
    "tpe": "combinations of their values, chosen by Optuna's TPE sampler",
}
MODES = {
    "rolling": "Trained on the last years before each step",
    "anchored": "Trained on all days before each step",
}


def python_value(value: object) -> object:
    """A value of a table as one of Python's own types."""
    return value.tolist() if hasattr(value, "tolist") else value


def value_text(value: object) -> str:
    """The value of a setting as in a settings file, without quotes."""
    plain = python_value(value)
    if plain is None or plain != plain:
        return NONE
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, list | tuple):
        return f"[{', '.join(value_text(part) for part in plain)}]"
    return f"{plain:.6g}" if isinstance(plain, int | float) else str(plain)


def short_key(key: str, result: TuneDocument) -> str:
    """A searched key without its section, where no other is called so."""
    names = [axis.key.partition(".")[2] for axis in result.search.space]
    name = key.partition(".")[2]
    return name if names.count(name) == 1 else key


def number_text(value: float | None, form: str = "{:.2f}") -> str:
    """A number in a sentence."""
    return number(value, form).text


def question(result: TuneDocument) -> str:
    """What was asked."""
    tried = count(result.trials.n, "parameter set")
    return f"Is the best of {tried} better than the current settings, or is it luck?"


def action(result: TuneDocument) -> str:
    """What to do, in one sentence; empty without a verdict."""
    return result.verdict.action if result.verdict else ""


def headline(result: TuneDocument) -> str:
    """The verdict as a heading."""
    return HEADLINES[result.verdict.word] if result.verdict else "No verdict."


def why(result: TuneDocument) -> str:
    """What the verdict rests on, or why there is none."""
    if result.verdict:
        tested = {test.text for test in result.verdict.tests}
        sentences = result.verdict.why
        decided = [text for text in sentences if text in tested]  # the table of tests has all
        return " ".join([*(text for text in sentences if text not in tested), *decided[:1]])
    if not result.sample and result.warnings:
        return result.warnings[0]
    return (
        "Sample prices are a simulation fixed to a few dozen published closes. The search shows how"
        " tuning works and what this page looks like; it cannot show which settings are good. Run"
        " it on real prices for a verdict."
    )


def nothing_chosen(result: TuneDocument) -> bool:
    """Whether no parameter set meets the constraints."""
    return not result.best.keeps_the_rule


def constraints(result: TuneDocument) -> str:
    """What a parameter set must meet to be chosen."""
    least, most = result.search.min_orders, result.search.max_drawdown
    drawdown = f" and a drawdown of at most {most:.0%}" if most < 1 else ""
    return f"at least {count(least, 'order')}{drawdown}"


def objective(result: TuneDocument) -> str:
    """What was maximised: the name of one figure, or the weighted sum."""
    weights = result.search.objective
    if list(weights.values()) == [1.0]:
        name = next(iter(weights))
        return FIGURES.get(name, str(name))
    return " + ".join(f"{weight:g} x {FIGURES.get(name, name)}" for name, weight in weights.items())


def measure(result: TuneDocument) -> str:
    """The name of a column with the objective."""
    name = objective(result)
    return name if "x" not in name.split() else "objective"


def current_point(result: TuneDocument) -> Point:
    """The current value of every searched setting."""
    return dict(result.best.point) | {key: old for key, (old, _) in result.best.changed.items()}


def engine_agreement(result: TuneDocument) -> str:
    """Whether backtrader had the same result for the best parameter set."""
    best = result.best
    account = (
        "the account is the same at every bar"
        if best.equity_difference == 0
        else "the account differs by at most"
        f" {number_text(best.equity_difference, '{:.2g}')} of its value"
    )
    orders = (
        "no order differs"
        if best.orders_differ == 0
        else f"the numbers of orders differ by {best.orders_differ:,}"
    )
    if best.agrees:
        return f"A run in backtrader has the same result: {account}, {orders}."
    return (
        f"A run in backtrader has another result: {account}, {orders}."
        " Do not use any figure here before the cause is known."
    )


def neighbours(result: TuneDocument) -> str:
    """How the parameter sets one step away do."""
    near = result.robustness.neighbours
    if not near.n:
        return ""
    verb = "differs" if near.n == 1 else "differ"
    text = f"{count(near.n, 'parameter set')} {verb} from the best by one step of one setting."
    if result.is_short:  # their objectives would be yearly figures
        return text
    if near.share_of_best is not None:
        text += f" Their median is {near.share_of_best:.0%} of the best."
    if near.median is None:
        text += " Half of them or more break the constraints."
    return f"{text} A plateau is more reliable than a peak."


def left_out(result: TuneDocument) -> str:
    """How often the set chosen without a breakout did well on it."""
    folds = result.leave_one_breakout_out
    if not folds.of or folds.won is None or folds.ahead is None:
        return ""
    rank = (
        ""
        if folds.median_rank is None
        else f" Its median rank among all sets there is {folds.median_rank:.0%} (0% is the worst,"
        " 100% the best)."
    )
    compared = any(fold.holding is not None for fold in folds.folds)
    better = "did better than holding the same exposure all the time" if compared else "made money"
    return (
        f"On {folds.won} of {count(folds.of, 'breakout')} the set chosen without it {better}; on"
        f" {folds.ahead} it did at least as well as the current settings.{rank}"
    )


def method(result: TuneDocument) -> str:
    """How the parameter sets were found."""
    search, kernel = result.search, result.kernel
    some = search.method != "grid"
    possible = f" of {search.possible:,} possible" if some else ""
    paths = result.trials.paths
    text = (
        f"{count(search.sets, 'parameter set')}{possible} of {count(len(search.space), 'setting')}"
        f" were run: {METHODS.get(search.method, search.method)}."
        + (f" They are {count(paths, 'different path')}." if paths else "")
        + f" {search.feasible:,} of them meet the constraints: {constraints(result)}."
        f" Objective: {objective(result)}."
    )
    if kernel.seconds:
        each = number_text(kernel.microseconds_a_set, "{:,.0f}")
        text += (
            f" {count(kernel.sets, 'backtest')} took {kernel.seconds:.2g} s on"
            f" {count(kernel.threads, 'thread')}, {each} microseconds each."
        )
    return text
