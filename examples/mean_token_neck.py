"""Method that replaces hidden tokens by the mean of the visible ones."""

import torch
from torch import Tensor

from mixmae.models.necks.simmim_neck import SimMIMNeck
from mixmae.registry import MODELS
from mixmae.structures import CellMask, EncoderInput


@MODELS.register_module()
class MeanTokenNeck(SimMIMNeck):
    """``SimMIMNeck`` without a mask token.

    A hidden token becomes the mean of the visible tokens of its image. The
    prediction is that of SimMIM.
    """

    method = 'mean token'

    def hide(
        self, tokens: Tensor, mask: CellMask, embed_token: object = None
    ) -> EncoderInput:
        """Replace hidden tokens (B, h, w, C) by the mean of visible ones."""
        hidden = mask.on_grid(*tokens.shape[1:3])[..., None]
        visible = ~hidden
        total = (tokens * visible).sum((1, 2), keepdim=True)
        mean = total / visible.sum((1, 2), keepdim=True)
        # The parameter of the base class stays part of the graph, as DDP
        # expects a gradient for every parameter.
        mean = mean + 0 * self.mask_token
        return EncoderInput(torch.where(hidden, mean, tokens))
