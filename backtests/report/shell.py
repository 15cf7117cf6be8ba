"""What all pages have in common: one self-contained file, written whole or not at all."""

import base64
import gzip
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from backtests.report.figures import Figure
from backtests.report.glossary import Glossary, anchor
from backtests.report.sentence_case import capitalize_first
from backtests.runs.folder import RunError
from brokers.atomic_files import replace_text
from brokers.plurals import count

HERE = Path(__file__).parent
COMPRESSION = 4  # of the chart library: more takes longer than it saves


def html(template: str, figures: Mapping[str, Figure], **content: Any) -> str:
    """The page made of `template`, self-contained; `figures` by the id of their places on it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    glossary = Glossary()
    environment.filters["capitalize_first"] = capitalize_first
    environment.filters["link_terms"] = glossary.link_terms
    environment.filters["anchor"] = anchor
    environment.globals.update(term=glossary.term, glossary=glossary, count=count, day=day)
    return environment.get_template(template).render(
        css=(HERE / "page.css").read_text(encoding="utf-8"),
        js=(HERE / "page.js").read_text(encoding="utf-8"),
        plotly=plotly(),
        figures={
            name: json.dumps(figure, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
            for name, figure in figures.items()
        },
        **content,
    )


def day(instant: datetime) -> str:
    """An instant's date."""
    return f"{instant:%Y-%m-%d}"


@cache
def plotly() -> str:
    """The chart library out of its package, compressed, as base64."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise RunError("plotly is not installed; run `make setup`")
    script = Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
    return base64.b64encode(gzip.compress(script.read_bytes(), COMPRESSION, mtime=0)).decode()


def save_page(page: Path, text: str) -> Path:
    """Write a page, whole or not at all.

    Raises
    ------
    RunError
        It cannot be written.

    """
    try:
        replace_text(page, text)
    except OSError as error:
        raise RunError(f"{page}: cannot be written: {error.strerror}") from None
    return page
