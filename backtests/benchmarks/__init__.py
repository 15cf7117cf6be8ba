"""What a run is compared with: rivals, intervals, the strategy without each rule, its gate shifted in time, the verdict."""
