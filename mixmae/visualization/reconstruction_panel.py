"""Panels of the inputs and reconstructions of pretraining models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mixmae.evaluation.feature_extraction import evaluating
from mixmae.visualization.pictures import shown_bands

BACKGROUND = (255, 255, 255)
INK = (34, 34, 34)
FAINT = (110, 110, 110)
BORDER = (255, 255, 255)
# Titles of the encoder input, by method; other methods show hidden cells in
# a single colour.
INPUT_TITLES = {'MixMAE': 'mixed input'}
TARGET_STATISTICS_NOTE = (
    'mean and contrast are of the target, so cells look better than predicted'
)
GAP = 10
MARGIN = 14
# Height of a heading above a panel of a stack.
HEADING = 30


def panel_font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font of panels at a size in pixels."""
    # Matplotlib ships this font, so it is the same everywhere.
    return ImageFont.truetype(font_manager.findfont('DejaVu Sans'), size)


def to_uint8(image: Tensor) -> np.ndarray:
    """(3, H, W) float 0..255 -> (H, W, 3) uint8, clipped and rounded."""
    array = image.detach().float().cpu().clamp(0, 255).round()
    return array.permute(1, 2, 0).numpy().astype(np.uint8)


def hidden_predicted(sample: Any) -> Tensor:
    """Return an image with its visible cells, and predictions of the others.

    Args:
        sample: Prediction with ``original`` and ``reconstruction`` (K, H, W)
            and ``hidden`` (rows, columns).

    Returns:
        (K, H, W), on the CPU.
    """
    original = sample.original.float().cpu()
    hidden = sample.hidden.cpu().bool()
    for axis in (0, 1):
        cell = original.size(axis + 1) // hidden.size(axis)
        hidden = hidden.repeat_interleave(cell, axis)
    return torch.where(hidden, sample.reconstruction.float().cpu(), original)


def _enlarge(image: Tensor, zoom: int, bands: tuple[int, ...]) -> Image.Image:
    pixels = to_uint8(image[list(bands)])
    height, width = pixels.shape[:2]
    return Image.fromarray(pixels).resize(
        (width * zoom, height * zoom), Image.Resampling.NEAREST
    )


def _outline(picture: Image.Image, hidden: np.ndarray) -> None:
    """Draw the edges between hidden and visible cells, in place."""
    draw = ImageDraw.Draw(picture)
    rows, columns = hidden.shape
    high, wide = picture.height / rows, picture.width / columns
    for y, x in np.argwhere(hidden[:, 1:] != hidden[:, :-1]):
        line = round((x + 1) * wide)
        draw.line(
            [(line, round(y * high)), (line, round((y + 1) * high))],
            fill=BORDER,
        )
    for y, x in np.argwhere(hidden[1:] != hidden[:-1]):
        line = round((y + 1) * high)
        draw.line(
            [(round(x * wide), line), (round((x + 1) * wide), line)],
            fill=BORDER,
        )


