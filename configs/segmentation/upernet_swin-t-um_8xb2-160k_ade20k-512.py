# Paper: UM-MAE, arXiv 2205.10063; UperNet, arXiv 1807.10221; implus/UM-MAE
#   SEG/configs/upernet
# Command: tools/dist_train.sh
#   configs/segmentation/upernet_swin-t-um_8xb2-160k_ade20k-512.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown: the paper's table could not be read
# Status: builds; not trained by us
# Deviations: bfloat16 autocast instead of apex; outside of blocks the
#   backbone's norms have their epsilon of training, 1e-6, officially 1e-5
_base_ = [
    '../_base_/models/upernet_um-swin-t.py',
    '../_base_/datasets/ade20k_512.py',
    '../_base_/schedules/adamw_poly_160k.py',
    '../_base_/segmentation_runtime.py',
]

# After fine-tuning on ImageNet-1K, as officially.
pretrained = 'work_dirs/swin-t-um-mae_8xb64-100e_in1k-256/epoch_100.pth'
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    decode_head=dict(num_classes=_base_.num_classes),
    auxiliary_head=dict(num_classes=_base_.num_classes),
    test_cfg=dict(
        crop_size=_base_.crop_size,
        stride=(_base_.img_size * 2 // 3, _base_.img_size * 2 // 3),
    ),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
