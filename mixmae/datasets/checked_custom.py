"""mmpretrain's list dataset, restricted to files below its folder."""

from mmpretrain.datasets import CustomDataset

from mixmae.datasets.listed_paths import check_listed_paths
from mixmae.registry import DATASETS


@DATASETS.register_module()
class CheckedCustomDataset(CustomDataset):
    """``mmpretrain.CustomDataset`` restricted to files below its folder.

    mmpretrain joins every name in the list to ``data_prefix``, so an absolute
    path or one with ``..`` can reach any file of the machine. This class
    rejects them. It accepts absolute paths below ``data_root``;
    ``data_root='/'`` allows any file. It takes the arguments of
    ``mmpretrain.CustomDataset``.

    Raises:
        AnnotationError: On loading: the list names a file outside.
    """

    # See check_listed_paths.
    checks_paths = True

    def load_data_list(self) -> list[dict]:
        """Return the entries of all images."""
        entries = super().load_data_list()
        check_listed_paths(self, entries)
        return entries
