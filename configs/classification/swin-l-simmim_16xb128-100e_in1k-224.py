# Paper: SimMIM, arXiv 2111.09886; microsoft/SimMIM
#   simmim_finetune__swin_large__img224_window14__800ep.yaml
# Command: NNODES=2 NODE_RANK=... MASTER_ADDR=... tools/dist_train.sh
#   configs/classification/swin-l-simmim_16xb128-100e_in1k-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: 85.4 % ImageNet-1K top-1 after 800 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: as swin-b-simmim_16xb128-100e_in1k-192.py
_base_ = './swin-b-simmim_16xb128-100e_in1k-224.py'

pretrained = 'work_dirs/swin-l_16xb128_800e/epoch_800.pth'
# Windows of 14, clamped to the grid of 7 tokens in the last stage.
model = dict(
    backbone=dict(
        arch='large',
        window_sizes=(14, 14, 14, 7),
        drop_path_rate=0.2,
        init_cfg=dict(checkpoint=pretrained),
    ),
    head=dict(in_channels=1536),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.7))
