"""Leaf layers; every one needs torch alone."""
