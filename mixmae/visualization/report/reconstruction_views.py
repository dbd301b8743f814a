"""Views of reconstructed images for a report; ``ReportHook`` picks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mixmae.models.heads.reconstruction_head import (
    PixelTarget,
    to_cells,
    to_images,
)
from mixmae.visualization.pictures import embedded_image, shown_bands
from mixmae.visualization.reconstruction_panel import (
    INPUT_TITLES,
    hidden_predicted,
    to_uint8,
)

# Standard deviations of a cell's pixels that map to black and white in the
# view of normalised cells.
NORMALISED_RANGE = 2.5
LONGEST = 192


def view_titles(method: str, pixel_norm: bool) -> dict[str, str]:
    """Return the titles of the views of a method, by key, in order."""
    titles = {
        'original': 'original',
        'input': INPUT_TITLES.get(method, 'visible cells'),
        'hidden': 'hidden cells predicted',
        'all': 'all cells predicted',
    }
    if pixel_norm:
        titles['normalised'] = 'prediction, normalised by cell'
    return titles


def reconstruction_views(
    samples: Sequence[Any],
    mean: Tensor,
    std: Tensor,
    longest: int = LONGEST,
) -> list[dict[str, Any]]:
    """Return the views of each sample, ready for a page.

    ``hidden`` keeps the visible cells of the image, as figures of masked
    autoencoders do; ``all`` shows the prediction of every cell; with pixel
    norm ``normalised`` shows what the network predicts, cells of zero mean
    and unit variance, where the other views add the target's own mean and
    variance.

    Args:
        samples: Predictions, see ``MaskedImageModel.predict``.
        mean: Mean of the preprocessor, broadcastable to (3, H, W).
        std: Standard deviation of the preprocessor.
        longest: Larger views are reduced to this longest side in pixels.

    Returns:
        For each sample ``data:`` addresses by view, ``loss`` and
        ``mean_colour_loss``.
    """
    found = []
    for sample in samples:
        original = sample.original.float().cpu()
        bands = list(shown_bands(len(original)))
        predicted = sample.reconstruction.float().cpu()
        views = {
            'original': original,
            'input': sample.mixed.float().cpu(),
            'hidden': hidden_predicted(sample),
            'all': predicted,
        }
        if sample.uses_target_statistics:
            views['normalised'] = _normalised(
                original, predicted, sample.cell, mean.cpu(), std.cpu()
            )
        row: dict[str, Any] = {
            name: embedded_image(to_uint8(view[bands]), longest)
            for name, view in views.items()
        }
        row['loss'] = float(sample.loss)
        row['mean_colour_loss'] = float(sample.mean_colour_loss)
        found.append(row)
    return found


def _normalised(
    original: Tensor, predicted: Tensor, cell: int, mean: Tensor, std: Tensor
) -> Tensor:
    """Prediction of normalised cells, as pixels around middle grey."""
    shape = (-1, 1, 1)
    mean, std = mean.float().reshape(shape), std.float().reshape(shape)
    target = PixelTarget.of(((original - mean) / std)[None], cell, True)
    cells = to_cells(((predicted - mean) / std)[None], cell)
    values = (cells - target.mean) / target.scale
    images = to_images(values, cell, *original.shape[-2:])[0]
    return (images / NORMALISED_RANGE + 1) * 127.5
