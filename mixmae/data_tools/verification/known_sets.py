"""Published figures of datasets: numbers of images and classes.

The source of each figure is in a comment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class KnownSet:
    """A public dataset.

    Attributes:
        title: Name of the dataset.
        page: Download page.
        classes: Number of classes.
        images: Number of images per split.
        per_class: Images per class of a split, where all classes are equal.
    """

    title: str
    page: str
    classes: int
    images: Mapping[str, int]
    per_class: Mapping[str, int] = field(default_factory=dict)


KNOWN_SETS = {
    # Counts: Russakovsky et al., ILSVRC, arXiv:1409.0575, table 2 (and the
    # docstring of mmpretrain's ImageNet).
    'imagenet': KnownSet(
        title='ImageNet-1K (ILSVRC 2012)',
        page='https://image-net.org/challenges/LSVRC/2012/',
        classes=1000,
        images={'train': 1_281_167, 'val': 50_000},
        per_class={'val': 50},
    ),
    # Counts: 2018/README.md of github.com/visipedia/inat_comp;
    # in its table there are three validation images per species everywhere.
    'inaturalist2018': KnownSet(
        title='iNaturalist 2018',
        page='https://github.com/visipedia/inat_comp/tree/master/2018',
        classes=8142,
        images={'train': 437_513, 'val': 24_426},
        per_class={'val': 3},
    ),
    # Classes, 268,243 images in total: 2019/README.md there. The
    # split, 265,213 and 3,030 (three per species), is that of the JSON files
    # as reported by users of the dataset; it adds up to the published total.
    'inaturalist2019': KnownSet(
        title='iNaturalist 2019',
        page='https://github.com/visipedia/inat_comp/tree/master/2019',
        classes=1010,
        images={'train': 265_213, 'val': 3_030},
        per_class={'val': 3},
    ),
    # Zhou et al., Places, TPAMI 2018 (and NIPS 2014): 2,448,873 training
    # images, 100 validation images per category.
    'places205': KnownSet(
        title='Places205',
        page='http://places.csail.mit.edu/downloadData.html',
        classes=205,
        images={'train': 2_448_873, 'val': 20_500},
        per_class={'val': 100},
    ),
    # Counts: README of github.com/zhoubolei/places_devkit.
    'places365': KnownSet(
        title='Places365-Standard',
        page='http://places2.csail.mit.edu/download.html',
        classes=365,
        images={'train': 1_803_460, 'val': 36_500},
        per_class={'val': 100},
    ),
    # Counts: cocodataset.org, "2017 train images [118K]", "val [5K]", exact in
    # the JSON files and many papers.
    'coco': KnownSet(
        title='COCO 2017',
        page='https://cocodataset.org/#download',
        classes=80,
        images={'train': 118_287, 'val': 5_000},
    ),
    # Counts: sceneparsing.csail.mit.edu.
    'ade20k': KnownSet(
        title='ADE20K, scene parsing (ADEChallengeData2016)',
        page='http://sceneparsing.csail.mit.edu/',
        classes=150,
        images={'training': 20_210, 'validation': 2_000},
    ),
}
