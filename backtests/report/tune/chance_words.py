"""How far chance explains what a parameter search found, in sentences."""

from backtests.report.tune.verdict_table import calibrated_share
from backtests.report.tune.words import measure, number_text
from backtests.statistics.cscv import BLOCKS
from backtests.tuning.document import TuneDocument
from backtests.tuning.document_parts import (
    CheckRecord,
    DeflatedRecord,
    OverfittingRecord,
)
from brokers.plurals import count


def luck(result: TuneDocument) -> str:
    """How often chance does as well above exposure-matched holding."""
    check = result.luck
    if check is None or check.p is None:
        return ""
    *_, middle, _, rare = (number_text(ratio) for ratio in check.by_chance)
    drawn = "" if check.paths == check.of else f" ({check.paths:,} of them were looked at)"
    return (
        "Most of what a holder of coins earns takes no skill. So each path is compared with holding"
        " its own average exposure all the time. Above that, the best set has a Sharpe ratio of"
        f" {number_text(check.sharpe_yearly)}. If no path had any skill at timing, the best of"
        f" {check.of:,} different paths{drawn} would reach as much in {check.p:.0%} of histories"
        f" (p = {check.p:.3f}), {middle} in half of them and {rare} in 5%. {check.draws:,} such"
        " histories were drawn from the same days, in blocks of"
        f" {check.block_days:.0f} days on average."
    )


def overfitting(result: TuneDocument) -> str:
    """How the best parameter sets of one half of the days did on the other half."""
    pbo = result.pbo
    if pbo.pbo is None:
        return ""
    text = (
        f"The window is split into {BLOCKS} blocks. For each of {pbo.splits:,} ways to choose half"
        " of the blocks, the best set of that half is looked up in the other half. In"
        f" {pbo.pbo:.0%} of them it ranks there at or below the median of all sets: this is the"
        " probability of backtest overfitting (PBO). At 50% choosing is no better than chance."
    )
    return " ".join([text, *_details_of_splits(pbo)])


def _details_of_splits(pbo: OverfittingRecord) -> list[str]:
    """Ties, splits left out, losses and the regression, where they are known."""
    texts = []
    if pbo.tied:
        texts.append(
            f"In {pbo.tied:.0%} of the splits several sets are best; such a split counts as the"
            " average over them."
        )
    if pbo.dropped:
        verb = "is" if pbo.dropped == 1 else "are"
        texts.append(
            f"{count(pbo.dropped, 'more split')} {verb} left out: nothing was held in one of the"
            " halves."
        )
    if pbo.probability_behind is not None:
        texts.append(
            f"In {pbo.probability_behind:.0%} the chosen set earned less on the other half than"
            " holding the same exposure all the time."
        )
    if pbo.probability_of_loss is not None:
        texts.append(
            f"In {pbo.probability_of_loss:.0%} the chosen set lost money on the other half"
            " (a Sharpe ratio below 0)."
        )
    if pbo.slope is not None:
        meaning = "worse" if pbo.slope < 0 else "better"
        texts.append(
            f"A Sharpe ratio higher by 1 in-sample goes with {pbo.slope:+.2f} out-of-sample:"
            f" sets that were better did {meaning} afterwards."
        )
    return texts


def deflated_sharpe(result: TuneDocument) -> str:
    """How sure the best Sharpe ratio is above the best of as many trials without skill."""
    deflated = result.deflated_sharpe
    if deflated is None or deflated.value is None:
        return ""
    trials = number_text(deflated.effective_trials, "{:,.0f}")
    tried = result.trials.paths or result.trials.n
    noun = "different paths" if result.trials.paths else "parameter sets tried"
    above = " above holding the same exposure all the time" if deflated.of_excess else ""
    return (
        f"The {tried:,} {noun} are similar and count as about {trials} independent trials. The best"
        f" of so many without skill is expected to have a Sharpe ratio{above} of"
        f" {number_text(deflated.expected_maximum_yearly)}; the best set has"
        f" {number_text(deflated.sharpe_yearly)}. By the formula, which takes days for independent,"
        f" the probability that its true ratio is higher is {deflated.value:.0%} (the deflated"
        f" Sharpe ratio). {_track_record(deflated)} The verdict does not use this figure."
    )


