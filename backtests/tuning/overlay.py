"""`best.toml`: the set a search found, as an overlay that carries its verdict, and what is said where one is used."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from textwrap import wrap
from typing import Any

import tomli_w

from backtests.tuning.validation.verdict import Verdict
from config.settings import ConfigError, Settings
from config.tuned import SIMULATED, TUNABLE, fingerprint

WIDTH = 118
MARKS = {True: "passed", False: "not passed", None: "not possible"}


def write(
    path: Path,
    best: Settings,
    changed: Mapping[str, tuple[Any, Any]],
    verdict: Verdict | None,
    where: str,
    when: date,
) -> None:
    """Write the overlay.

    Parameters
    ----------
    best : the settings of the best set, whole.
    changed : dotted key -> (value of the settings as they stand, value of the best set).
    verdict : None where prices were simulated.
    where : the search's run folder, which holds its `settings.toml` too.
    when : day of the search, UTC.

    Raises
    ------
    ConfigError
        A key is no parameter of the strategy, or the file cannot be written.

    """
    content = text(best, changed, verdict, where, when)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(content, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}; name another folder with --output"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def text(
    best: Settings,
    changed: Mapping[str, tuple[Any, Any]],
    verdict: Verdict | None,
    where: str,
    when: date,
) -> str:
    """The file's content: the verdict in words, the verdict for programs, the values."""
    tables: dict[str, Any] = {}
    for key, (_, value) in changed.items():
        *above, name = key.split(".")
        if not above or above[0] not in TUNABLE:
            raise ConfigError(
                f"{key}: is no parameter of the strategy, best.toml cannot hold it; it holds keys of {', '.join(TUNABLE)}"
            )
        table = tables
        for part in above:
            table = table.setdefault(part, {})
        table[name] = _plain(value)
    tuned = {
        "verdict": verdict.word if verdict else SIMULATED,
        "why": " ".join(
            verdict.why
            if verdict
            else ["The search was made on simulated prices, which say nothing about any market."]
        ),
        "run": where,
        "on": when,
        "judged": fingerprint(best),
    }
    return f"{_comments(changed, verdict, where, when)}\n{tomli_w.dumps({'tuned': tuned} | tables)}"


def _comments(
    changed: Mapping[str, tuple[Any, Any]], verdict: Verdict | None, where: str, when: date
) -> str:
    said = [
        f"The best set of the search of {when} ({where}): {verdict.word if verdict else SIMULATED}."
    ]
    said += verdict.why if verdict else []
    said.append(
        "Every test:"
        if verdict
        else "Prices were simulated: nothing here says anything about any market."
    )
    said += [f"- {MARKS[test.passed]}: {test.text}" for test in verdict.tests] if verdict else []
    said.append(
        "What differs from the settings that were searched:"
        if changed
        else "It is the settings as they stand: nothing differs."
    )
    said += [
        f"- {key}: {_shown(value)}, was {_shown(old)}" for key, (old, value) in changed.items()
    ]
    said.append(
        "The verdict holds for this file over the settings.toml that lies beside it: --config settings.toml --config best.toml"
    )
    return "\n".join(f"# {line}" for one in said for line in _lines(one)) + "\n"


def _lines(said: str) -> list[str]:
    """One sentence as lines of a comment, in which TOML allows no control characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in said)
    return wrap(
        printable,
        WIDTH,
        subsequent_indent="  " if said.startswith("- ") else "",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shown(value: Any) -> str:
    return " ".join(tomli_w.dumps({"v": _plain(value)}).removeprefix("v = ").split())


def _plain(value: Any) -> Any:
    """A value that TOML can hold: numpy's numbers as Python's."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") else value
