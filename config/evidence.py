"""The section of the evidence: what beside the strategy's own prices is looked at, and how hard."""

from pydantic import Field

from config.sections import Section, Symbol


class Evidence(Section):
    """What the thesis is held against."""

    bitcoin_before: str = Field(
        description="daily values of Bitcoin before its first bar: macro/<name>.csv of a folder; empty for none"
    )
    ether: Symbol = Field(description="daily history of Ether")
    alts: tuple[Symbol, ...] = Field(
        description="daily histories of other coins; their equal-weighted mean is looked at"
    )
    credit_spread: str = Field(
        description="spread of high-yield bonds, percent: a series of FRED; empty for none"
    )
    bitcoin_flows: str = Field(
        description="CSV of your own, Date and Flow: USD that came into Bitcoin's spot ETFs that day; empty for none"
    )
    open_interest: str = Field(
        description="CSV of your own, Date and Value: USD of open interest in Bitcoin's futures; empty for none"
    )
    bases: tuple[int, ...] = Field(
        min_length=1,
        description="gate.base_sessions of the definitions of a breakout that are tried",
    )
    confirms: tuple[int, ...] = Field(min_length=1, description="gate.confirm_sessions of the same")
    draws: int = Field(ge=100, le=1_000_000, description="random dates a mean is held against")
    seed: int = Field(ge=0, description="of everything drawn")
