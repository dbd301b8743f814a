"""Metrics, and probes of what a backbone has learnt."""

from mixmae.evaluation.reconstruction_metric import ReconstructionMetric

__all__ = ['ReconstructionMetric']
