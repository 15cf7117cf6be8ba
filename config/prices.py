"""The section of prices: where they come from, in which order, and when they are known.

The default values and their reasons are in ``default.toml``.
"""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from config.sections import Days, Section, Sessions

# A source of every series. "alpaca" has US funds only and "proxy:FUND" is another series of the
# settings: both stand in [prices.sources] alone.
Source = Literal["auto", "yahoo", "exchange", "folder", "url", "sample"]
LISTED = ("auto", "yahoo", "exchange", "folder", "url", "alpaca", "sample")
PROXY = re.compile(r"proxy:([^\s/\\:]{1,32})")
LONGEST_LIST = 5
_ONE_SOURCE = {
    "anyOf": [{"enum": list(LISTED), "type": "string"}, {"pattern": f"^{PROXY.pattern}$"}]
}


def _check_sources(value: object) -> object:
    """One source or a list of sources of one symbol, each by a known name."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError('input should be a source, or a list of them: ["yahoo", "url"]')
    for name in names:
        if name not in LISTED and not PROXY.fullmatch(name):
            known = ", ".join(f"'{known}'" for known in LISTED)
            raise ValueError(f"input should be {known} or 'proxy:FUND', as in 'proxy:IWM'")
    if not names or len(names) > LONGEST_LIST:
        raise ValueError(f"a list of sources has 1 to {LONGEST_LIST} of them")
    if len(set(names)) != len(names):
        raise ValueError("a source is listed twice")
    if PROXY.fullmatch(names[0]):
        raise ValueError(
            f"{names[0]} only stands in for newest closes: list another source before it"
        )
    if "sample" in names and len(names) > 1:
        raise ValueError("simulated and real prices cannot be combined: list sample alone")
    return value


Sources = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_check_sources),
    WithJsonSchema(
        {
            "anyOf": [
                _ONE_SOURCE,
                {"type": "array", "items": _ONE_SOURCE, "minItems": 1, "maxItems": LONGEST_LIST},
            ]
        }
    ),
]


def _check_dates(value: object) -> object:
    """Dates of one symbol: a single one is named with the list that it should be."""
    if isinstance(value, date | str):
        raise ValueError(f"input should be a list of dates: write [{value}]")
    return value


Dates = Annotated[tuple[date, ...], BeforeValidator(_check_dates)]


def proxy_fund(source: str) -> str:
    """The fund of a source "proxy:FUND"; "" for every other source."""
    match = PROXY.fullmatch(source)
    return match[1] if match else ""


class Prices(Section):
    """Where prices come from and when they are known."""

    source: Source = Field(description="source of all prices that [prices.sources] does not name")
    folder: str = Field(description="folder with daily/, macro/ and hourly/, for source = folder")
    cache: str = Field(min_length=1, description="folder of the Parquet cache")
    publication_delay: int = Field(
        ge=0, le=720, description="minutes from a US close until its price may be used"
    )
    max_age_sessions: Sessions = Field(
        description="US sessions after which a daily input is treated as missing"
    )
    max_age_macro: Days = Field(
        description="calendar days after which a macro value is treated as missing"
    )
    sources: dict[str, Sources] = Field(
        description="source of a single symbol, or a list: the next is asked where the first is "
        "behind, empty, away or implausible"
    )
    url_names: dict[str, str] = Field(
        description="what the address of source = url calls a symbol, where it has another name"
    )
    accepted: dict[str, Dates] = Field(
        description="dates on which a jump of a series is true, by symbol"
    )

    def sources_of(self, symbol: str) -> tuple[str, ...]:
        """The sources of `symbol` in the order in which they are asked."""
        named = self.sources.get(symbol, self.source)
        return (named,) if isinstance(named, str) else named

    def proxies(self) -> tuple[str, ...]:
        """The funds that may stand in for another symbol, in alphabetical order."""
        listed = (name for symbol in self.sources for name in self.sources_of(symbol))
        return tuple(sorted({fund for name in listed if (fund := proxy_fund(name))}))

    @model_validator(mode="after")
    def _folder_given(self) -> Self:
        named = (self.source, *(name for key in self.sources for name in self.sources_of(key)))
        if not self.folder and "folder" in named:
            raise ValueError(
                'source = "folder" needs prices.folder: the folder that contains daily/ and macro/'
            )
        return self

    @model_validator(mode="after")
    def _sample_alone(self) -> Self:
        others = [
            symbol
            for symbol in self.sources
            if ("sample" in self.sources_of(symbol)) != (self.source == "sample")
        ]
        if others:
            raise ValueError(
                f'simulated and real prices cannot be mixed in one run: source is "{self.source}", '
                f'but sources.{others[0]} is "{", ".join(self.sources_of(others[0]))}"; set both '
                'to "sample" or neither'
            )
        return self

    @model_validator(mode="after")
    def _proxies_are_real(self) -> Self:
        for symbol in self.sources:
            for fund in filter(None, map(proxy_fund, self.sources_of(symbol))):
                if fund == symbol:
                    raise ValueError(f"sources.{symbol}: a series cannot stand in for itself")
                if any(map(proxy_fund, self.sources_of(fund))):
                    raise ValueError(
                        f"sources.{symbol}: {fund} stands in for it, and another series for "
                        f"{fund}; a proxy has no proxy of its own"
                    )
        return self
