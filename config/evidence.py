"""The section of `evidence`: additional series, definitions of a breakout, number of draws."""

from pydantic import Field

from config.sections import Section, Symbol


class Elsewhere(Section):
    """Where else capital should move down the risk curve after small caps break out."""

    assets: tuple[Symbol, ...] = Field(
        description="indices and funds of US sessions, measured against signal.broad after the"
        " breakouts of signal.index; no input of the gate"
    )
    pairs: dict[Symbol, tuple[Symbol, ...]] = Field(
        description="other small-cap indices of US sessions, each with its own risk assets"
    )
    two_year: str = Field(
        description="FRED series of the two-year Treasury yield, percent; empty = none"
    )

    def session_symbols(self) -> tuple[str, ...]:
        """Every index and fund, each once."""
        named = (name for index, assets in self.pairs.items() for name in (index, *assets))
        return tuple(dict.fromkeys((*self.assets, *named)))


class Evidence(Section):
    """Data and parameters of the tests of the thesis."""

    bitcoin_before: str = Field(
        description="Bitcoin before its first bar: macro/<name>.csv of a price folder; empty = none"
    )
    ether: Symbol = Field(description="daily history of Ether")
    alts: tuple[Symbol, ...] = Field(
        description="daily histories of altcoins; their equal-weighted mean is tested"
    )
    credit_spread: str = Field(
        description="FRED series of the high-yield bond spread, percent; empty = none"
    )
    bitcoin_flows: str = Field(
        description="your CSV with Date, Flow (daily USD into spot Bitcoin ETFs); empty = none"
    )
    open_interest: str = Field(
        description="your CSV with Date, Value (USD of open Bitcoin futures); empty = none"
    )
    bases: tuple[int, ...] = Field(
        min_length=1,
        description="values of gate.base_sessions to try, other definitions of a breakout",
    )
    confirms: tuple[int, ...] = Field(
        min_length=1, description="values of gate.confirm_sessions to try"
    )
    elsewhere: Elsewhere
    draws: int = Field(ge=100, le=1_000_000, description="random draws per permutation test")
    seed: int = Field(ge=0, description="seed of all random draws")

    def symbols(self) -> tuple[str, ...]:
        """Every series that `evidence` reads beside those of the strategy."""
        named = (self.bitcoin_before, self.ether, *self.alts, self.credit_spread)
        elsewhere = (*self.elsewhere.session_symbols(), self.elsewhere.two_year)
        return tuple(name for name in (*named, *elsewhere) if name)
