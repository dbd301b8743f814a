"""Error of a checkpoint that could not be written."""


class CheckpointWriteError(RuntimeError):
    """A checkpoint could not be written; the last good one is untouched."""
