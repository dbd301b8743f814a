"""mmdet's preprocessor for images of any number of channels."""

from mmdet.models.data_preprocessors import (
    DetDataPreprocessor as RgbDetDataPreprocessor,
)

from mixmae.models.data_preprocessor import AnyChannels
from mixmae.registry import MODELS


@MODELS.register_module()
class DetDataPreprocessor(AnyChannels, RgbDetDataPreprocessor):
    """``mmdet.DetDataPreprocessor``; see ``AnyChannels`` for what differs."""
