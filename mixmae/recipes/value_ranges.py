"""Value range of labelled images, of the weights or measured."""

from __future__ import annotations

from collections.abc import Sequence

from mixmae.recipes.image_sources import ImageSources
from mixmae.recipes.initial_network import InitialNetwork
from mixmae.recipes.setting import Setting


def value_range_setting(
    network: InitialNetwork,
    files: Sequence[str],
    given: Sequence[float] | None,
) -> Setting | None:
    """Return the value range of a fine-tuning.

    Args:
        network: The network to start from; its range is taken where images
            are of other than 8 bits.
        files: Images to train on, of which a sample is read.
        given: The range that the call names.

    Returns:
        The setting; None = images of 8 bits.

    Raises:
        ValueError: Images cannot become the channels of the network, or a
            given range has no effect.
    """
    channels = network.backbone.get('in_channels', 3)
    sample = ImageSources(files=[*files]).values(channels)
    count = sum(sample.kinds.values())
    if not sample.wide:
        if given is not None:
            raise ValueError(
                f'value_range={tuple(given)} has no effect: {count} images '
                f'that were read are of 8 bits'
            )
        known = network.value_range
        return None if known is None else Setting('value_range', (*known,))
    if given is not None:
        return Setting('value_range', (*given,), 'as given')
    if network.value_range is not None:
        return Setting(
            'value_range', (*network.value_range,), 'that of the pretraining'
        )
    return Setting(
        'value_range',
        sample.percentiles(),
        f'0.1 and 99.9 % of the values of {count} images; the pretraining '
        'was on 8 bits',
    )
