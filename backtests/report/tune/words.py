"""What a parameter search found, in sentences: for a person who tunes for the first time. Any figure may be missing."""

from collections.abc import Mapping
from typing import Any

from backtests.report.cells import NONE, number
from backtests.statistics.cscv import BLOCKS

Found = Mapping[str, Any]  # the content of tune.json
HEADLINES = {
    "recommend": "Recommended.",
    "do not recommend": "Not recommended.",
    "cannot be told": "Whether it helps cannot be told.",
}
FIGURES = {
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "cagr": "return a year",
}
METHODS = {
    "grid": "every combination of their values",
    "random": "combinations of their values, drawn at random",
    "tpe": "combinations of their values, led by what was found so far",
}
MODES = {
    "rolling": "Learning from the last years only",
    "anchored": "Learning from all days before",
}


def at(found: Any, *keys: str) -> Any:
    """What stands under nested keys; None where one of them is missing or null."""
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def plain(value: Any) -> Any:
    """A value out of a table as one of Python's own kinds."""
    return value.tolist() if hasattr(value, "tolist") else value


def shown(value: Any) -> str:
    """A setting's value as a settings file has it, without quotes."""
    own = plain(value)
    if own is None or own != own:
        return NONE
    if isinstance(own, bool):
        return str(own).lower()
    if isinstance(own, list | tuple):
        return f"[{', '.join(shown(one) for one in own)}]"
    return f"{own:.6g}" if isinstance(own, int | float) else str(own)


def short(key: str, found: Found) -> str:
    """A searched key without its section, where no other is called so."""
    names = [axis["key"].partition(".")[2] for axis in found["search"]["space"]]
    name = key.partition(".")[2]
    return name if names.count(name) == 1 else key


def figure(value: float | None, form: str = "{:.2f}") -> str:
    """A number in a sentence."""
    return number(value, form).text


def headline(found: Found) -> str:
    """The verdict as a heading."""
    word = at(found, "verdict", "word")
    return "No verdict." if word is None else HEADLINES.get(word, f"{word[:1].upper()}{word[1:]}.")


def why(found: Found) -> str:
    """What the verdict rests on, or why there is none."""
    if found["verdict"]:
        texts = {one["text"] for one in found["verdict"]["tests"]}
        said = found["verdict"]["why"]
        decided = [text for text in said if text in texts]  # the table of tests has all of them
        return " ".join([*(text for text in said if text not in texts), *decided[:1]])
    if found["sample"]:
        return (
            "These prices are a simulation pinned to a few dozen published closes. The search shows how it works and what this page looks like; "
            "which settings pay it cannot show. Run it on real prices for a verdict."
        )
    return (
        f"No set kept the conditions: {conditions(found)}."
        if nothing(found)
        else "It was not judged."
    )


def nothing(found: Found) -> bool:
    """Whether no set could be chosen."""
    return not found["best"] or at(found, "best", "keeps_the_rule") is False


def conditions(found: Found) -> str:
    """What a set must keep to be chosen."""
    search = found["search"]
    least, most = search["min_orders"], search["max_drawdown"]
    drawdown = f" and a drawdown of {most:.0%} at most" if most is not None and most < 1 else ""
    return f"at least {least:,} orders{drawdown}"


def objective(found: Found) -> str:
    """What was searched for: one figure's name, or the mix."""
    weights = found["search"]["objective"]
    if list(weights.values()) == [1.0]:
        name = next(iter(weights))
        return FIGURES.get(name, str(name))
    return " + ".join(f"{weight:g} x {FIGURES.get(name, name)}" for name, weight in weights.items())


def measure(found: Found) -> str:
    """The name of a column with what was searched for."""
    name = objective(found)
    return name if "x" not in name.split() else "objective"


def standing(found: Found) -> dict[str, Any]:
    """The settings' own value of every key that is known: the best set's where it changes nothing."""
    return dict(at(found, "best", "point") or {}) | {
        key: was for key, (was, _) in (at(found, "best", "changed") or {}).items()
    }


def agreement(found: Found) -> tuple[str, bool]:
    """Whether backtrader found the same for the best set, and whether that is as it should be."""
    best = found["best"]
    if at(best, "agrees") is None:
        return "The set was not run again in backtrader.", True
    apart, orders = best["equity_difference"], best["orders_differ"]
    account = (
        "the account is the same at every bar"
        if apart == 0
        else f"the account differs by {figure(apart, '{:.2g}')} of its value at most"
    )
    differ = (
        "no order differs"
        if orders == 0
        else f"{'an unknown number of' if orders is None else f'{orders:,}'} orders differ"
    )
    told = f"{account}, {differ}"
    again = "Run again in backtrader, as the command backtest does, this set does"
    if best["agrees"]:
        return f"{again} the same: {told}.", True
    return f"{again} something else: {told}. Trust nothing here before you know why.", False