def _track_record(deflated: DeflatedRecord) -> str:
    """How many days would be enough."""
    window = f"the window has {deflated.days:,}"
    if deflated.minimum_days is None:
        return f"At this ratio no number of days would be enough for 95 % confidence; {window}."
    years = count(round(deflated.minimum_days / 365), "year")
    needed = f"{deflated.minimum_days:,.0f} days ({years})"
    return f"95 % confidence at this ratio needs {needed}; {window}."


def superior_ability(result: TuneDocument) -> str:
    """Whether any parameter set beats the current settings."""
    test = result.superior_ability
    if test is None or test.p_consistent is None:
        return ""
    lower, upper = (number_text(p, "{:.3f}") for p in (test.p_lower, test.p_upper))
    return (
        f"Is any parameter set truly better than {test.benchmark}? If none were, the best of them"
        f" would have at least this lead in {test.p_consistent:.0%} of all histories (p ="
        f" {test.p_consistent:.3f}; {lower} to {upper}, depending on how poor sets are counted)."
        f" Hansen's test for superior predictive ability (SPA test) on {test.sets:,} sets."
    )


def time_shift_test(result: TuneDocument) -> str:
    """Whether searches on gates shifted in time find as good a parameter set."""
    gates = result.searched_gates
    if gates is None or gates.p is None:
        return ""
    return (
        f"The gate was shifted in time {gates.n:,} times, and {gates.sets:,} parameter sets were"
        f" searched on each shifted gate. The best {measure(result)} on the real gate is"
        f" {number_text(gates.own_best)}; {gates.p:.0%} of all searches match or beat it (p ="
        f" {gates.p:.3f}). If many do, the search would find something good in any data."
    )


def calibration(result: TuneDocument) -> str:
    """Where the shares beside the tests come from; empty where there are none."""
    tests = result.verdict.tests if result.verdict else ()
    shares = [share for test in tests if (share := calibrated_share(test))]
    if not shares:
        return ""
    first = shares[0]
    return (
        "Beside each: how often a search passes it in worlds in which the gate says nothing about"
        f" coins, with its 95 % interval ({first.worlds:,} worlds with the default settings, seed"
        f" {first.seed})."
    )


def what_would_decide(result: TuneDocument) -> list[str]:
    """What a recommendation lacks, test by test."""
    tests = result.verdict.tests if result.verdict else ()
    texts = (_what_is_missing(test, result) for test in tests if test.passed is False)
    return [text for text in texts if text]


def _what_is_missing(test: CheckRecord, result: TuneDocument) -> str:
    if test.value is None:
        return ""
    luck = result.luck
    match test.name:
        case "events":
            more = count(round(test.limit - test.value), "more independent breakout")
            return (
                f"{more} from a record of {result.base_sessions} sessions in which the set holds"
                " coins; they come years apart."
            )
        case "luck" if luck is not None:
            return (
                f"A Sharpe ratio of {number_text(luck.by_chance[-1])} above holding the same"
                f" exposure all the time, which chance reaches in 5% of histories; the best set has"
                f" {number_text(luck.sharpe_yearly)}."
            )
        case "searched_gates":
            return (
                f"A result that at most {test.limit:.0%} of all searches reach when the gate is"
                f" shifted in time; {test.value:.0%} reach it."
            )
        case "pbo":
            return (
                f"A best set of one half of the days that falls below the median on the other half"
                f" in at most {test.limit:.0%} of splits; it does in {test.value:.0%}."
            )
        case "leave_one_out":
            return (
                f"A set that does better than no timing on {test.limit:.0%} of the breakouts left"
                f" out; it does on {test.value:.0%}."
            )
        case _:
            return ""
