"""Value range, mean and std of a run, where its config says 'auto'.

'auto' stands for the values of the checkpoint that the run starts from or,
without one, for those of a sample of its training images. They are the same
for every image of the run, and are written into its config, and so into its
checkpoints.
"""

import copy
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.loading.recorded_model import recorded_model
from mixmae.config.option_values import AUTO, open_values
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images.sample_values import (
    PERCENTILES,
    ImageValues,
    ValueSample,
    spread,
)
from mixmae.datasets.listed_paths import image_sets, loader_of
from mixmae.fileio.address import public_address
from mixmae.registry import DATASETS


def set_image_values(
    cfg: Config, *checkpoints: str | None, measure: bool = True
) -> list[str]:
    """Replace 'auto' by values everywhere in a config.

    Args:
        cfg: Config of a run; changed.
        checkpoints: Checkpoints whose values take precedence over those of
            ``load_from`` and of the backbone's ``init_cfg``.
        measure: Whether to read images if no checkpoint has values.

    Returns:
        Lines on the values and their source; none if no value was 'auto'.

    Raises:
        ValueError: No checkpoint records the values, and no training image
            can be read or ``measure`` is False.
    """
    if not any(open_values(cfg)):
        return []
    model = cfg.get('model') or {}
    backbone = model.get('backbone') or {}
    init = backbone.get('init_cfg') or {}
    channels = backbone.get('in_channels', 3)
    for path in (*checkpoints, cfg.get('load_from'), init.get('checkpoint')):
        values = path and recorded_values(path, channels)
        if values:
            source = public_address(str(path))
            break
    else:
        if not measure:
            raise ValueError(
                "value_range, mean or std of the config are 'auto', and the "
                'checkpoint does not record them; set them in the config'
            )
        values, source = _measured(cfg)
    for part, name in open_values(cfg):
        given = getattr(values, name)
        part[name] = list(given) if isinstance(given, (list, tuple)) else given
    low_high = values.value_range
    return [
        'value_range: none, all images are of 8 bits'
        if low_high is None
        else f'value_range=({low_high[0]:g}, {low_high[1]:g}) becomes 0..255',
        f'mean={values.mean}, std={values.std}',
        f'of {source}; the config, and so the checkpoints, hold them',
    ]


def leave_image_values_open(cfg: Config) -> None:
    """Replace 'auto' so that a model can be built without images.

    Args:
        cfg: Config of a run; changed. Its model computes wrong figures.
    """
    backbone = (cfg.get('model') or {}).get('backbone') or {}
    count = backbone.get('in_channels', 3)
    for part, name in open_values(cfg):
        part[name] = None if name == 'value_range' else [1.0] * count


def recorded_values(path: str, channels: int) -> ImageValues | None:
    """Return the values that a checkpoint records.

    None if it records none, or those of another number of channels.
    """
    meta = safe_load(path).get('meta')
    model = recorded_model(meta) if isinstance(meta, Mapping) else {}
    found = model.get('data_preprocessor') or {}
    mean, std = found.get('mean'), found.get('std')
    if not mean or not std or len(mean) != channels or AUTO in (mean, std):
        return None
    given = found.get('value_range')
    value_range = None if given is None else (given[0], given[1])
    return ImageValues(value_range, list(mean), list(std))


def _measured(cfg: Config) -> tuple[ImageValues, str]:
    """Read a sample of the training images."""
    config = copy.deepcopy(cfg.train_dataloader['dataset'])
    for part, name in open_values(config):
        part[name] = None
    with DefaultScope.overwrite_default_scope(
        cfg.get('default_scope') or 'mixmae'
    ):
        dataset = DATASETS.build(config)
    sets = [found for _, found in image_sets(dataset, 'train')]
    if not sets:
        raise ValueError(
            "value_range, mean and std 'auto' are measured on images that a "
            'mixmae.LoadImage reads, and train_dataloader has none: give '
            'numbers'
        )
    # The first of several sets, as all have the same loading.
    first = sets[0]
    loader = loader_of(first)
    assert loader is not None
    read = getattr(first, 'read_sample', first.get_data_info)
    indices = spread(len(first))
    sample = ValueSample(loader.decoding, loader.limits)
    for index in indices:
        try:
            entry = read(index)
        except CorruptImageError as error:
            sample.unread[error.cause] += 1
        else:
            sample.add(entry['img_path'], entry.get('img_bytes'))
    value_range = sample.percentiles()
    source = f'{len(indices)} of {len(first):,} training images'
    if value_range is not None:
        low, high = PERCENTILES
        source += (
            f' (percentiles {low:g} and {high:g}; their values are '
            f'{sample.least:g} to {sample.most:g})'
        )
    return sample.values(value_range), source
