"""tools/infer.py as a user calls it."""
import numpy as np
import torch
from integration.command import run
from integration.tiny_configs import tiny_config
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from test_clouds.test_las import write_copc
from tiny_scans import write_scan

MINKUNET = 'projects/ERDA/configs/minkunet_erda_1pct.py'


def test_a_broken_file_does_not_stop_the_others(tmp_path):
    init_default_scope('mmdet3d')
    cfg = tiny_config(MINKUNET, tmp_path)
    cfg.dump(tmp_path / 'tiny.py')
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'random.pth')
    for frame in range(2):
        write_scan(tmp_path, '00', frame, 300)
    scans = tmp_path / 'sequences/00/velodyne'
    (scans / 'broken.las').write_bytes(b'LASF')
    (scans / 'broken.ply').write_bytes(b'not ply')
    write_copc(scans / 'a.copc.laz', origin=np.zeros(3))
    command = ['tools/infer.py', tmp_path / 'tiny.py', tmp_path / 'random.pth', scans, '-o', tmp_path / 'out']
    done = run(*command, '--block-size', 1, '--overlap', 2)
    assert done.returncode == 2 and 'more than half of a block' in done.stderr and not (tmp_path / 'out').exists()
    done = run(*command, '--entropy')
    assert done.returncode == 1 and 'Traceback' not in done.stderr, done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1] == '3 of 5 files are labelled, 2 are not.'
    assert (f"{scans / 'a.copc.laz'}: it is COPC; the result is without its index, which needs another order of the "
            'points.') in lines
    assert 'broken.las: ' in lines[-3] and 'broken.ply: ' in lines[-2]
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        '.erda_records', *(f'00000{frame}.{suffix}' for frame in range(2) for suffix in ('bin', 'label', 'npz')),
        'a.laz', 'classes.csv']
    assert (tmp_path / 'out/000000.bin').read_bytes() == (scans / '000000.bin').read_bytes()
    assert set(np.load(tmp_path / 'out/000001.npz')) == {'confidence', 'entropy'}
