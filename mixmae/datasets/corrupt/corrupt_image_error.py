"""Error of an image file that cannot be used, and its causes."""

from mixmae.config.failure_report import DataError
from mixmae.fileio.shown_text import escape

# One word per cause, used in the log of a run, in its corrupt_files.txt and in
# the report of `mixmae check-data`. Do not reorder: a run stores the causes of
# its files as numbers.
CAUSES = {
    'missing': 'it does not exist (any more), or it is a dangling link',
    'unreadable': 'the system cannot read it: permissions, or a failing disk',
    'empty': 'it has no bytes',
    'no image': 'its content is in no supported format',
    'truncated': 'it ends before the image does',
    'damaged': 'the decoder fails on its content',
    'too large': 'it has more pixels than allowed',
    'too small': 'it has a side shorter than allowed',
    'wrong checksum': 'its bytes differ from those packed into the shard',
    'unsupported': 'it is intact, but its channels would lose information',
}


class CorruptImageError(DataError):
    """An image file that cannot be used.

    Args:
        path: Path of the file.
        cause: One of ``CAUSES``.
        detail: Further information for the message.
        kind: For 'unsupported', the type declared by the file header.
    """

    def __init__(
        self, path: str, cause: str = '', detail: str = '', kind: str = ''
    ) -> None:
        # All arguments go to the base class, so that the error can be pickled.
        # A loader's worker passes it on with one argument, its traceback.
        super().__init__(path, cause, detail, kind)
        self.kind = kind
        self.path = path
        self.cause = cause
        self.detail = detail

    @property
    def reason(self) -> str:
        """The cause and, in brackets, the detail."""
        detail = ' '.join(self.detail.split())
        return f'{self.cause} ({detail})' if detail else self.cause

    def __str__(self) -> str:
        if not self.cause:
            marker = f'{type(self).__name__}: '
            return self.path.rpartition(marker)[2].strip()
        return f'cannot read image {escape(self.path)}: {self.reason}'


def unsupported(
    path: str, what: str, advice: str, kind: str | None = None
) -> CorruptImageError:
    """Return the error of an intact file of an unsupported kind.

    ``kind`` is ``what`` without the parts that differ between files.
    """
    detail = f'{what}; {advice}'
    return CorruptImageError(path, 'unsupported', detail, kind or what)
