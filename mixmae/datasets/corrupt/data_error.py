"""Error of data that cannot be used."""


class DataError(ValueError):
    """Invalid data; the message names file or entry and fault in one line.

    A loader's worker passes an error on with its traceback as text; only the
    line written here is shown.
    """

    def __str__(self) -> str:
        marker = f'{type(self).__name__}: '
        return super().__str__().rpartition(marker)[2].strip()
