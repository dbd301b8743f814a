"""Error of a config or a command line."""


class ConfigError(Exception):
    """A mistake in a config or on the command line.

    Args:
        lines: Messages, a line for each mistake. Line breaks within one of
            them are replaced by spaces.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__('\n'.join(' '.join(line.split()) for line in lines))
