"""The published weights have the numbers that the metafile gives for them."""
import json

import pytest
from integration.command import run
from tiny_scans import REPOSITORY

from erda.datasets.semantickitti import prepare_semantickitti
from erda.synthetic.lidar import (
    FRAMES_PER_STREET,
    TRAIN_STREETS,
    VAL_STREETS,
    write_synthetic_semantickitti,
)
from erda.zoo.metafile import find_metafile, read_metafile

MODELS = read_metafile(find_metafile()).models


def test_miou_is_that_of_the_metafile(tmp_path):
    streets = tmp_path / 'streets'
    frames = {TRAIN_STREETS[0]: 1, **dict.fromkeys(VAL_STREETS, FRAMES_PER_STREET)}
    write_synthetic_semantickitti(streets, frames, progress=False)
    prepare_semantickitti(streets, VAL_STREETS)
    name = 'minkunet_erda_1pct_synthetic'
    done = run('tools/test.py', f'projects/ERDA/configs/{name}.py', f'erda://{name}', '--out', tmp_path / 'out',
               '--cfg-options', f'test_dataloader.dataset.data_root={streets}/')
    assert done.returncode == 0, done.stderr + done.stdout
    metrics = json.loads((tmp_path / 'out/metrics.json').read_text())
    expected = MODELS[name].results['synthetic streets']['mIoU']
    assert 100 * metrics['metrics']['miou'] == pytest.approx(expected, abs=0.1)


def test_all_are_small():
    files = [file for model in MODELS.values() for file in model.files]
    assert len(MODELS) >= 3 and len(files) == 2 * len(MODELS)
    for file in files:
        path = REPOSITORY / 'projects/ERDA' / file.source
        assert path.stat().st_size < 3e6
