"""How fast and how large, measured side by side; see docs/benchmarks.md."""
