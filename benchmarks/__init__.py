"""Benchmarks of speed and memory; see docs/benchmarks.md."""