def _paragraph(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """Break a text into lines that do not exceed the width."""
    lines = ['']
    for word in text.split():
        longer = f'{lines[-1]} {word}'.strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return '\n'.join(lines)


@torch.no_grad()
def predict_mixed(model: Any, data: dict) -> list:
    """Predict the images of a panel under one fixed, shared mask.

    Metrics hide different cells in each image, without mixing partners in
    the encoder; under a shared mask the panel shows the actual encoder input.

    Args:
        model: A ``MaskedImageModel``; its state is not changed.
        data: A collated batch of a dataset.

    Returns:
        One sample per image, as required by ``reconstruction_panel``.
    """
    height, width = data['inputs'][0].shape[-2:]
    generator = torch.Generator().manual_seed(0)
    mask = model.data_preprocessor.masking(1, height, width, generator)
    with evaluating(model):
        return model.val_step({**data, 'mask': mask})


def reconstruction_panel(
    samples: Sequence[Any],
    max_samples: int = 8,
    columns: int = 2,
    image_size: int = 160,
    bands: Sequence[int] | None = None,
) -> np.ndarray:
    """Draw original, encoder input and reconstructions of some predictions.

    The first reconstruction keeps the visible cells, the second shows the
    prediction of every cell. In the input a thin line separates an image's own
    cells from hidden ones. Below the pictures of an image are its loss and the
    loss of filling every hidden cell with its mean colour. With pixel norm a
    note states that predictions use the target's own statistics.

    Args:
        samples: Predictions with ``original``, ``mixed`` and
            ``reconstruction`` (K, H, W) in 0..255, ``hidden``, ``loss``,
            ``mean_colour_loss``, ``method`` and ``uses_target_statistics``.
        max_samples: Only the first ones are drawn.
        columns: Images side by side.
        image_size: Images are enlarged by an integer factor to about this
            many pixels.
        bands: Channels that are drawn as red, green and blue, or one as grey;
            see ``shown_bands``. Losses are of all channels.

    Returns:
        (H, W, 3) uint8 RGB image.

    Raises:
        ValueError: There are no samples, or no such bands.
    """
    shown = list(samples[:max_samples])
    if not shown:
        raise ValueError('a reconstruction panel needs at least one sample')
    channels, height, width = shown[0].original.shape
    colours = shown_bands(channels, bands)
    zoom = max(1, round(image_size / max(height, width)))
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    title_font, text_font = panel_font(14), panel_font(12)

    cell_width, cell_height = width * zoom, height * zoom
    row_width = 4 * cell_width + 3 * GAP
    row_height = cell_height + 26
    total_width = columns * row_width + (columns - 1) * 3 * GAP
    note = ''
    if any(sample.uses_target_statistics for sample in shown):
        note = _paragraph(
            f'predicted cells: {TARGET_STATISTICS_NOTE}',
            text_font,
            total_width,
        )
    note_height = 17 * len(note.splitlines()) + 4 if note else 0
    canvas = Image.new(
        'RGB',
        (
            total_width + 2 * MARGIN,
            26 + rows * row_height + note_height + 2 * MARGIN,
        ),
        BACKGROUND,
    )
    draw = ImageDraw.Draw(canvas)
    for i, sample in enumerate(shown):
        row, column = divmod(i, columns)
        left = MARGIN + column * (row_width + 3 * GAP)
        top = MARGIN + 26 + row * row_height
        pictures = [
            _enlarge(image, zoom, colours)
            for image in (
                sample.original,
                sample.mixed,
                hidden_predicted(sample),
                sample.reconstruction,
            )
        ]
        _outline(pictures[1], sample.hidden.cpu().bool().numpy())
        seen = INPUT_TITLES.get(sample.method, 'visible cells')
        titles = ('original', seen, 'hidden predicted', 'all predicted')
        for j, (picture, title) in enumerate(
            zip(pictures, titles, strict=True)
        ):
            x = left + j * (cell_width + GAP)
            canvas.paste(picture, (x, top))
            if row == 0:
                draw.text((x, MARGIN), title, INK, title_font)
        draw.text(
            (left, top + cell_height + 4),
            f'loss {float(sample.loss):.3f}  '
            f'(mean-colour filling {float(sample.mean_colour_loss):.3f})',
            FAINT,
            text_font,
        )
    if note:
        draw.multiline_text(
            (MARGIN, canvas.height - MARGIN - note_height + 4),
            note,
            INK,
            text_font,
        )
    return np.asarray(canvas)


def stacked_panels(panels: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """Stack panels vertically, each under a heading.

    Args:
        panels: Heading and image, uint8 RGB (H, W, 3), of each panel.

    Returns:
        (H, W, 3) uint8 RGB image, as wide as the widest panel or heading.

    Raises:
        ValueError: There are no panels.
    """
    if not panels:
        raise ValueError('a stack needs at least one panel')
    font = panel_font(16)
    width = max(
        max(picture.shape[1], int(font.getlength(text)) + 2 * MARGIN)
        for text, picture in panels
    )
    height = sum(picture.shape[0] + HEADING for _, picture in panels)
    canvas = Image.new('RGB', (width, height), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    top = 0
    for text, picture in panels:
        draw.text((MARGIN, top + MARGIN - 2), text, INK, font)
        canvas.paste(Image.fromarray(picture), (0, top + HEADING))
        top += picture.shape[0] + HEADING
    return np.asarray(canvas)
