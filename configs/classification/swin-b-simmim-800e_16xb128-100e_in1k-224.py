# Paper: SimMIM, arXiv 2111.09886; microsoft/SimMIM
#   simmim_finetune__swin_base__img224_window7__800ep.yaml
# Command: NNODES=2 NODE_RANK=... MASTER_ADDR=... tools/dist_train.sh
#   configs/classification/swin-b-simmim-800e_16xb128-100e_in1k-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: 84.0 % ImageNet-1K top-1 after 800 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: as swin-b-simmim_16xb128-100e_in1k-192.py
_base_ = './swin-b-simmim_16xb128-100e_in1k-224.py'

pretrained = 'work_dirs/swin-b_16xb128_800e/epoch_800.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=pretrained)))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
