"""Image settings of a pretraining, each with its reason."""

from __future__ import annotations

from mixmae.recipes.image_sources import ImageSources
from mixmae.recipes.image_statistics import value_range_setting
from mixmae.recipes.networks import LEAST_CELLS
from mixmae.recipes.pretraining_options import PretrainingCall
from mixmae.recipes.setting import Setting

TRAIN_LIST, VAL_LIST = 'data/train.txt', 'data/val.txt'
SMALLEST = 32
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def image_size_setting(call: PretrainingCall) -> Setting:
    """Return the side of the images, which network and method must divide."""
    asked = call.options.given('image_size')
    if call.given:
        if asked not in (None, call.given.image_size):
            raise ValueError(
                f'image_size={asked}, but the model of {call.options.model} '
                f'is for {call.given.image_size}'
            )
        return Setting('img_size', call.given.image_size, 'of the config')
    if asked is not None:
        unit = call.method.unit(call.network, call.patch(asked))
        least = max(SMALLEST, 2 * unit if call.start else unit)
        if asked % unit or asked < least:
            below = max(least, asked // unit * unit)
            raise ValueError(
                f'image_size={asked} must be a multiple of {unit} for '
                f'{call.network.name} and {call.method.name}, {least} or '
                f'more: {below} or {below + unit}'
            )
        return Setting('img_size', asked, 'as given')
    short, usual = call.images.short_side(), call.method.image_size
    if short >= usual:
        return Setting(
            'img_size', usual, f'the paper; short sides here: {short} (median)'
        )
    side = max(short, SMALLEST)
    unit = call.method.unit(call.network, call.patch(side))
    least = LEAST_CELLS * unit if call.start else SMALLEST
    side = max(least, side // unit * unit)
    return Setting(
        'img_size',
        side,
        f'short sides are {short} (median); a multiple of {unit}',
    )


def image_settings(
    call: PretrainingCall,
    train: ImageSources,
    val: ImageSources,
    size: Setting,
) -> list[Setting]:
    named = '{{ fileDirname }}'
    low, high = call.method.crop_ratio_range
    own_val = call.options.val_data is not None
    return [
        Setting('train_data', train.data_sets(f'{named}/{TRAIN_LIST}', False)),
        Setting('val_data', val.data_sets(f'{named}/{VAL_LIST}', not own_val)),
        size,
        Setting(
            'crop_ratio_range',
            call.method.crop_ratio_range,
            f'crops of {low:.0%} to {high:.0%} of the area: the paper',
        ),
        *_values(call),
    ]


def _values(call: PretrainingCall) -> list[Setting]:
    """Return value range, mean and std of the images."""
    channels = call.options.in_channels
    sample = call.images.values(_channels(call))
    count = sum(sample.kinds.values())
    if channels == 3 and count and sample.grey == count:
        call.images.notes.append(
            'the images are grey; in_channels=3 reads them as RGB, '
            'in_channels=1 (--in-channels 1) as one channel'
        )
    unread = sample.unread.total()
    if unread:
        call.images.notes.append(
            f'{unread} of {unread + count} images that were read cannot be '
            f'used ({sample.fault}); a run replaces a few, and stops at more: '
            f'mixmae check-data lists them'
        )
    start = call.start.found if call.start else None
    found = value_range_setting(
        sample,
        call.options.given('value_range'),
        start.value_range if start else None,
    )
    settings = [found] if found else []
    value_range = found.value if found else None
    if call.given:
        known = call.given.images.items()
        return settings + [Setting(name, value) for name, value in known]
    if start and (start.value_range is None) == (value_range is None):
        return [
            *settings,
            Setting('mean', start.mean, 'of the weights'),
            Setting('std', start.std),
            Setting('to_rgb', start.to_rgb),
        ]
    if channels == 3 and value_range is None:
        return [Setting('mean', MEAN), Setting('std', STD)]
    measured = sample.values(value_range)
    return [
        *settings,
        Setting('mean', measured.mean, f'of {count} images, 0 to 255'),
        Setting('std', measured.std),
    ]


def _channels(call: PretrainingCall) -> int:
    """Return the channels of the network."""
    asked = call.options.in_channels
    if call.given is None:
        return asked
    own = call.given.parts.network.get('in_channels', 3)
    if asked not in (3, own):
        raise ValueError(
            f'in_channels={asked}, but the model of {call.options.model} '
            f'reads {own}'
        )
    return own
