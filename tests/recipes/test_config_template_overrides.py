"""Options of a call at the end of its config."""

import pytest

from mixmae.config.config_file import apply_options
from mixmae.config.config_variables import read_with_bases
from mixmae.recipes.config_template import config_text

pytest.importorskip('mmdet')
OPTIONS = {
    # Parts that only the base has, of a variable of the config's own.
    'model.train_cfg.rpn_proposal.nms_pre': 200,
    'model.train_cfg.rpn_proposal.max_per_img': 50,
    'model.test_cfg.rcnn.score_thr': 0.2,
    'model.roi_head.bbox_head.fc_out_channels': 256,
    'train_pipeline.0.to_float32': True,
    'default_hooks.logger.interval': 7,
}


def test_options_of_inherited_parts(tmp_path):
    found = []
    for name, options in (('plain', {}), ('own', OPTIONS)):
        text, _ = config_text('detection/own-coco.py', '', [], options, {})
        path = tmp_path / f'{name}.py'
        path.write_text(text)
        found.append(read_with_bases(path))
    expected = apply_options(found[0], OPTIONS).to_dict()
    for name in ('model', 'default_hooks'):
        assert found[1].to_dict()[name] == expected[name]
    assert found[1].train_pipeline[0]['to_float32'] is True
