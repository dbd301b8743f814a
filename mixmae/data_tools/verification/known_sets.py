"""Published figures of datasets: counts, classes, checksums of archives.

The source of each figure is given beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Archive:
    """A file as published.

    Attributes:
        name: Name of the file.
        algorithm: Algorithm of the checksum, md5 or sha1.
        digest: Checksum in hexadecimal.
    """

    name: str
    algorithm: str
    digest: str


@dataclass(frozen=True)
class KnownSet:
    """A public dataset.

    Attributes:
        title: Name of the dataset.
        page: Download page.
        classes: Number of classes.
        images: Number of images per split.
        per_class: Images per class of a split, where all classes are equal.
        archives: Archives with known checksums.
    """

    title: str
    page: str
    classes: int
    images: Mapping[str, int]
    per_class: Mapping[str, int] = field(default_factory=dict)
    archives: tuple[Archive, ...] = ()


def _md5(*pairs: tuple[str, str]) -> tuple[Archive, ...]:
    return tuple(Archive(name, 'md5', digest) for name, digest in pairs)


def _sha1(*pairs: tuple[str, str]) -> tuple[Archive, ...]:
    return tuple(Archive(name, 'sha1', digest) for name, digest in pairs)


KNOWN_SETS = {
    # Counts: Russakovsky et al., ILSVRC, arXiv:1409.0575, table 2 (and the
    # docstring of mmpretrain's ImageNet); checksums: torchvision's
    # imagenet.py.
    'imagenet': KnownSet(
        title='ImageNet-1K (ILSVRC 2012)',
        page='https://image-net.org/challenges/LSVRC/2012/',
        classes=1000,
        images={'train': 1_281_167, 'val': 50_000},
        per_class={'val': 50},
        archives=_md5(
            ('ILSVRC2012_img_train.tar', '1d675b47d978889d74fa0da5fadfb00e'),
            ('ILSVRC2012_img_val.tar', '29b22e2961454d5413ddabcf34fc5622'),
            (
                'ILSVRC2012_devkit_t12.tar.gz',
                'fa75699e90414af021442c21a62c3abf',
            ),
        ),
    ),
    # Counts and checksums: 2018/README.md of github.com/visipedia/inat_comp;
    # in its table there are three validation images per species everywhere.
    'inaturalist2018': KnownSet(
        title='iNaturalist 2018',
        page='https://github.com/visipedia/inat_comp/tree/master/2018',
        classes=8142,
        images={'train': 437_513, 'val': 24_426},
        per_class={'val': 3},
        archives=_md5(
            ('train_val2018.tar.gz', 'b1c6952ce38f31868cc50ea72d066cc3'),
            ('train2018.json.tar.gz', 'bfa29d89d629cbf04d826a720c0a68b0'),
            ('val2018.json.tar.gz', 'f2ed8bfe3e9901cdefceb4e53cd3775d'),
        ),
    ),
    # Classes, 268,243 images in total, checksums: 2019/README.md there. The
    # split, 265,213 and 3,030 (three per species), is that of the JSON files
    # as reported by users of the dataset; it adds up to the published total.
    'inaturalist2019': KnownSet(
        title='iNaturalist 2019',
        page='https://github.com/visipedia/inat_comp/tree/master/2019',
        classes=1010,
        images={'train': 265_213, 'val': 3_030},
        per_class={'val': 3},
        archives=_md5(
            ('train_val2019.tar.gz', 'c60a6e2962c9b8ccbd458d12c8582644'),
            ('train2019.json.tar.gz', 'b06a6683537867c0d5c7a45f407a306d'),
            ('val2019.json.tar.gz', '5cc5509b0fe495f1c8c1362612448497'),
        ),
    ),
    # Zhou et al., Places, TPAMI 2018 (and NIPS 2014): 2,448,873 training
    # images, 100 validation images per category. No checksums were found.
    'places205': KnownSet(
        title='Places205',
        page='http://places.csail.mit.edu/downloadData.html',
        classes=205,
        images={'train': 2_448_873, 'val': 20_500},
        per_class={'val': 100},
    ),
    # Counts: README of github.com/zhoubolei/places_devkit; checksums: download
    # page places2.csail.mit.edu, also in torchvision's places365.py.
    'places365': KnownSet(
        title='Places365-Standard',
        page='http://places2.csail.mit.edu/download.html',
        classes=365,
        images={'train': 1_803_460, 'val': 36_500},
        per_class={'val': 100},
        archives=_md5(
            (
                'train_large_places365standard.tar',
                '67e186b496a84c929568076ed01a8aa1',
            ),
            ('val_large.tar', '9b71c4993ad89d2d8bcbdc4aef38042f'),
            (
                'train_256_places365standard.tar',
                '53ca1c756c3d1e7809517cc47c5561c5',
            ),
            ('val_256.tar', 'e27b17d8d44f4af9a78502beb927f808'),
            (
                'filelist_places365-standard.tar',
                '35a0585fee1fa656440f3ab298f8479c',
            ),
        ),
    ),
    # Counts: cocodataset.org, "2017 train images [118K]", "val [5K]", exact in
    # the JSON files and many papers; checksums: mscoco.py of GluonCV.
    'coco': KnownSet(
        title='COCO 2017',
        page='https://cocodataset.org/#download',
        classes=80,
        images={'train': 118_287, 'val': 5_000},
        archives=_sha1(
            ('train2017.zip', '10ad623668ab00c62c096f0ed636d6aff41faca5'),
            ('val2017.zip', '4950dc9d00dbe1c933ee0170f5797584351d2a41'),
            (
                'annotations_trainval2017.zip',
                '8551ee4bb5860311e79dace7e79cb91e432e78b3',
            ),
        ),
    ),
    # Counts: sceneparsing.csail.mit.edu; checksum: ade20k.py of GluonCV.
    'ade20k': KnownSet(
        title='ADE20K, scene parsing (ADEChallengeData2016)',
        page='http://sceneparsing.csail.mit.edu/',
        classes=150,
        images={'training': 20_210, 'validation': 2_000},
        archives=_sha1(
            (
                'ADEChallengeData2016.zip',
                '219e1696abb36c8ba3a3afe7fb2f4b4606a897c7',
            ),
        ),
    ),
}
