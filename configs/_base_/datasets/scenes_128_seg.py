# The embedded synthetic scenes, 128 pixels, ADE20K's layout:
#   python tools/dataset_converters/make_scenes.py data/scenes-128 --size 128
#   --train 4096
# Read as ADE20K is: 0, the background, is ignored; 1 to 10 become 0 to 9.
data_root = 'data/scenes-128/ade'
batch_size = 8
img_size = 128
num_classes = 10
crop_size = (img_size, img_size)
# fmt: off
metainfo = dict(
    classes=('apple', 'ball', 'brick', 'doughnut', 'fish', 'flower', 'leaf',
             'mug', 'mushroom', 'starfish'),
    palette=[[200, 40, 40], [60, 110, 220], [150, 90, 60], [240, 150, 190],
             [60, 190, 200], [170, 90, 220], [70, 170, 60], [240, 240, 230],
             [230, 200, 120], [250, 140, 40]],
)
# fmt: on
# Colours tell classes apart here, so they are not distorted.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='mixmae.CheckLabelMap', num_classes=num_classes),
    dict(
        type='RandomResize',
        scale=crop_size,
        ratio_range=(1.0, 1.5),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='mixmae.CheckLabelMap', num_classes=num_classes),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='BaseSegDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='images/training', seg_map_path='annotations/training'
        ),
        img_suffix='.png',
        metainfo=metainfo,
        reduce_zero_label=True,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='images/validation',
            seg_map_path='annotations/validation',
        ),
        img_suffix='.png',
        metainfo=metainfo,
        reduce_zero_label=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
