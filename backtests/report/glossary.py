"""The words of the method, one sentence each, and the links from a page to them."""

import re

from markupsafe import Markup, escape

TERMS: dict[str, str] = {
    "gate": "The switch between crypto and cash: open while a breakout of the small-cap index is"
    " confirmed, closed otherwise.",
    "breakout": "A close of the index above a record high that has stood for a long time, about"
    " a year unless set otherwise.",
    "record": "The highest close of the index before the session in question.",
    "base": "The sessions between a record high and the breakout above it.",
    "level": "The record high that a breakout passed; the gate closes when the index falls back"
    " below it.",
    "confirmation": "A condition other than price (volume, breadth, credit and so on) that is"
    " counted on the day a breakout would open the gate.",
    "risk check": "A condition on credit, the broad market or the index's leadership that says"
    " whether investors take risk; the checks count in order, up to the first that fails.",
    "ceiling": "The largest share of equity the strategy may hold in coins, set by how many of the"
    " first risk checks pass.",
    "gate period": "The time from the session on which the gate opens to the session on which it"
    " closes.",
    "re-armed": "A breakout soon after an earlier one, for which a shorter base is enough; it"
    " belongs to the same event as the earlier one.",
    "independent event": "A breakout from a full base together with all re-armed breakouts that"
    " follow from it; the sample size of every statistic here.",
    "session": "A trading day of the US stock market.",
    "exposure": "The share of equity held in coins.",
    "turnover": "The value bought and sold in a year over the mean equity.",
    "slippage": "The difference between an order's fill price and the price it is measured"
    " against, here the open of the next bar.",
    "drawdown": "The fall from the highest value of the account so far, as a share of it.",
    "CAGR": "Compound annual growth rate: the constant yearly return with the same total.",
    "Sharpe ratio": "Mean daily return over its standard deviation, times the square root of 365,"
    " without a risk-free rate.",
    "constant exposure": "A benchmark that always holds the strategy's coins at its average"
    " exposure: the same risk on average, without any timing.",
    "capacity": "The account size from which orders are large beside what a coin trades in a day;"
    " here at 1 % of the median daily volume.",
    "benchmark": "A simple strategy over the same days, with the same costs.",
    "ablation": "The strategy run again with one rule switched off; the difference in Sharpe ratio"
    " is that rule's contribution.",
    "95 % interval": "The range within which a figure lies in 95 % of histories resampled in"
    " blocks from the observed days (stationary bootstrap).",
    "permutation test": "The same gate shifted in time, many times over; p is the share of shifted"
    " gates that match or beat the real one.",
    "p": "The probability, if there were no effect, of a result at least this good (one-sided), or"
    " at least this far from none (two-sided).",
    "time-shift test": "The whole parameter search repeated on gates shifted in time; p is the"
    " share of shifted searches whose best result matches or beats this one.",
    "parameter set": "One value for each setting that is searched.",
    "in-sample": "Days on which a parameter set was chosen; results there are too good.",
    "out-of-sample": "Days that had no part in the choice of a parameter set.",
    "walk-forward": "A search repeated step by step through history: each step chooses on earlier"
    " days and is evaluated on the days that follow.",
    "purge": "The removal of days whose results overlap both the days of the choice and the days"
    " of the evaluation.",
    "embargo": "Days left out after the days of the evaluation, because they still depend on them.",
    "PBO": "Probability of backtest overfitting: how often the parameter set chosen on one half of"
    " the days ranks below the median on the other half (Bailey et al. 2017).",
    "deflated Sharpe ratio": "The probability that the true Sharpe ratio exceeds what the best of"
    " as many trials reaches by chance alone (Bailey and López de Prado 2014).",
    "SPA test": "Hansen's test for superior predictive ability (2005): the probability that the"
    " best of all parameter sets beats the benchmark by chance alone.",
    "power": "The probability that a test detects an effect of a given size.",
    "smallest detectable effect": "The smallest true effect that the test would detect with 80 %"
    " power, given the number of events.",
    "event study": "The mean return after each event, compared with that of other days.",
    "lead-lag": "The correlation of two series with one of them shifted in time.",
    "Holm's correction": "p adjusted for the number of tests, so that the probability of any false"
    " positive among them stays at the stated level (Holm 1979).",
    "circularly shifted gate": "The real gate moved in time by some number of days, what passes the"
    " end coming back at the beginning; it keeps the gate periods and loses their dates.",
    "block bootstrap": "Resampling whole blocks of consecutive days or weeks, so that volatility"
    " clusters survive.",
    "Newey-West error": "A standard error that allows for autocorrelation and changing variance"
    " (Newey and West 1987).",
    "random dates": "Dates drawn from the asset's own history; gains after them show what a mean of"
    " so few gains does by chance.",
    "turning point": "A close from which the price halved, or doubled, before it passed that close"
    " again; known only afterwards.",
    "halving cycle": "Bitcoin's reward to miners halves about every four years; the claim that its"
    " price follows that rhythm.",
    "tracking difference": "The return of the paper session minus that of the backtest of the same"
    " days.",
    "tracking error": "The standard deviation of the daily differences between the returns of the"
    " paper session and of the backtest.",
    "basis point": "A hundredth of a percent (0.0001), short bp.",
    "uptime": "The share of bars on which the paper session decided in time.",
}
# Linked only where a page says so with `term`: elsewhere they may mean something else.
AMBIGUOUS = {"session", "base", "level", "record", "power", "p", "benchmark", "uptime"}


class Glossary:
    """The terms one page uses: each is linked where it stands first and explained at the end.

    A new page needs a new glossary.
    """

    def __init__(self) -> None:
        self._used: dict[str, str] = {}
        names = sorted(TERMS.keys() - AMBIGUOUS, key=len, reverse=True)
        alternatives = "|".join(f"{re.escape(name)}s?" for name in names)
        self._pattern = re.compile(rf"(?<![\w-])({alternatives})(?![\w-])", re.IGNORECASE)

    @property
    def used(self) -> dict[str, str]:
        """The terms linked so far, in alphabetical order, with their sentences."""
        return dict(sorted(self._used.items(), key=lambda item: item[0].lower()))

    def term(self, name: str, text: str | None = None) -> Markup:
        """`text` (the name if None) as a link to the sentence for `name`; plain the second time.

        Raises
        ------
        KeyError
            The glossary has no such term.

        """
        shown = name if text is None else text
        sentence = TERMS[name]
        if name in self._used:
            return escape(shown)
        self._used[name] = sentence
        return Markup('<a class="term" href="#{}" title="{}">{}</a>').format(
            anchor(name), sentence, shown
        )

    def link_terms(self, text: str) -> Markup:
        """`text` with the first mention of every unambiguous term linked, singular or plural."""
        names = {name.lower(): name for name in TERMS}
        parts = self._pattern.split(str(text))
        linked = []
        for number, part in enumerate(parts):  # text and terms take turns
            word = part.lower()
            name = names.get(word, names.get(word.removesuffix("s"))) if number % 2 else None
            linked.append(self.term(name, part) if name else escape(part))
        return Markup("").join(linked)


def anchor(name: str) -> str:
    """The id of a term's sentence: "deflated Sharpe ratio" -> "term-deflated-sharpe-ratio"."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
