"""Check of the channels that images and network have."""

from __future__ import annotations

from mixmae.preflight.check import Check, Finding, PlannedRun

CHANNELS = 3


class ImageChannels(Check):
    """Mean and standard deviation have the three channels of RGB.

    Preprocessors of other libraries take any number, and fail in the first
    batch, or normalise all channels by one.
    """

    name = 'image channels'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Compare the lengths of mean and std with the channels."""
        model = planned.config.get('model') or {}
        preprocessor = model.get('data_preprocessor') or {}
        found = {
            name: list(preprocessor[name])
            for name in ('mean', 'std')
            if preprocessor.get(name) is not None
        }
        if not found:
            return None
        compared = ', '.join(
            f'{name} of {len(values)}' for name, values in found.items()
        )
        errors = tuple(
            f'model.data_preprocessor.{name} has {len(values)} numbers, '
            f'{values}, but networks here read three channels (RGB): give '
            f'three; images of one channel are repeated, further bands are '
            f'not read'
            for name, values in found.items()
            if len(values) != CHANNELS
        )
        return Finding(f'{compared}; RGB', errors)
