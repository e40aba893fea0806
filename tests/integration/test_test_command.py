"""tools/test.py as a user calls it."""
import json
import shutil

import numpy as np
import pytest
import torch
from integration.command import run
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

ERDA = 'projects/ERDA/configs/minkunet_erda_1pct.py'
PAGE = 'before\n<!-- test: tiny -->\n<!-- /test -->\nafter\n'


@pytest.fixture(scope='module')
def tiny(roots, tmp_path_factory):
    """Folder with a config of a tiny network, two random checkpoints of it, one with a training config, and a page."""
    folder = tmp_path_factory.mktemp('tiny')
    init_default_scope('mmdet3d')
    cfg = tiny_config(ERDA, roots['SemanticKittiDataset'], work_dir=str(folder / 'work'))
    cfg.dump(folder / 'tiny.py')
    trained = tiny_config(ERDA, roots['SemanticKittiDataset'], **{'train_dataloader.dataset.seed': 5})
    for seed, name, meta in ((3, 'first', dict(cfg=trained.pretty_text)), (2, 'second', {})):
        torch.manual_seed(seed)
        model = MODELS.build(cfg.model)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        (folder / name).mkdir()
        torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / name / 'last.pth')
    (folder / 'page.md').write_text(PAGE)
    return folder


def iou(predictions, labels, mapping, label):
    """From the files themselves."""
    predicted, truth = (np.array([mapping[raw] for raw in np.fromfile(path, '<u4') & 0xFFFF])
                        for path in (predictions, labels))
    predicted, truth = predicted[truth != 19], truth[truth != 19]
    return ((predicted == label) & (truth == label)).sum() / ((predicted == label) | (truth == label)).sum()


def test_two_checkpoints(tiny, roots):
    done = run('tools/test.py', tiny / 'tiny.py', tiny / 'first/last.pth', tiny / 'second/last.pth', '--out',
               tiny / 'out', '--table', f'{tiny}/page.md:tiny', '--save-predictions', tiny / 'pred')
    assert done.returncode == 0, done.stderr + done.stdout
    table = (tiny / 'out/metrics.md').read_text()
    assert '|  | first | second |' in table and '| label seed | 5 | 0 |' in table and '| labels | 1% | 1% |' in table
    assert 'the training config in the checkpoint' in table and 'the config of the test' in table
    assert (tiny / 'page.md').read_text() == PAGE.replace('-->\n<!-- /', f'-->\n\n{table}\n<!-- /')
    assert 'eta:' in done.stdout and 'overall accuracy' in done.stdout
    dataset = Config.fromfile(tiny / 'tiny.py').test_dataloader.dataset
    for name in ('first', 'second'):
        content = json.loads((tiny / f'out/{name}/metrics.json').read_text())
        assert content['checkpoint'] == str(tiny / name / 'last.pth') and content['scans'] == 1
        for label, class_name in ((0, 'car'), (8, 'road'), (10, 'sidewalk'), (16, 'terrian')):
            expected = iou(tiny / f'pred/{name}/sequences/08/predictions/000000.label',
                           roots['SemanticKittiDataset'] / 'sequences/08/labels/000000.label',
                           dataset.metainfo.seg_label_mapping, label)
            assert content['metrics'][class_name] == pytest.approx(expected, abs=1e-6)


def test_scans_far_from_the_training_are_named(tiny, roots, tmp_path):
    content = torch.load(tiny / 'first/last.pth')
    content['meta']['feature_ranges'] = dict(intensity=dict(minimum=0, low=2, median=100, high=250, maximum=255))
    torch.save(content, tmp_path / 'byte.pth')
    done = run('tools/test.py', tiny / 'tiny.py', tmp_path / 'byte.pth', '--work-dir', tmp_path / 'work')
    scan = roots['SemanticKittiDataset'] / 'sequences/08/velodyne/000000.bin'
    assert done.returncode == 0 and f'byte.pth: {scan}: intensity is 0 to 0.' in done.stderr, done.stderr
    assert 'System environment' not in done.stdout


@pytest.mark.parametrize('arguments, message', [
    (['first/last.pth', '--table', 'page.md:nowhere'], 'page.md has no line <!-- test: nowhere -->'),
    (['first/last.pth', 'missing.pth'], 'missing.pth does not exist'),
    (['first/last.pth', '--names', 'a', 'b'], '1 checkpoints need as many'),
])
def test_refused_before_anything_is_run(arguments, message, tiny):
    arguments = [f'{tiny}/{x}' if '.pth' in x or '.md' in x else x for x in arguments]
    done = run('tools/test.py', tiny / 'tiny.py', *arguments, '--work-dir', tiny / 'refused')
    assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr
    assert not (tiny / 'refused').exists()


@pytest.mark.parametrize('kind, size', [('velodyne/000000.bin', 1000), ('labels/000000.label', 40)])
def test_a_broken_scan_is_named(tiny, roots, tmp_path, kind, size):
    root = tmp_path / 'data'
    shutil.copytree(roots['SemanticKittiDataset'], root)
    broken = root / 'sequences/08' / kind
    broken.write_bytes(broken.read_bytes()[:size])
    done = run('tools/test.py', tiny / 'tiny.py', tiny / 'first/last.pth', '--out', tmp_path / 'out', '--cfg-options',
               f'test_dataloader.dataset.data_root={root}/')
    assert done.returncode == 2 and not (tmp_path / 'out').exists()
    message = done.stderr.strip().splitlines()[-1]
    assert '000000.bin cannot be read: ' in message and f'{broken} has {size:,} bytes' in message
