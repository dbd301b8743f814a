"""Corrupt files: detection, fallback samples, lists."""
