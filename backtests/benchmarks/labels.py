"""Benchmarks by the names that tables, figures and sentences show."""

LABELS = {
    "strategy": "strategy",
    "hold_bitcoin": "hold BTC",
    "hold_basket": "hold basket",
    "bitcoin_own_trend": "BTC > 200-day MA",
    "broad_trend": "S&P 500 > 200-day MA",
    "index_trend": "Russell 2000 > 200-day MA",
    "halving": "BTC, 18 months after each halving",
    "constant_exposure": "constant exposure",
    "bitcoin_only": "BTC only",
}


def label(name: str) -> str:
    """The label of a benchmark; any other name with spaces for underscores."""
    return LABELS.get(name, name.replace("_", " "))
