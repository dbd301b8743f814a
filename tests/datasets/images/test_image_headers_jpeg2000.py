"""Header of a JPEG 2000 file."""

import io

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.images.image_headers import JPEG2000, jpeg2000_kind
from tests.datasets.picture_kinds import encoded, picture, with_band


def kind(data):
    assert data.startswith(JPEG2000)
    return jpeg2000_kind(io.BytesIO(data))


@pytest.mark.parametrize('raw', [False, True])
@pytest.mark.parametrize(
    'mode, bands, bits', [('L', 1, 8), ('RGB', 3, 8), ('I;16', 1, 16)]
)
def test_bands_and_bits(raw, mode, bands, bits):
    if mode == 'I;16':
        image = Image.fromarray(picture(65535, np.uint16)[..., 0])
    else:
        image = Image.fromarray(picture()).convert(mode)
    found = kind(encoded(image, 'JPEG2000', no_jp2=raw))
    assert (found.bands, found.bits, found.white) == (
        bands,
        bits,
        2**bits - 1,
    )
    assert not (found.alpha or found.extra or found.obstacle)


def test_transparency_is_declared_by_a_box():
    for pixels, bands in ((with_band(picture()), 4), (picture()[..., :2], 2)):
        pixels = np.ascontiguousarray(pixels)
        declared = kind(encoded(pixels, 'JPEG2000'))
        assert (declared.bands, declared.alpha) == (bands, 'straight')
        raw = kind(encoded(pixels, 'JPEG2000', no_jp2=True))
        assert (raw.bands, raw.alpha, raw.extra) == (bands, '', 1)


def test_signed_samples_are_refused():
    data = bytearray(encoded(picture(), 'JPEG2000', no_jp2=True))
    for band in range(3):
        data[42 + 3 * band] |= 128
    found = kind(bytes(data))
    assert found.number == 'int' and found.obstacle


def test_every_truncation_is_an_expected_error():
    data = encoded(picture(), 'JPEG2000')
    end = data.index(b'\xff\x4f\xff\x51') + 50
    for at in range(12, end):
        with pytest.raises((EOFError, KeyError)):
            kind(data[:at])
