"""Value range of the images of a pretraining or a fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence

from mixmae.datasets.images.sample_values import ValueSample
from mixmae.recipes.setting import Setting


def value_range_setting(
    sample: ValueSample,
    given: Sequence[float] | None,
    known: Sequence[float] | None,
) -> Setting | None:
    """Return the sample values that become 0 and 255.

    Args:
        sample: Images to train on, read as the channels of the network.
        given: Range that the call names.
        known: Range of the weights to start from.

    Returns:
        The given range, that of the weights, or one measured on the sample;
        None = images of 8 bits, which are not scaled.

    Raises:
        ValueError: A given range has no effect, or none can be measured.
    """
    count = sum(sample.kinds.values())
    if not sample.wide:
        if given is not None:
            raise ValueError(
                f'value_range={tuple(given)} has no effect: {count} images '
                f'that were read are of 8 bits'
            )
        return None
    if given is not None:
        return Setting('value_range', (*given,), 'as given')
    if known is not None:
        return Setting('value_range', (*known,), 'that of the weights')
    return Setting(
        'value_range',
        sample.percentiles(),
        f'0.1 and 99.9 % of the values of {count} images',
    )
