"""tools/analysis_tools/measure_teachers.py as a user calls it."""
import re

import torch
from integration.command import run
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

ERDA = 'projects/ERDA/configs/minkunet_erda_1pct.py'


def test_views_and_exponents(semantickitti, tmp_path):
    init_default_scope('mmdet3d')
    cfg = tiny_config(ERDA, semantickitti, work_dir=str(tmp_path / 'work'))
    cfg.dump(tmp_path / 'tiny.py')
    torch.manual_seed(3)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'random.pth')
    command = ['tools/analysis_tools/measure_teachers.py', tmp_path / 'tiny.py', tmp_path / 'random.pth', '--scans', 2,
               '--views', 1, 2, '--exponents', 0, 1, '--markdown']
    refused = run(*command)
    assert refused.returncode != 0 and 'propagates no labels' in refused.stderr + refused.stdout
    done = run(*command, '--cfg-options', 'train_dataloader.dataset.propagation.intensity_dim=3')
    assert done.returncode == 0, done.stderr + done.stdout
    rows = {line.split('|')[1].strip(): [float(x) for x in re.findall(r'\d+\.\d', line)]
            for line in done.stdout.splitlines() if re.match(r'\| \d view', line)}
    assert list(rows) == ['1 view', '2 views'] and all(len(row) == 4 for row in rows.values())
    assert all(row[2] > row[0] for row in rows.values()), 'labels nearby know more than a random network'
