"""A tune.json of any version, as this version would have written it.

One of version 0.1 has no version number and other verdict words, one of version 2 no test of luck
above exposure-matched holding. A newer document is refused. What this version does not say, of a
short window or by a limit that was looser, is not read either.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from backtests.runs.document import DocumentError, first_reason
from backtests.tuning.document import VERSION, TuneDocument
from backtests.tuning.document_parts import CheckRecord, OverfittingRecord
from backtests.tuning.short_search import without_yearly_figures
from backtests.tuning.validation.checks import LIMIT_NAMES
from config.tuning import EARLIER_WORDS, FIXED_LIMITS, is_beyond

BEHIND = "max_probability_behind"


def parse(content: object) -> TuneDocument:
    """The document in a parsed JSON file, one of an earlier version translated.

    Raises
    ------
    DocumentError
        It is no search, damaged, or written by a newer version of the program.

    """
    if not isinstance(content, dict):
        raise DocumentError("is no search")
    version = content.get("version")
    if version is None:
        content = _translate_2(_translate_0_1(content))
    elif version == 2:
        content = _translate_2(content)
    elif version != VERSION:
        raise DocumentError(
            f"is of version {version!r}; this program reads versions up to {VERSION}: update it"
        )
    try:
        document = TuneDocument.model_validate(content)
    except ValidationError as error:
        raise DocumentError(first_reason(error)) from None
    document = _without_loose_recommendation(document)
    return without_yearly_figures(document) if document.is_short else document


def _without_loose_recommendation(document: TuneDocument) -> TuneDocument:
    """Without a recommendation by limits looser than settings may have now, if it rests on them."""
    verdict = document.verdict
    if verdict is None or verdict.word != "recommended":
        return document
    failed = [LIMIT_NAMES[test.name] for test in verdict.tests if _fails_now(test, document.pbo)]
    if not failed:
        return document
    why = (
        "The set was recommended by limits that are looser than is allowed now"
        f" ({', '.join(failed)}): run tune again for a verdict."
    )
    return document.model_copy(update={"verdict": None, "warnings": (why, *document.warnings)})


def has_fixed_limit(test: CheckRecord) -> bool:
    """Whether a test was made by the fixed limit, not by a stricter one of the settings."""
    limit = FIXED_LIMITS.get(LIMIT_NAMES.get(test.name, ""))
    return test.limit == limit and test.other_limit in (None, FIXED_LIMITS[BEHIND])


def _fails_now(test: CheckRecord, pbo: OverfittingRecord) -> bool:
    """Whether the figure of a test that was passed fails the fixed limit."""
    name = LIMIT_NAMES.get(test.name)
    if name is None or test.value is None or not is_beyond(name, test.value):
        return False
    if test.name == "pbo":  # it has a second figure, which versions before 3 did not have
        behind = pbo.probability_behind
        return is_beyond(name, test.limit) if behind is None else is_beyond(BEHIND, behind)
    return True


def _translate_0_1(content: Mapping[str, object]) -> dict[str, object]:
    """A document of version 0.1 as one of version 2."""
    translated = {**content}
    verdict, ability = content.get("verdict"), content.get("superior_ability")
    if isinstance(verdict, dict):
        word = verdict.get("word")
        translated["verdict"] = verdict | {"word": EARLIER_WORDS.get(str(word), word)}
    if isinstance(ability, dict):
        translated["superior_ability"] = ability | {"benchmark": "the current settings"}
    return translated


def _translate_2(content: Mapping[str, object]) -> dict[str, object]:
    """A document of version 2 as one of this version; its figures keep what they were of."""
    return {"luck": None, **content, "version": VERSION}
