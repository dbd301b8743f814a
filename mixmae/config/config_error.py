"""Error of a config or a command line."""


class ConfigError(Exception):
    """An error in a config or on the command line.

    Args:
        lines: Messages, one line per error. Line breaks within a message are
            replaced by spaces.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__('\n'.join(' '.join(line.split()) for line in lines))
