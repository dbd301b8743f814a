# COCO 2017, boxes only; large-scale jitter as in coco_instance_lsj-1024.py,
# two crops a GPU. Tested at a short side of 800, a long one of 1333 at most.
# Source: implus/UM-MAE DET/configs/gfl.
_base_ = 'mmdet::_base_/datasets/coco_detection.py'

data_root = 'data/coco/'
train_ann_file = 'annotations/instances_train2017.json'
val_ann_file = 'annotations/instances_val2017.json'
batch_size = 2
img_size = 1024
num_classes = 80
image_size = (img_size, img_size)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    # Before LoadAnnotations, which fails without naming the entry.
    dict(
        type='mixmae.CheckInstances',
        num_classes=num_classes,
        with_mask=False,
        ann_file=f'{data_root.rstrip("/")}/{train_ann_file}',
    ),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='RandomResize',
        scale=image_size,
        ratio_range=(0.1, 2.0),
        keep_ratio=True,
    ),
    dict(
        type='RandomCrop',
        crop_type='absolute_range',
        crop_size=image_size,
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-2, 1e-2)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
# Crops are square: nothing to be grouped by shape.
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=4,
    batch_sampler=None,
    dataset=dict(
        type='mixmae.CheckedCocoDataset',
        data_root=data_root,
        ann_file=train_ann_file,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(type='mixmae.CheckedCocoDataset', data_root=data_root),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=f'{data_root.rstrip("/")}/{val_ann_file}')
test_evaluator = val_evaluator
