"""Loops of the runner."""
