"""Speed and memory, measured in one run and told as ratios. `python -m benchmarks`, or `make bench`."""
