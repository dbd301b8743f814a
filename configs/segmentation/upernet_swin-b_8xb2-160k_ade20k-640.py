# Paper: MixMAE, arXiv 2205.13137; UperNet, arXiv 1807.10221
# Command: tools/dist_train.sh
#   configs/segmentation/upernet_swin-b_8xb2-160k_ade20k-640.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours, for the paper's could not be read: README.md of
#   this folder lists the source of each
_base_ = [
    '../_base_/models/upernet_mim-swin.py',
    '../_base_/datasets/ade20k_640.py',
    '../_base_/schedules/adamw_poly_160k.py',
    '../_base_/segmentation_runtime.py',
]

pretrained = 'work_dirs/swin-b_8xb128_600e/epoch_600.pth'
# The grids of a crop are 160, 80, 40 and 20. Windows of 16 would pad the last
# two to 48 and 32, for 1.4 and 2.6 times the tokens; 20 divides them, and the
# last stage stays global, as it was in pretraining.
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        window_sizes=(16, 16, 20, 20),
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    decode_head=dict(num_classes=_base_.num_classes),
    auxiliary_head=dict(num_classes=_base_.num_classes),
    test_cfg=dict(
        crop_size=_base_.crop_size,
        stride=(_base_.img_size * 2 // 3, _base_.img_size * 2 // 3),
    ),
)
