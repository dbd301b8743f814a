# COCO 2017 with masks, short side 800, long side 1333 at most.
_base_ = 'mmdet::_base_/datasets/coco_instance.py'

data_root = 'data/coco/'
batch_size = 2
img_size = 800
num_classes = 80
train_ann_file = 'annotations/instances_train2017.json'
train_ann_path = f'{data_root.rstrip("/")}/{train_ann_file}'
val_ann_path = f'{data_root.rstrip("/")}/annotations/instances_val2017.json'
scale = (img_size * 5 // 3, img_size)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    # Before LoadAnnotations, which fails without naming the entry.
    dict(
        type='mixmae.CheckInstances',
        num_classes=num_classes,
        with_mask=True,
        ann_file=train_ann_path,
    ),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=_base_.test_pipeline[-1].meta_keys),
]
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        type='mixmae.CheckedCocoDataset',
        data_root=data_root,
        ann_file=train_ann_file,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='mixmae.CheckedCocoDataset',
        data_root=data_root,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=val_ann_path)
test_evaluator = val_evaluator
