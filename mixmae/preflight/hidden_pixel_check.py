"""Check that hidden pixels do not influence their own prediction."""

from __future__ import annotations

import torch
from torch import Tensor

from mixmae.config.config_paths import type_name
from mixmae.models.data_preprocessor import draw_masks
from mixmae.models.masked_image_model import MaskedImageModel
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import image_sizes
from mixmae.structures import CellMask

# Images of random numbers; MixMAE mixes pairs.
IMAGES = 2
# Change of a prediction over the largest prediction that is not rounding.
TOLERANCE = 1e-4


class HiddenPixels(Check):
    """Changes hidden pixels, and compares the predictions of their cells.

    For models with parts that are not of mixmae: a layer that mixes tokens of
    the two groups of MixMAE, or a patch embedding that reads beyond its patch,
    trains without an error, and its loss looks better than others.
    """

    name = 'hidden pixels'
    stage = 'built'
    modes = ('train',)

    def run(self, planned: PlannedRun) -> Finding | None:
        """Compare predictions of two batches, with initial weights."""
        model = planned.model
        loader = planned.config.get('train_dataloader')
        sizes = image_sizes('train_dataloader', loader).values()
        size = next(iter(sizes), None)
        if not isinstance(model, MaskedImageModel) or size is None:
            return None
        # Parameters of FSDP are gathered from all ranks.
        wrapper = planned.config.get('model_wrapper_cfg')
        if 'FullySharded' in type_name(wrapper):
            return None
        masking = model.data_preprocessor.masking
        mask = draw_masks(masking, IMAGES, *size, torch.Generator())
        before, after = _hidden_cells(model, mask, size)
        changed = (after - before).abs().max().item()
        largest = before.abs().max().item()
        compared = f'{IMAGES} images of {size[0]}x{size[1]}, changed'
        if changed <= TOLERANCE * largest:
            return Finding(compared)
        parts = f'{type(model.backbone).__name__}, {type(model.neck).__name__}'
        return Finding(
            compared,
            (
                f'hidden pixels change the predictions of their own cells by '
                f'{changed:.2g} (largest prediction {largest:.2g}), so that '
                f'the model ({parts}) would learn to copy them: the neck must '
                f'replace tokens of hidden cells, and no layer of the '
                f'backbone may mix tokens of different groups or read pixels '
                f'outside of its patch',
            ),
        )


@torch.no_grad()
def _hidden_cells(
    model: MaskedImageModel, mask: CellMask, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Predictions of hidden cells before and after their pixels change."""
    device = next(model.parameters()).device
    mask = mask.to(device)
    hidden = mask.hidden.expand(IMAGES, -1, -1).flatten(1)
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    # The run draws the same numbers as without this check.
    with torch.random.fork_rng([device] if device.type == 'cuda' else []):
        shape = (IMAGES, model.backbone.in_channels, *size)
        images, other = torch.randn((2, *shape), device=device)
        changed = torch.where(mask.at_stride(1)[:, None], other, images)
        predictions = []
        for batch in (images, changed):
            # Parts may draw numbers, too.
            torch.manual_seed(0)
            predictions.append(model.predict_cells(batch, mask).float())
    for part, training in modes:
        part.training = training
    before, after = predictions
    return before[hidden], after[hidden]
