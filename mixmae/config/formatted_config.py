"""A config that is formatted once, and written without harm."""

from __future__ import annotations

import os
from pathlib import Path

import mmengine
from mmengine.config import Config

from mixmae.fileio.atomic_write import atomic_write


class FormattedConfig(Config):
    """MMEngine's ``Config``, which keeps its text as long as nothing changes.

    Formatting a training's config takes 0.15 seconds of a processor, and a
    runner does it four times before the first iteration and again for every
    checkpoint.
    """

    @classmethod
    def of(cls, cfg: Config) -> FormattedConfig:
        """The same config: what is changed in one is changed in the other."""
        found = cls()
        # What pickling takes to be all there is of a config.
        found.__setstate__(cfg.__getstate__())
        return found

    def dump(self, file: str | os.PathLike | None = None) -> str | None:
        """Write the config whole or not at all, or return its text.

        A symbolic link of that name is replaced, not followed. The file that
        the config was read from is left as it is: it has the user's comments,
        and a work folder may be the folder that it lies in.
        """
        if file is None:
            return super().dump()
        place = Path(file)
        own = self.filename and os.path.exists(self.filename)
        if own and place.exists() and place.samefile(self.filename):
            return None
        kind = place.suffix.removeprefix('.')
        text = (
            self.pretty_text
            if kind == 'py'
            else mmengine.dump(self.to_dict(), file_format=kind)
        )
        with atomic_write(place) as partial:
            partial.write_text(text, encoding='utf-8')
        return None

    @property
    def pretty_text(self) -> str:
        """Get formatted python config text."""
        plain = Config(self.to_dict(), format_python_code=False).pretty_text
        known, text = self.__dict__.get('_formatted', (None, ''))
        if known != plain:
            text = super().pretty_text
            # Past MMEngine's own __setattr__, which sets keys of the config.
            object.__setattr__(self, '_formatted', (plain, text))
        return text
