"""What a run is compared with: benchmarks, ablation, permutation test; and the verdict."""
