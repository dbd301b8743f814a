"""Names of image kinds in messages."""

import pytest

from mixmae.datasets.images.image_kind import (
    MODES,
    UNASSOCIATED,
    UNMARKED,
    ImageKind,
)


@pytest.mark.parametrize(
    'kind, text',
    [
        (ImageKind('JPEG'), 'JPEG, 3 bands of 8-bit unsigned integers (RGB)'),
        (
            ImageKind('TIFF', 'grey', 1, 32, 'float'),
            'TIFF, 1 band of 32-bit floats',
        ),
        (
            ImageKind('TIFF', bands=4, extra=1, extra_mark=UNMARKED),
            'TIFF, 4 bands of 8-bit unsigned integers (RGB and 1 more '
            'without a mark)',
        ),
        (
            ImageKind('PNG', 'grey', 2, 16, alpha='straight', obstacle='x'),
            'PNG, 2 bands of 16-bit unsigned integers (grey and '
            'transparency), x',
        ),
    ],
)
def test_text(kind, text):
    assert str(kind) == text


@pytest.mark.parametrize('mode', MODES)
def test_modes_of_pillow(mode):
    kind = ImageKind.of_mode('WEBP', mode)
    assert not kind.obstacle and not kind.wide and not kind.doubtful_alpha
    assert bool(kind.alpha) == (mode[-1] in 'Aa')


def test_unknown_modes_are_refused():
    assert 'I;16' in ImageKind.of_mode('WEBP', 'I;16').obstacle


def test_an_alpha_mark_on_any_band():
    kind = ImageKind('TIFF', alpha='straight', extra_mark=UNASSOCIATED)
    assert kind.doubtful_alpha
    assert not ImageKind('PNG', alpha='straight').doubtful_alpha
