# The embedded synthetic scenes, 64 pixels, 2,048 + 512 of them:
#   python tools/dataset_converters/make_scenes.py data/scenes
# Scenes are small and objects in them smaller, so crops keep at least 40 % of
# the area.
_base_ = './imagenet_224_mim.py'

data_root = 'data/scenes/imagenet'
batch_size = 64
# MixMAE mixes images of a batch: figures depend on its size.
val_batch_size = 64
img_size = 64
train_pipeline = [
    _base_.train_pipeline[0],
    dict(
        _base_.train_pipeline[1],
        scale=img_size,
        crop_ratio_range=(0.4, 1.0),
    ),
    *_base_.train_pipeline[2:],
]
# Full scenes of 64 pixels.
test_pipeline = [
    _base_.test_pipeline[0],
    *(_base_.test_pipeline[1:3] if img_size != 64 else []),
    _base_.test_pipeline[-1],
]

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    dataset=dict(
        _delete_=True,
        type='mmpretrain.CustomDataset',
        data_root=data_root,
        data_prefix='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=val_batch_size,
    num_workers=1,
    dataset=dict(
        _delete_=True,
        type='mmpretrain.CustomDataset',
        data_root=data_root,
        data_prefix='val',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
