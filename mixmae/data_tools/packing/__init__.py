"""Packing of images into tar shards."""
