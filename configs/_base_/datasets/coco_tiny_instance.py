# A few dozen images laid out as COCO, on a short side of 192 pixels.
_base_ = 'mmdet::_base_/datasets/coco_instance.py'

data_root = 'data/coco_tiny/'
batch_size = 4
img_size = 192
num_classes = 80
train_ann_file = 'annotations/instances_train2017.json'
val_ann_file = 'annotations/instances_val2017.json'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='mixmae.CheckInstances',
        num_classes=num_classes,
        with_mask=True,
        ann_file=f'{data_root.rstrip("/")}/{train_ann_file}',
    ),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='Resize', scale=(img_size * 3 // 2, img_size), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(img_size * 3 // 2, img_size), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=_base_.test_pipeline[-1].meta_keys),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    dataset=dict(
        type='mixmae.CheckedCocoDataset',
        data_root=data_root,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    dataset=dict(
        type='mixmae.CheckedCocoDataset',
        data_root=data_root,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=f'{data_root.rstrip("/")}/{val_ann_file}')
test_evaluator = val_evaluator
