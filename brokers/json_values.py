"""Values as JSON can hold them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def to_json(value: Any) -> Any:
    """`value` in Python types, all the way down; NaN and infinities, not in JSON, become None."""
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray | pd.Index):
        return [to_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
