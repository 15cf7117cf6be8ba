"""What a run earned: metrics, gate periods, forward returns, attribution."""
