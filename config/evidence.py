"""The section of `evidence`: additional series, definitions of a breakout, number of draws."""

from pydantic import Field

from config.sections import Section, Symbol


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
    draws: int = Field(ge=100, le=1_000_000, description="random draws per permutation test")
    seed: int = Field(ge=0, description="seed of all random draws")

    def symbols(self) -> tuple[str, ...]:
        """Every series that `evidence` reads beside those of the strategy."""
        named = (self.bitcoin_before, self.ether, *self.alts, self.credit_spread)
        return tuple(name for name in named if name)
