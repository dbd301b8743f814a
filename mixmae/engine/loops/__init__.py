"""Loops of the runner."""

from mixmae.engine.loops.knn_test_loop import KNNTestLoop

__all__ = ['KNNTestLoop']
