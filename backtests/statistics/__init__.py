"""How much of a result is chance: intervals, overfitting, corrections for many trials."""