def overfitting(found: Found) -> str:
    """What choosing on one half of the days was worth on the other half."""
    pbo = found["pbo"]
    if at(pbo, "pbo") is None:
        return ""
    told = (
        f"The window was cut into {BLOCKS} blocks. The set that was best on half of them was looked up on the other half, for all "
        f"{pbo['splits']:,} ways to halve them. In {pbo['pbo']:.0%} of these it ranked there in the worse half of all sets: that is the "
        "probability of backtest overfitting. Half is a coin's toss: then choosing has taught nothing."
    )
    if pbo["dropped"]:
        told += (
            f" {pbo['dropped']:,} ways more were left out: nothing was held in one of the halves."
        )
    if pbo["probability_of_loss"] is not None:
        told += f" In {pbo['probability_of_loss']:.0%} the chosen set lost on the other half (a Sharpe ratio below 0)."
    if pbo["slope"] is not None:
        fades = (
            "what looked better did worse afterwards"
            if pbo["slope"] < 0
            else "what looked better did better afterwards, too"
        )
        told += f" Each 1.00 of Sharpe ratio more on the half it was chosen on went with {pbo['slope']:+.2f} on the other: {fades}."
    return told


def deflated(found: Found) -> str:
    """Whether the best Sharpe ratio is above what the best of so many tries shows without skill."""
    luck = found["deflated_sharpe"]
    if at(luck, "value") is None:
        return ""
    tries, mark, own = (
        figure(luck["effective_trials"], "{:,.0f}"),
        figure(luck["expected_maximum_yearly"]),
        figure(luck["sharpe_yearly"]),
    )
    days = f"the window has {figure(luck['days'], '{:,.0f}')}"
    needed = f"At this ratio no number of days would make it 95%; {days}."
    if luck["minimum_days"] is not None:
        needed = f"To be 95% sure at this ratio it takes {luck['minimum_days']:,.0f} days ({luck['minimum_days'] / 365:,.0f} years); {days}."
    return (
        f"The best of many tries looks good even where none is. The {found['trials']['n']:,} sets tried are much alike and worth about {tries} "
        f"independent tries; the best of so many without any skill would show a Sharpe ratio of about {mark}. This set shows {own}. The "
        f"probability that it is truly above that mark is {luck['value']:.0%} (the deflated Sharpe ratio). {needed}"
    )


def superior(found: Found) -> str:
    """Whether any set beats the defaults."""
    test = found["superior_ability"]
    if at(test, "p_consistent") is None:
        return ""
    against = (
        "the settings as they stand" if test["benchmark"] == "defaults" else str(test["benchmark"])
    )
    lower, upper = (figure(test[name], "{:.3f}") for name in ("p_lower", "p_upper"))
    return (
        f"Is any of the sets truly better than {against}? If none were, the best of them would look as much better as it does in "
        f"{test['p_consistent']:.0%} of all histories (p = {test['p_consistent']:.3f}; {lower} to {upper}, by how poor sets are counted). "
        f"Hansen's test of superior predictive ability, {test['sets']:,} sets."
    )


def searched_gates(found: Found) -> str:
    """Whether gates at the wrong time can be tuned as well."""
    gates = found["searched_gates"]
    if at(gates, "p") is None:
        return ""
    return (
        f"{gates['n']:,} gates with this gate's own spells, moved to the wrong time, were each searched with {gates['sets']:,} sets. The best set "
        f"of this gate reached {figure(gates['own_best'])}; {gates['p']:.0%} of the others did as well (p = {gates['p']:.3f}). Where many do, a "
        "search finds something good in anything."
    )


def neighbours(found: Found) -> str:
    """How the sets one step away do."""
    near = at(found, "robustness", "neighbours")
    if not near or not near["n"]:
        return ""
    kept, broken = near["share_of_best"], near["median"] is None
    share = (
        f" The middle one keeps {kept:.0%} of what the best set has." if kept is not None else ""
    )
    share += " Half of them or more do not keep the conditions." if broken else ""
    return f"{near['n']:,} sets differ from it by one step of one setting.{share} A plateau can be trusted further than a peak."


def left_out(found: Found) -> str:
    """How often a choice made without a breakout did well on it."""
    folds = found["leave_one_breakout_out"]
    if not at(folds, "of"):
        return ""
    rank = folds["median_rank"]
    ranked = (
        f" Its middle rank among all sets there is {rank:.0%} (0% the worst, 50% the middle, 100% the best)."
        if rank is not None
        else ""
    )
    return (
        f"On {folds['won']} of {folds['of']} breakouts the set chosen without them made money, on {folds['ahead']} it did at least as well as the "
        f"settings as they stand.{ranked}"
    )


def method(found: Found) -> str:
    """How the sets were found."""
    search, kernel = found["search"], found["kernel"]
    settings = f"{len(search['space']):,} setting{'s' if len(search['space']) > 1 else ''}"
    some = search["method"] != "grid" and search["possible"]
    possible = f", of {search['possible']:,} possible," if some else ""
    feasible = (
        f" {search['feasible']:,} of them keep the conditions: {conditions(found)}."
        if search["feasible"] is not None
        else ""
    )
    text = f"{search['sets']:,} sets of {settings}{possible} were run: {METHODS.get(search['method'], search['method'])}.{feasible}"
    text += f" Searched for: {objective(found)}."
    if at(kernel, "seconds"):
        threads = f"{kernel['threads']} thread{'s' if kernel['threads'] != 1 else ''}"
        each = figure(kernel["microseconds_a_set"], "{:,.0f}")
        text += f" {kernel['sets']:,} backtests took {kernel['seconds']:.2g} s on {threads}, {each} microseconds each."
    return text
