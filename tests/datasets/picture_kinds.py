"""One image as a file of each supported and unsupported kind.

The picture is (H, W, 3), its grey one its first channel, its fourth band its
channels' mean.
"""

import io
import struct
import zlib

import cv2
import numpy as np
import PIL
from PIL import Image

from tests.datasets.tiff_files import tiff

HEIGHT, WIDTH = 24, 32
GREY, RGB = 1, 2


def picture(top=255, dtype=np.uint8):
    """Return (H, W, 3) pixels from 0 to ``top``; all channels differ."""
    ramp = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    bands = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], 2)
    return np.round(bands * top).astype(dtype)


def with_band(pixels):
    """Append a fourth band."""
    return np.dstack([pixels, pixels.mean(2).astype(pixels.dtype)])


def encoded(image, kind, **options):
    """Encode an array or a Pillow image as a file."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(pixels, colour_type, *chunks):
    """Encode (H, W, bands) of an unsigned type as PNG of any depth."""
    bits = 8 * pixels.dtype.itemsize
    rows = pixels.astype(pixels.dtype.newbyteorder('>'))
    raw = b''.join(b'\0' + row.tobytes() for row in rows)
    size = struct.pack('>LL', pixels.shape[1], pixels.shape[0])
    head = size + bytes([bits, colour_type, 0, 0, 0])
    parts = [(b'IHDR', head), *chunks, (b'IDAT', zlib.compress(raw)),
             (b'IEND', b'')]  # fmt: skip
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>L', len(body)) + name + body
        + struct.pack('>L', zlib.crc32(name + body))
        for name, body in parts
    )  # fmt: skip


def turned(pixels, orientation):
    """Return pixels as stored under an EXIF orientation."""
    transposed = np.swapaxes(pixels, 0, 1)
    return np.ascontiguousarray({
        1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1],
        4: pixels[::-1], 5: transposed, 6: transposed[::-1],
        7: transposed[::-1, ::-1], 8: transposed[:, ::-1],
    }[orientation])  # fmt: skip


def _exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def read_kinds():
    """Return files that the default settings read.

    Returns:
        By name: bytes, what is to be read as uint8 (H, W, 3), and how far
        from that a pixel may be.
    """
    eight, deep = picture(), picture(65535, np.uint16)
    grey = np.repeat(eight[..., :1], 3, 2)
    pillow = Image.fromarray(eight)
    clear = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    clear[: HEIGHT // 2] = 255
    shown = np.where(clear > 0, eight, 255)
    grey_shown = np.where(clear > 0, grey, 255)
    bit = Image.fromarray(eight[..., 0]).convert('1')
    bits = np.repeat(np.asarray(bit.convert('L'))[..., None], 3, 2)
    palette = pillow.quantize(16)
    colours = np.asarray(palette.convert('RGB'))
    loss = 40
    cv_deep = cv2.imencode('.png', deep[..., ::-1])[1].tobytes()
    found = {
        'grey.png': (encoded(eight[..., 0], 'PNG'), grey, 0),
        'rgb.png': (encoded(eight, 'PNG'), eight, 0),
        'alpha.png': (encoded(np.dstack([eight, clear]), 'PNG'), shown, 0),
        'grey-alpha.png': (
            encoded(np.dstack([eight[..., 0], clear]), 'PNG'), grey_shown, 0),
        'palette.png': (encoded(palette, 'PNG'), colours, 0),
        'bit.png': (encoded(bit, 'PNG'), bits, 0),
        'grey-16.png': (encoded(deep[..., 0], 'PNG'), grey, 0),
        'rgb-16.png': (cv_deep, eight, 0),
        'alpha-16.png': (
            png(np.dstack([deep, clear.astype(np.uint16) * 257]), 6),
            shown, 0),
        'grey-alpha-16.png': (
            png(np.dstack([deep[..., :1],
                           clear.astype(np.uint16) * 257]), 4),
            grey_shown, 0),
        'grey.jpg': (encoded(eight[..., 0], 'JPEG', quality=95), grey, loss),
        'rgb.jpg': (encoded(eight, 'JPEG', quality=95), eight, loss),
        'cmyk.jpg': (
            encoded(pillow.convert('CMYK'), 'JPEG', quality=95), eight, loss),
        'grey.tif': (encoded(eight[..., 0], 'TIFF'), grey, 0),
        'rgb.tif': (encoded(eight, 'TIFF'), eight, 0),
        'rgb-lzw.tif': (
            encoded(eight, 'TIFF', compression='tiff_lzw'), eight, 0),
        'rgb-planar.tif': (tiff(eight, RGB, planar=True), eight, 0),
        'rgb-big.tif': (tiff(eight, RGB, big=True), eight, 0),
        'rgb-motorola.tif': (tiff(eight, RGB, order='>'), eight, 0),
        'white-is-0.tif': (tiff(255 - eight[..., 0], 0), grey, 0),
        'white-is-0-16.tif': (tiff(65535 - deep[..., 0], 0), grey, 0),
        'grey-16.tif': (tiff(deep[..., 0], GREY), grey, 0),
        'grey-16-motorola.tif': (
            tiff(deep[..., 0], GREY, order='>'), grey, 0),
        'rgb-16.tif': (tiff(deep, RGB), eight, 0),
        'rgb-16-motorola.tif': (tiff(deep, RGB, order='>'), eight, 0),
        'planar-16.tif': (tiff(deep, RGB, planar=True), eight, 0),
        'grey.npy': (npy(eight[..., 0]), grey, 0),
        'rgb.npy': (npy(eight), eight, 0),
        'bands-first.npy': (npy(np.moveaxis(eight, 2, 0)), eight, 0),
        'fortran.npy': (npy(np.asfortranarray(deep)), eight, 0),
        'premultiplied.tif': (
            tiff(np.dstack([np.where(clear > 0, eight, 0), clear]), RGB,
                 extra=(1,)), shown, 0),
        'unassociated.tif': (
            tiff(np.dstack([eight, clear]), RGB, extra=(2,)), shown, 0),
        'cmyk.tif': (tiff(np.dstack([255 - eight, clear * 0]), 5), eight, 0),
        'palette.tif': (encoded(palette, 'TIFF'), colours, 0),
        'bit.tif': (encoded(bit, 'TIFF'), bits, 0),
        'rgb.webp': (encoded(eight, 'WEBP', lossless=True), eight, 0),
        'alpha.webp': (
            encoded(np.dstack([eight, clear]), 'WEBP', lossless=True,
                    exact=True), shown, 0),
        'rgb.bmp': (encoded(eight, 'BMP'), eight, 0),
        'palette.gif': (encoded(palette, 'GIF'), colours, 0),
        'rgb.jp2': (encoded(eight, 'JPEG2000'), eight, 0),
        'alpha.jp2': (
            encoded(np.dstack([eight, clear]), 'JPEG2000'), shown, 0),
        'grey-16.jp2': (encoded(deep[..., 0], 'JPEG2000'), grey, 0),
        '12-bits.pgm': (_ppm(picture(4095, '>u2')[..., 0], 4095), grey, 1),
        '12-bits.ppm': (_ppm(picture(4095, '>u2'), 4095), eight, 1),
        '16-bits.ppm': (_ppm(deep.astype('>u2'), 65535), eight, 0),
    }  # fmt: skip
    if int(PIL.__version__.split('.')[0]) > 12:
        # Pillow 12 takes such files for truncated.
        ycc = encoded(pillow.convert('YCbCr'), 'TIFF')
        found['ycc.tif'] = (ycc, eight, 3)
    for kind in ('GIF', 'PNG', 'WEBP'):
        first, second = palette, pillow.rotate(180).quantize(16)
        if kind != 'GIF':
            first, second = first.convert('RGB'), second.convert('RGB')
        options = dict(save_all=True, append_images=[second], lossless=True)
        if kind != 'WEBP':
            del options['lossless']
        data = encoded(first, kind, **options)
        found[f'animated.{kind.lower()}'] = (data, colours, 0)
    for turn in range(1, 9):
        stored, exif = turned(eight, turn), _exif(turn)
        deep_stored = turned(deep, turn)
        found |= {
            f'turned-{turn}.jpg': (
                encoded(stored, 'JPEG', quality=95, exif=exif), eight, loss),
            f'turned-{turn}.png': (
                encoded(stored, 'PNG', exif=exif), eight, 0),
            f'turned-{turn}-16.png': (
                png(deep_stored, 2, (b'eXIf', exif.tobytes()[6:])), eight, 0),
            f'turned-{turn}-grey.tif': (
                tiff(stored[..., 0], GREY, tags=[(274, turn)]), grey, 0),
            f'turned-{turn}-grey-16.tif': (
                tiff(deep_stored[..., 0], GREY, tags=[(274, turn)]), grey, 0),
            f'turned-{turn}-16.tif': (
                tiff(deep_stored, RGB, tags=[(274, turn)]), eight, 0),
        }  # fmt: skip
    return found


def refused_kinds():
    """Return valid files that the default settings refuse, by name.

    Returns:
        Bytes, and words that the message must have.
    """
    eight, deep = picture(), picture(65535, np.uint16)
    four, grey = with_band(eight), eight[..., 0]
    many = np.repeat(deep[..., :1], 12, 2)
    jpeg = encoded(eight, 'JPEG')
    frame = jpeg.index(b'\xff\xc0')
    return {
        'fourth.tif': (tiff(four, RGB), '4 bands of 8-bit'),
        'unspecified.tif': (tiff(four, RGB, extra=(0,)), '4 bands of 8-bit'),
        'fourth-16.tif': (tiff(with_band(deep), RGB), '4 bands of 16-bit'),
        'five.tif': (
            tiff(np.dstack([four, grey]), RGB, extra=(0, 0)), '5 bands'),
        'two.tif': (tiff(eight[..., :2], GREY, extra=(0,)), '2 bands'),
        'many.tif': (tiff(many, GREY), '12 bands of 16-bit unsigned'),
        'many-planar.tif': (tiff(many, GREY, planar=True), '12 bands'),
        'many-big.tif': (tiff(many, GREY, big=True), '12 bands'),
        'float.tif': (tiff(picture(1, 'f4')[..., 0], GREY), '32-bit floats'),
        'double.tif': (tiff(picture(1, 'f8')[..., 0], GREY), '64-bit floats'),
        'half.tif': (tiff(picture(1, 'f2')[..., 0], GREY), '16-bit floats'),
        'rgb-float.tif': (tiff(picture(1, 'f4'), RGB), '3 bands of 32-bit'),
        'signed-8.tif': (
            tiff((grey.astype('i2') - 128).astype('i1'), GREY),
            '8-bit signed integers, values -128 to 127'),
        'signed-16.tif': (
            tiff(picture(9000, 'i2')[..., 0] - 500, GREY),
            '16-bit signed integers, values -500 to 8500'),
        'signed-32.tif': (
            tiff(picture(9, 'i4')[..., 0], GREY), '32-bit signed integers'),
        'wide.tif': (
            tiff(picture(2**32 - 1, 'u4')[..., 0], GREY),
            '32-bit unsigned integers, values 0 to 4.29497e+09'),
        'inks.tif': (tiff(four, 5, tags=[(332, 2)]), 'inks other than CMYK'),
        'cmyk-16.tif': (tiff(with_band(deep), 5), '16-bit unsigned'),
        'raw.tif': (tiff(deep[..., 0], 32803), 'colour filter array'),
        'stack.tif': (tiff(grey, GREY, pages=7), 'a stack of 7 images'),
        'preview.tif': (tiff(eight, RGB, tags=[(254, 1)]), 'a preview'),
        'jpeg2000.tif': (tiff(eight, RGB, tags=[(259, 34712)]), 'JPEG 2000'),
        'fourth.j2k': (encoded(four, 'JPEG2000', no_jp2=True), '4 bands'),
        'float.pfm': (
            b'Pf\n%d %d\n-1.0\n' % (WIDTH, HEIGHT)
            + picture(1, '<f4')[..., 0].tobytes(), '32-bit floats'),
        '12-bits.jpg': (
            jpeg[: frame + 4] + b'\x0c' + jpeg[frame + 5 :], '12 bits'),
        'lossless.jpg': (
            jpeg[: frame + 1] + b'\xc3' + jpeg[frame + 2 :], 'lossless'),
        'heic.jpg': (b'\0\0\0\x18ftypheic' + bytes(99), 'HEIC'),
        'jxl.jpg': (b'\xff\x0a' + bytes(99), 'JPEG XL'),
        'float.npy': (npy(picture(1, 'f4')), '3 bands of 32-bit floats'),
        'many.npy': (npy(many), '12 bands of 16-bit unsigned'),
        'psd.png': (b'8BPS\0\1' + bytes(99), 'Photoshop'),
    }  # fmt: skip


def npy(array):
    """Return the bytes of an npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _ppm(pixels, white):
    number = 5 if pixels.ndim == 2 else 6
    head = b'P%d\n# a comment\n%d %d\n%d\n' % (number, WIDTH, HEIGHT, white)
    return head + pixels.tobytes()
