"""The benchmarks, run as the programs that they are."""
