"""The error of data that cannot be used."""


class DataError(ValueError):
    """Says in one line which file or entry is bad, and how.

    A loader's worker hands an error on with its traceback as the text; of
    that, only the line that was written here is shown.
    """

    def __str__(self) -> str:
        marker = f'{type(self).__name__}: '
        return super().__str__().rpartition(marker)[2].strip()
