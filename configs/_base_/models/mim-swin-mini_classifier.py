# A classifier small enough for two CPU cores: the mini network of
# configs/mixmae at the strides of Swin-B, 128 pixels. No mixup or cutmix: its
# trainings are minutes long.
_base_ = './mim-swin-b_classifier.py'

model = dict(
    data_preprocessor=dict(num_classes=10),
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=32,
            depths=(1, 1, 4, 1),
            num_heads=(2, 4, 8, 16),
        ),
        img_size=128,
        window_sizes=(8, 8, 8, 4),
        drop_path_rate=0.0,
    ),
    head=dict(num_classes=10, in_channels=256),
    train_cfg=None,
)
