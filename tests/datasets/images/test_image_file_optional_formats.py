"""DICOM, HEIC and compressed TIFF, with and without their packages."""

import io

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images import image_headers, tiff_samples
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import ImageLimits, read_image
from mixmae.fileio import image_formats
from tests.datasets.picture_kinds import GREY, picture
from tests.datasets.tiff_files import tiff

HEIC = b'\0\0\0\x18ftypheic' + bytes(99)
VALUES = picture(4095, np.int16)[..., 0]
PATIENT = 'Doe^Jane'


def read(data, limits=None, **settings):
    return read_image(
        'a.dcm',
        limits or ImageLimits(),
        content=data,
        decoding=ImageDecoding(**settings),
    ).pixels


def message(data, **settings):
    with pytest.raises(CorruptImageError) as caught:
        read(data, **settings)
    assert PATIENT not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def no_packages(monkeypatch):
    """Pretend that no package of ``PACKAGES`` is installed."""
    for module in (image_formats, image_headers):
        monkeypatch.setattr(module, 'has_package', lambda name: False)
    image_formats.image_formats.cache_clear()
    yield
    image_formats.image_formats.cache_clear()


def test_a_missing_package_is_named(no_packages, monkeypatch):
    assert 'pip install pydicom' in message(bytes(128) + b'DICM' + bytes(99))
    monkeypatch.setattr(tiff_samples, 'has_imagecodecs', lambda: False)
    data = tiff(np.zeros((4, 4, 5), 'u1'), GREY, tags=[(259, 5)])
    assert 'LZW; pip install imagecodecs' in message(data, channels=5)


def test_a_missing_heif_decoder_is_named(no_packages):
    assert 'pip install pillow-heif' in message(HEIC)


def test_heic():
    heif = pytest.importorskip('pillow_heif')
    heif.register_heif_opener()
    file = io.BytesIO()
    Image.fromarray(picture()).save(file, 'HEIF', quality=95)
    found = read(file.getvalue())
    assert np.abs(found.astype(int) - picture()).mean() < 8
    assert 'max_pixels' in message_of_size(file.getvalue())


def test_the_size_of_a_heic_is_compared_before_it_is_decoded(monkeypatch):
    heif = pytest.importorskip('pillow_heif')
    heif.register_heif_opener()
    file = io.BytesIO()
    Image.new('RGB', (64, 48)).save(file, 'HEIF')
    data = file.getvalue()
    # Width and height of the property `ispe`, behind its version and flags.
    place = data.index(b'ispe') + 8
    forged = data[:place] + b'\0\x0f\xff\xff' * 2 + data[place + 8 :]

    def decoded(*_):
        raise AssertionError('decoded')

    monkeypatch.setattr(type(Image.open(file)), 'load', decoded)
    assert 'decoded' in message(data)
    for content in (data, forged):
        assert 'too large' in message_of_size(content)


def message_of_size(data, **settings):
    with pytest.raises(CorruptImageError) as caught:
        read(data, ImageLimits(max_pixels=9), **settings)
    return str(caught.value)


def dicom(values, **elements):
    """Return a DICOM file with patient data."""
    pydicom = pytest.importorskip('pydicom')
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    found = pydicom.Dataset()
    found.file_meta = meta
    found.PatientName = PATIENT
    found.Rows, found.Columns = values.shape[:2]
    found.SamplesPerPixel = 1 if values.ndim == 2 else values.shape[2]
    found.PhotometricInterpretation = 'MONOCHROME2'
    found.BitsAllocated = found.BitsStored = 8 * values.dtype.itemsize
    found.HighBit = found.BitsStored - 1
    found.PixelRepresentation = int(values.dtype.kind == 'i')
    for name, value in elements.items():
        setattr(found, name, value)
    found.PixelData = values.tobytes()
    file = io.BytesIO()
    pydicom.dcmwrite(file, found, enforce_file_format=True)
    return file.getvalue()


def test_values_of_a_dicom():
    data = dicom(VALUES)
    assert 'value_range' in message(data)
    found = read(data, channels=1, value_range=(0, 4095))
    np.testing.assert_allclose(found[..., 0], VALUES * (255 / 4095), rtol=1e-5)


def test_values_are_rescaled_and_inverted_as_declared():
    settings = dict(channels=1, value_range=(-1024, 3071))
    data = dicom(VALUES, RescaleSlope=1, RescaleIntercept=-1024)
    found = read(data, **settings)
    expected = read(dicom(VALUES), channels=1, value_range=(0, 4095))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    dark = dicom(VALUES, PhotometricInterpretation='MONOCHROME1')
    found = read(dark, channels=1, value_range=(0, 4095))
    np.testing.assert_allclose(found, 255 - expected, atol=1e-3)


def test_declared_12_bits_of_a_dicom():
    data = dicom(VALUES.astype(np.uint16), BitsStored=12, HighBit=11)
    assert np.abs(read(data).astype(int) - picture()[..., :1]).max() <= 1


def test_patient_data_is_never_shown():
    data = dicom(VALUES, NumberOfFrames=7)
    assert 'a stack of 7 images' in message(data, value_range=(0, 1))
    data = dicom(VALUES)
    assert 'max_pixels' in message_of_size(data, value_range=(0, 1))
    for cut in range(100, len(data), 97):
        message(data[:cut], value_range=(0, 1))
    large = dicom(VALUES, Rows=60000, Columns=60000)
    assert 'too large' in message(large, value_range=(0, 1))


def test_lzw():
    imagecodecs = pytest.importorskip('imagecodecs')
    tifffile = pytest.importorskip('tifffile')
    assert imagecodecs
    values = np.repeat(VALUES[..., None], 12, 2).astype(np.uint16)
    file = io.BytesIO()
    for predictor in (False, True):
        file = io.BytesIO()
        tifffile.imwrite(
            file,
            values,
            photometric='minisblack',
            planarconfig='contig',
            compression='lzw',
            predictor=predictor,
            tile=(16, 16),
        )
        found = read(file.getvalue(), channels=12, value_range=(0, 4095))
        expected = values * np.float32(255 / 4095)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
