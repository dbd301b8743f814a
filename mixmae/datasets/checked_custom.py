"""mmpretrain's data set of a list, which refuses names that lead elsewhere."""

from mmpretrain.datasets import CustomDataset

from mixmae.datasets.listed_paths import check_listed_paths
from mixmae.registry import DATASETS


@DATASETS.register_module()
class CheckedCustomDataset(CustomDataset):
    """``mmpretrain.CustomDataset`` whose list names files below it only.

    mmpretrain's joins whatever a list says to ``data_prefix``: an absolute
    path, or one with ``..``, may be any file of the machine. Here these are
    errors; absolute paths below ``data_root`` are accepted, and
    ``data_root='/'`` allows any file. Arguments are those of
    ``mmpretrain.CustomDataset``.

    Raises:
        AnnotationError: When loaded: the list names a file elsewhere.
    """

    # See check_listed_paths.
    names_checked = True

    def load_data_list(self) -> list[dict]:
        """Entries of all images."""
        entries = super().load_data_list()
        check_listed_paths(self, entries)
        return entries
