"""The error of an annotation that cannot be true."""

from mixmae.datasets.corrupt.data_error import DataError


class AnnotationError(DataError):
    """Says in one line which file and entry is bad, and how."""
