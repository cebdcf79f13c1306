"""What somebody would pick instead, doing the same work in the same run: see `benchmarks.peers.measure`."""
