# Images listed with their labels, 224 pixels, as iNaturalist and Places are
# here: lines of `path label` in meta/train.txt and meta/val.txt, paths from
# data_root on and below it, labels from 0. For class folders instead of lists:
#   ann_file='', data_prefix='train'
# Views are those of ImageNet-1K.
_base_ = './imagenet_224_finetune.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mixmae.CheckedCustomDataset',
        ann_file='meta/train.txt',
        pipeline=_base_.train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mixmae.CheckedCustomDataset',
        ann_file='meta/val.txt',
        pipeline=_base_.test_pipeline,
    )
)
test_dataloader = val_dataloader
