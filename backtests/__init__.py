"""What it would have done: runs, engines, benchmarks, evidence."""
