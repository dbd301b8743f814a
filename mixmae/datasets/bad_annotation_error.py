"""The error of an annotation that cannot be true."""

from mixmae.datasets.bad_data_error import BadDataError


class BadAnnotationError(BadDataError):
    """Says in one line which file and entry is bad, and how."""
