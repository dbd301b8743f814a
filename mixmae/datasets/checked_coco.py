"""COCO dataset of mmdet that rejects a faulty annotation file."""

from collections.abc import Sequence

from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO

from mixmae.config.failure_report import AnnotationError
from mixmae.datasets.labels.class_names import ClassList, name_faults
from mixmae.datasets.labels.coco_entry_faults import (
    coco_entry_faults,
    read_coco,
)
from mixmae.datasets.labels.coco_file_faults import (
    chosen_class_faults,
    file_classes,
)
from mixmae.datasets.listed_paths import ExistingFiles
from mixmae.registry import DATASETS

REPORT = 'mixmae check-data lists all of them'


class CheckedCoco(COCO):
    """Index of an annotation file; rejects a faulty one.

    Raises:
        AnnotationError: The file has a fault. The message names the file
            and the first faulty entry.
    """

    def __init__(self, annotation_file: str) -> None:
        content = read_coco(annotation_file)
        faults = list(coco_entry_faults(annotation_file, content))
        if faults:
            more = f' ({len(faults) - 1} more faults; {REPORT})'
            raise AnnotationError(
                faults[0].text + (more if len(faults) > 1 else '')
            )
        super().__init__()
        self.path = str(annotation_file)
        self.dataset = content
        self.createIndex()
        self.img_ann_map = self.imgToAnns
        self.cat_img_map = self.catToImgs

    def get_cat_ids(
        self,
        cat_names: Sequence[str] = (),
        sup_names: Sequence[str] = (),
        cat_ids: Sequence[int] = (),
    ) -> list[int]:
        """Return category ids in the order of the file.

        Raises:
            AnnotationError: ``cat_names`` is not a list of names, contains an
                unknown category, or is ordered differently from the file, so
                that mmdet would assign label k to another category.
        """
        if cat_names:
            source = 'metainfo.classes'
            faults = name_faults(source, cat_names) or chosen_class_faults(
                file_classes(self.path, self.dataset),
                ClassList(source, cat_names),
            )
            for fault in faults:
                if fault.level == 'error':
                    raise AnnotationError(fault.text)
        return super().get_cat_ids(cat_names, sup_names, cat_ids)


@DATASETS.register_module()
class CheckedCocoDataset(CocoDataset):
    """``mmdet.CocoDataset`` that raises where mmdet drops data.

    mmdet silently drops objects of unknown categories, boxes outside the
    image and classes whose names are not in the file, and fails late if an
    image is missing. This class raises an error for each of these before
    training starts. It takes the arguments of ``mmdet.CocoDataset``; images
    must be local files.

    Raises:
        AnnotationError: On loading: the file has a fault (see
            ``coco_entry_faults``), lacks a class, orders the classes
            differently, or names a missing image.
    """

    COCOAPI = CheckedCoco
    # See check_listed_paths.
    checks_paths = True

    def load_data_list(self) -> list[dict]:
        """Return mmdet's entry of each image, with the annotation file."""
        data_list = super().load_data_list()
        for entry in data_list:
            # For the messages of CheckInstances.
            entry['ann_file'] = self.ann_file
        existing = ExistingFiles()
        missing = [
            entry for entry in data_list if entry['img_path'] not in existing
        ]
        if missing:
            first = missing[0]
            more = f' ({len(missing) - 1} more are missing; {REPORT})'
            raise AnnotationError(
                f'{self.ann_file}, image {first["img_id"]}: file '
                f'{first["img_path"]} does not exist; extract the images to '
                'this folder' + (more if len(missing) > 1 else '')
            )
        return data_list
