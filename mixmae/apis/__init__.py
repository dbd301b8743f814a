"""Using trained networks from Python: reconstructions and features."""

from mixmae.apis.feature_extractor import FeatureExtractor
from mixmae.apis.reconstruction_inferencer import ReconstructionInferencer

__all__ = ['FeatureExtractor', 'ReconstructionInferencer']
