import json
import math

import numpy as np
import pytest
from matplotlib.image import imread
from test_benchmark.small_cells import small_runs
from test_benchmark.test_results import make_result

from erda.benchmark import plots
from erda.benchmark.tables import Summary


def log(run, stamp, *lines):
    path = run.folder / stamp / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))


@pytest.fixture
def runs(tmp_path):
    """Two seeds, one of them resumed."""
    runs = small_runs(tmp_path, cells=2)
    log(runs[0], '20260101_000000', dict(loss_erda=4.0, iter=10, step=10), dict(loss_erda=9.0, iter=20, step=20))
    log(runs[0], '20260101_000100', dict(loss_erda=3.0, iter=20, step=20), {'pseudo_label/ece': 0.5, 'step': 20},
        dict(miou=0.25, car=math.nan, step=1))
    log(runs[1], '20260101_000000', dict(loss_erda=2.0, iter=10, step=10), dict(loss_erda=1.0, iter=20, step=20),
        dict(miou=0.75, step=2))
    return runs


def test_means_over_seeds_of_what_was_done_last(runs):
    logs = [plots._log(run) for run in runs]
    curve, = plots._curves(runs, logs, 'loss_erda')
    assert curve == ('ours', '1%', [10, 20], [3.0, 2.0], '-')
    curve, = plots._curves(runs, logs, 'miou')
    assert (curve.steps, curve.values) == ([20], [0.5]), 'at the iteration, not at the epoch that mmengine logs'
    assert plots._curves(runs, logs, 'car') == []


def test_pictures(runs, tmp_path):
    path = tmp_path / 'a.png'
    assert plots.draw_training_curves(path, runs) and imread(path).shape[1] > imread(path).shape[0]
    curves = path.read_bytes()
    assert plots.draw_pseudo_labels(path, runs) and path.read_bytes() != curves
    assert {file.name for file in tmp_path.iterdir()} == {'a.png', 'small.py', 'work'}
    assert not plots.draw_pseudo_labels(tmp_path / 'b.png', runs[1:]) and not (tmp_path / 'b.png').exists()


def test_miou_by_budget(tmp_path):
    results = [make_result(budget=budget) for budget in ('0.1%', '1%')] + [make_result('full', 'own')]
    results[0] = results[0]._replace(labels=[results[0].labels[0]._replace(per_scan=3.0)])
    row = {'0.1%': Summary(10, 1, 2), '1%': Summary(20, math.nan, 1)}
    dashes = []
    for summaries in ({'ERDA': row}, {'ERDA': row, 'full': {'own': Summary(30, 1, 2)}}):
        plots.draw_miou_by_budget(tmp_path / 'a.png', summaries, results)
        orange = (imread(tmp_path / 'a.png')[..., :3] - [1, 0.498, 0.055])
        dashes.append((np.abs(orange).max(axis=-1) < 0.02).any(axis=0).sum())
    assert dashes[0] == 0 and dashes[1] > 200, 'a line over all budgets for full supervision'
