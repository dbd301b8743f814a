"""Error of an invalid annotation."""

from mixmae.datasets.corrupt.data_error import DataError


class AnnotationError(DataError):
    """Invalid annotation; the message names file, entry and fault."""
