# The embedded synthetic scenes with the class of their dominant object, 128
# pixels:
#   python tools/dataset_converters/make_scenes.py data/scenes-128 --size 128
#   --train 4096
# 160 labelled scenes at equal distances in the list sorted by class, so of all
# classes. Colours tell classes apart here, so they are not distorted, and
# objects are small, so crops keep at least 40 % of the area.
data_root = 'data/scenes-128/imagenet'
batch_size = 32
img_size = 128
num_classes = 10
train_pipeline = [
    dict(
        type='mixmae.LoadRandomResizedCrop',
        scale=img_size,
        crop_ratio_range=(0.4, 1.0),
        interpolation='bicubic',
    ),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
resize = dict(type='Resize', scale=img_size, interpolation='bicubic')
# Full scenes of 128 pixels.
test_pipeline = [
    dict(type='mixmae.LoadImage'),
    *([resize] if img_size != 128 else []),
    dict(type='PackInputs'),
]

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='mixmae.UpdateSampler'),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='train',
        indices=[index * 4096 // 160 for index in range(160)],
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDataset',
        data_root=data_root,
        data_prefix='val',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='Accuracy', topk=tuple(k for k in (1, 5) if k <= num_classes)
)
test_evaluator = val_evaluator
