"""Loops of the runner."""

from mixmae.engine.loops.knn_test_loop import KNNTestLoop
from mixmae.engine.loops.resumable_iter_loop import ResumableIterLoop
from mixmae.engine.loops.resumable_train_loop import ResumableTrainLoop

__all__ = ['KNNTestLoop', 'ResumableIterLoop', 'ResumableTrainLoop']
