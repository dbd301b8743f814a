# SimMIM's Swin-B: windows of 6 tokens, shifts, no absolute positions. Else as
# mim-swin-b_classifier.py.
# Source: the yamls of microsoft/SimMIM.
_base_ = './mim-swin-b_classifier.py'

model = dict(
    # img_size is the pretraining's; without absolute positions nothing
    # depends on it.
    backbone=dict(
        img_size=192,
        window_sizes=(6, 6, 6, 6),
        shift=True,
        absolute_positions=False,
        bias_resize='geometric',
    ),
    head=dict(init_cfg=dict(std=0.02)),
)
