"""Versions of the most important packages that ``make test`` runs with.

The full list is ``requirements/constraints.txt``, which an installed package
does not contain; a test compares the two.
"""

# If Python 3.10 gets an older version than 3.11 and 3.12, both are listed.
TESTED: dict[str, tuple[str, ...]] = {
    'torch': ('2.12.1',),
    'torchvision': ('0.27.1',),
    'onedl-mmengine': ('0.10.12',),
    'mmcv-lite': ('2.2.0',),
    'onedl-mmcv': ('2.3.6',),
    'onedl-mmpretrain': ('1.3.6',),
    'onedl-mmdetection': ('3.5.1',),
    'onedl-mmsegmentation': ('1.4.2',),
    'onedl-mim': ('0.5.1',),
    'numpy': ('2.2.6', '2.4.6'),
    'opencv-python-headless': ('5.0.0.93',),
}
PYTHONS = ((3, 10), (3, 12))


def tested(distribution: str) -> str:
    """Return the newest tested version."""
    return TESTED[distribution][-1]
