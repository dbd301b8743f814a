"""The model that all methods share.

Axes: B images, K channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mixmae.registry import MODELS
from mixmae.structures import CellMask

# What a neck may need of its backbone; see ``HierarchicalBackbone``.
_CAPABILITIES = {
    'takes_groups': 'keep two groups of tokens apart',
    'takes_coords': 'encode tokens gathered from a larger grid',
}


@MODELS.register_module()
class MaskedImageModel(BaseModel):
    """Hides cells of images, encodes the others and predicts the images.

    A method is a config that plugs a masking, a backbone, a neck and a head
    together, never a subclass.

    Args:
        data_preprocessor: config of a ``MaskingDataPreprocessor``.
        backbone: config of an encoder with ``embed`` and ``encode``.
        neck: config of the neck, which hides and reveals cells. If the
            backbone takes other than three channels, the neck gets their
            number as ``image_channels``.
        head: config of the loss.
        init_cfg: MMEngine's.

    Raises:
        ValueError: the parts disagree on channels or cell size, or the neck
            needs a capability that the backbone lacks.
    """

    def __init__(
        self,
        data_preprocessor: Mapping,
        backbone: Mapping,
        neck: Mapping,
        head: Mapping,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        self.backbone = MODELS.build(backbone)
        # Of three channels by default, as the backbone.
        channels = self.backbone.in_channels
        if channels != 3:
            neck = {'image_channels': channels, **neck}
        self.neck = MODELS.build(neck)
        self.head = MODELS.build(head)
        self._check_parts()

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[BaseDataElement] | None = None,
        mask: CellMask | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[BaseDataElement] | tuple[Tensor, ...]:
        """Entry point of MMEngine; takes what the preprocessor returns.

        Args:
            inputs: (B, K, H, W), normalised.
            data_samples: one per image; only ``predict`` uses them.
            mask: the cells to hide; needed by ``loss`` and ``predict``.
            mode: 'loss', 'predict', or 'tensor' for the backbone's maps.

        Raises:
            ValueError: an unknown mode, or no mask where one is needed.
        """
        if mode == 'tensor':
            return self.backbone(inputs)
        if mode not in ('loss', 'predict'):
            raise ValueError(
                f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}"
            )
        if mask is None:
            raise ValueError(
                f'mode {mode!r} needs a mask; give data_preprocessor a '
                f'masking, or pass mask='
            )
        if mode == 'loss':
            return self.loss(inputs, mask)
        return self.predict(inputs, mask, data_samples)

    def loss(self, images: Tensor, mask: CellMask) -> dict[str, Tensor]:
        """The training losses of a batch (B, K, H, W)."""
        prediction = self.predict_cells(images, mask)
        return self.head.loss(prediction, images, mask)

    def parse_losses(
        self, losses: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the losses, and what is logged.

        As MMEngine's, which would log the ``loss`` of a head in place of the
        sum if the head has others, and would leave out a loss of another
        name.

        Args:
            losses: what ``loss`` returns; the head's ``loss`` is logged as
                ``loss_reconstruction`` beside other losses.

        Raises:
            ValueError: a value with a gradient has no 'loss' in its name.
        """
        for name, value in losses.items():
            if 'loss' not in name and getattr(value, 'requires_grad', False):
                raise ValueError(
                    f'{type(self.head).__name__} returns {name!r}, which has '
                    f"a gradient but no 'loss' in its name, and would not be "
                    f'trained: name it loss_{name}, or detach() it'
                )
        if sum('loss' in name for name in losses) > 1:
            losses = {
                'loss_reconstruction' if name == 'loss' else name: value
                for name, value in losses.items()
            }
        return super().parse_losses(losses)

    @torch.no_grad()
    def predict(
        self,
        images: Tensor,
        mask: CellMask,
        data_samples: Sequence[BaseDataElement] | None = None,
    ) -> list[BaseDataElement]:
        """Original, masked and reconstructed images.

        Args:
            images: (B, K, H, W), normalised.
            mask: the cells to hide.
            data_samples: samples to fill; None creates new ones.

        Returns:
            One sample per image with ``method`` (the neck's), ``original``,
            ``mixed`` (what the encoder sees; see the neck) and
            ``reconstruction``, (K, H, W) in 0..255, RGB if K is 3;
            ``hidden`` bool (rows, columns); ``cell`` in pixels; ``loss``;
            ``mean_colour_loss``, if each cell were its own mean colour;
            ``uses_target_statistics``: the picture was un-normalised by the
            target's own mean and variance.
        """
        prediction = self.predict_cells(images, mask).to(images.dtype)
        head, pixels = self.head, self.data_preprocessor.to_pixels
        filling = head.mean_colour(images, mask)
        fields = {
            'original': pixels(images),
            'mixed': pixels(self.neck.mixed_images(images, mask)),
            'reconstruction': pixels(
                head.reconstruct(prediction, images, mask)
            ),
            'hidden': mask.hidden.expand(len(images), -1, -1),
            'loss': head.loss_per_image(prediction, images, mask).tolist(),
            'mean_colour_loss': head.loss_per_image(
                filling, images, mask
            ).tolist(),
        }
        samples = list(data_samples or [BaseDataElement() for _ in images])
        for i, sample in enumerate(samples):
            for name, values in fields.items():
                sample.set_field(values[i], name)
            sample.set_field(mask.cell, 'cell')
            sample.set_field(self.neck.method, 'method')
            statistics = bool(head.norm_pixels)
            sample.set_field(statistics, 'uses_target_statistics')
        return samples

    def predict_cells(self, images: Tensor, mask: CellMask) -> Tensor:
        """Hide cells, encode the others, and predict all of them.

        Args:
            images: (B, K, H, W), normalised.
            mask: the cells to hide.

        Returns:
            (B, L, ...), row i belongs to image i; see ``reveal`` of the neck.
        """
        tokens = self.backbone.embed(images)
        visible = self.neck.hide(tokens, mask, self.backbone.embed_token)
        latent = self.backbone.encode(*visible)
        return self.neck.reveal(latent, mask)

    def _check_parts(self) -> None:
        channels = self.backbone.num_features[-1]
        if self.neck.in_channels != channels:
            raise ValueError(
                f'the backbone ends in {channels} channels, but the neck has '
                f'in_channels={self.neck.in_channels}'
            )
        channels = self.backbone.in_channels
        predicted = getattr(self.neck, 'image_channels', 3)
        if predicted != channels:
            raise ValueError(
                f'the backbone has in_channels={channels}, but the neck has '
                f'image_channels={predicted}; they must be equal'
            )
        mean = getattr(self.data_preprocessor, 'mean', None)
        if mean is not None and len(mean) != channels:
            raise ValueError(
                f'the backbone has in_channels={channels}, but mean and std '
                f'of the data_preprocessor have {len(mean)} numbers; they '
                f'need one per channel'
            )
        check_capabilities(self.neck, self.backbone)
        self.neck.check_backbone(self.backbone)
        masking = getattr(self.data_preprocessor, 'masking', None)
        if masking is not None and masking.cell != self.neck.cell:
            raise ValueError(
                f'the masking has cell={masking.cell}, but the neck has '
                f'cell={self.neck.cell} pixels; they must be equal'
            )


def check_capabilities(neck: nn.Module, backbone: nn.Module) -> None:
    """Refuse a backbone that lacks what ``neck.needs`` names.

    Raises:
        ValueError: With the reason that the backbone gives in ``unsupported``.
    """
    for capability in getattr(neck, 'needs', ()):
        if getattr(backbone, capability, False):
            continue
        reason = getattr(backbone, 'unsupported', {}).get(
            capability, f'does not set {capability}=True'
        )
        raise ValueError(
            f'{type(neck).__name__} needs a backbone that can '
            f'{_CAPABILITIES[capability]}; {type(backbone).__name__} {reason}'
        )
