# COCO 2017 with masks, short side 800, long side 1333 at most.
_base_ = 'mmdet::_base_/datasets/coco_instance.py'

data_root = 'data/coco/'
train_ann_file = 'annotations/instances_train2017.json'
train_ann_path = data_root + train_ann_file
train_pipeline = [
    dict(type='LoadImageFromFile'),
    # Before LoadAnnotations, which fails without naming the entry.
    dict(
        type='mixmae.CheckInstances',
        num_classes=80,
        with_mask=True,
        ann_file=train_ann_path,
    ),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(
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
