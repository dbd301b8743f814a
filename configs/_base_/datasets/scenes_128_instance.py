# The embedded synthetic scenes as COCO, 128 pixels:
#   python tools/dataset_converters/make_scenes.py data/scenes-128 --size 128
#     --train 4096
_base_ = 'mmdet::_base_/datasets/coco_instance.py'

data_root = 'data/scenes-128/coco/'
num_classes = 10
train_ann_file = 'annotations/instances_train.json'
val_ann_file = 'annotations/instances_val.json'
# Of the scenes to train on, the first ones of the file.
num_labelled = 256
batch_size = 8
metainfo = dict(
    classes=(
        'apple',
        'ball',
        'brick',
        'doughnut',
        'fish',
        'flower',
        'leaf',
        'mug',
        'mushroom',
        'starfish',
    ),
    palette=[
        (200, 40, 40),
        (60, 110, 220),
        (150, 90, 60),
        (240, 150, 190),
        (60, 190, 200),
        (170, 90, 220),
        (70, 170, 60),
        (240, 240, 230),
        (230, 200, 120),
        (250, 140, 40),
    ],
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='mixmae.CheckInstances',
        num_classes=num_classes,
        with_mask=True,
        ann_file=f'{data_root.rstrip("/")}/{train_ann_file}',
    ),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    # Of the size they have; it notes the scale factor.
    dict(type='Resize', scale=(128, 128), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=_base_.test_pipeline[-1].meta_keys),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    dataset=dict(
        type='mixmae.CheckedCocoDataset',
        data_root=data_root,
        ann_file=train_ann_file,
        data_prefix=dict(img='train/'),
        metainfo=metainfo,
        indices=num_labelled,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    dataset=dict(
        type='mixmae.CheckedCocoDataset',
        data_root=data_root,
        ann_file=val_ann_file,
        data_prefix=dict(img='val/'),
        metainfo=metainfo,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=f'{data_root.rstrip("/")}/{val_ann_file}')
test_evaluator = val_evaluator
