"""The document of a search over a window that `performance.short_windows` calls too short to judge.

Every objective is a yearly figure, so what is scored or ranked by it goes as well: the verdict, and
the scores of steps, breakouts, neighbours and settings.
"""

from typing import TypeVar

from backtests.performance.short_windows import ANNUALISED, why_short
from backtests.runs.document import Record
from backtests.tuning.document import TuneDocument
from backtests.tuning.document_parts import HistogramRecord, ScatterRecord, WalkRecord

Part = TypeVar("Part", bound=Record)
SCORES = ("in_sample", "out_of_sample", "defaults", "holding", "rank", "won")
SHARES = ("pbo", "at_median", "probability_of_loss", "probability_behind", "tied")


def without_yearly_figures(document: TuneDocument) -> TuneDocument:
    """`document` without verdict, yearly figures, intervals and tests; its first warning says why.

    The sets and their days stay.
    """
    best, folds = document.best, document.leave_one_breakout_out
    near, stress = document.robustness.neighbours, document.robustness.stress
    walks = document.walk_forward
    why = why_short(document.window.days - 1)
    is_said = any(warning.startswith(why) for warning in document.warnings)
    return _with(
        document,
        verdict=None,
        warnings=document.warnings if is_said else (why, *document.warnings),
        best=_with(
            best,
            in_sample=_without(best.in_sample, *ANNUALISED),
            backtrader=_without(best.backtrader, *ANNUALISED),
            intervals={},
        ),
        defaults=_with(
            document.defaults, in_sample=_without(document.defaults.in_sample, *ANNUALISED)
        ),
        luck=None,
        pbo=_with(
            _without(document.pbo, *SHARES, "slope", "intercept"),
            logits_histogram=HistogramRecord(edges=(), counts=()),
            scatter=ScatterRecord(in_sample=(), out_of_sample=()),
        ),
        deflated_sharpe=None,
        superior_ability=None,
        searched_gates=None,
        walk_forward=_with(walks, rolling=_walk(walks.rolling), anchored=_walk(walks.anchored)),
        leave_one_breakout_out=_with(
            _without(folds, "won", "ahead", "share", "median_rank"),
            folds=tuple(_without(fold, *SCORES) for fold in folds.folds),
        ),
        robustness=_with(
            document.robustness,
            neighbours=_without(near, "median", "worst", "best", "share_of_best"),
            importance=(),
            heat_maps=(),
            stress=tuple(_without(test, *ANNUALISED) for test in stress),
        ),
    )


def _walk(walk: WalkRecord) -> WalkRecord:
    return _with(
        walk,
        steps=tuple(_without(step, *SCORES) for step in walk.steps),
        figures=walk.figures and _without(walk.figures, *ANNUALISED),
        defaults=walk.defaults and _without(walk.defaults, *ANNUALISED),
    )


def _with(part: Part, **values: object) -> Part:
    return part.model_copy(update=values)


def _without(part: Part, *names: str) -> Part:
    """`part` with None in place of those of the figures that it has."""
    return _with(part, **dict.fromkeys(name for name in names if name in type(part).model_fields))
