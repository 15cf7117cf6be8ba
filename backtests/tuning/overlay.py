"""best.toml: the best parameter set of a search as an overlay that carries its verdict."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from textwrap import wrap
from typing import Any

import tomli_w

from backtests.tuning.validation.verdict import Verdict
from brokers.atomic_files import replace_text
from config.settings import ConfigError, Settings
from config.tuned import NO_VERDICT, TUNABLE, fingerprint
from config.tuning import VerdictWord

WIDTH = 98
MARKS = {True: "passed", False: "not passed", None: "not possible"}
SIMULATED_PRICES = "The search was made on simulated prices, which say nothing about any market."


def write(path: Path, content: str) -> None:
    """Write the overlay whole, or not at all.

    Raises
    ------
    ConfigError
        The file cannot be written.

    """
    try:
        replace_text(path, content)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}; name another folder with --output"
        ) from None


def advice(word: VerdictWord, changed: Mapping[str, tuple[Any, Any]]) -> str:
    """What to do with the best set, in one sentence.

    `changed`: dotted key -> (value of the current settings, value of the best set).
    """
    if not changed:
        return "Change nothing: no parameter set is better than the current settings."
    use = word == "recommended"
    pairs = ((key, new if use else old) for key, (old, new) in changed.items())
    *others, last = (f"{key} = {_shown(value)}" for key, value in pairs)
    values = f"{', '.join(others)} and {last}" if others else last
    return f"Use best.toml: {values}." if use else f"Keep {values}."


def text(
    best: Settings,
    changed: Mapping[str, tuple[Any, Any]],
    verdict: Verdict | None,
    folder: str,
    day: date,
    *,
    no_verdict: str = "",
) -> str:
    """The file's content: the verdict in words, the verdict for programs, the values.

    Parameters
    ----------
    best : the settings of the best set, whole.
    changed : dotted key -> (value of the current settings, value of the best set).
    verdict : None where prices were simulated or doubtful, or the window was too short.
    folder : the run folder of the search, which holds its `settings.toml` too.
    day : of the search, UTC.
    no_verdict : why doubtful prices or a short window give none.

    Raises
    ------
    ConfigError
        A key is not a parameter of the strategy.

    """
    why_none = no_verdict or SIMULATED_PRICES
    tuned = {
        "verdict": verdict.word if verdict else NO_VERDICT,
        "why": " ".join(verdict.why) if verdict else why_none,
        "run": folder,
        "on": day,
        "judged": fingerprint(best),
    }
    tables = _tables(changed)
    comments = _comments(changed, verdict, why_none, folder, day)
    return f"{comments}\n{tomli_w.dumps({'tuned': tuned} | tables)}"


def _tables(changed: Mapping[str, tuple[Any, Any]]) -> dict[str, object]:
    """The new values as nested tables."""
    tables: dict[str, Any] = {}
    for key, (_, value) in changed.items():
        *above, name = key.split(".")
        if not above or above[0] not in TUNABLE:
            raise ConfigError(
                f"{key}: is not a parameter of the strategy, best.toml cannot hold it;"
                f" it holds keys of {', '.join(TUNABLE)}"
            )
        table = tables
        for part in above:
            table = table.setdefault(part, {})
        table[name] = _toml_value(value)
    return tables


def _comments(
    changed: Mapping[str, tuple[Any, Any]],
    verdict: Verdict | None,
    why_none: str,
    folder: str,
    day: date,
) -> str:
    word = verdict.word if verdict else NO_VERDICT
    paragraphs = [f"Verdict: {word}.", f"Best parameter set of the search of {day} ({folder})."]
    if verdict:
        paragraphs += [advice(verdict.word, changed), *verdict.why, "Every test:"]
        paragraphs += [f"- {MARKS[test.passed]}: {test.text}" for test in verdict.tests]
    else:
        paragraphs.append(why_none)
    paragraphs.append(
        "What differs from the settings of the search:"
        if changed
        else "No set is better than the current settings: nothing differs."
    )
    paragraphs += [
        f"- {key}: {_shown(value)}, was {_shown(old)}" for key, (old, value) in changed.items()
    ]
    subject = "The verdict is valid for this file" if verdict else "This file goes"
    paragraphs.append(
        f"{subject} over the settings.toml beside it: --config settings.toml --config best.toml"
    )
    lines = [line for paragraph in paragraphs for line in _lines(paragraph)]
    return "\n".join(f"# {line}" for line in lines) + "\n"


def _lines(paragraph: str) -> list[str]:
    """A paragraph as lines of a comment, in which TOML allows no control characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in paragraph)
    return wrap(
        printable,
        WIDTH,
        subsequent_indent="  " if paragraph.startswith("- ") else "",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shown(value: Any) -> str:
    return " ".join(tomli_w.dumps({"v": _toml_value(value)}).removeprefix("v = ").split())


def _toml_value(value: Any) -> Any:
    """A value that TOML can hold: lists for tuples, Python's numbers for numpy's."""
    if isinstance(value, tuple | list):
        return [_toml_value(part) for part in value]
    return value.item() if hasattr(value, "item") else value
