"""mmseg's preprocessor for images of any number of channels."""

from mmseg.models import SegDataPreProcessor as RgbSegDataPreProcessor

from mixmae.models.data_preprocessor import AnyChannels
from mixmae.registry import MODELS


@MODELS.register_module()
class SegDataPreProcessor(AnyChannels, RgbSegDataPreProcessor):
    """``mmseg.SegDataPreProcessor``; see ``AnyChannels`` for what differs."""
