"""Stored masks are those that are drawn, whatever interrupts the writing, and no others are accepted."""
import json

import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from tiny_scans import REPOSITORY, write_scan

from erda.datasets.semantickitti import prepare_semantickitti
from erda.weak_labels import StoredMasks, mask_writer, verify_masks, write_masks
from erda.weak_labels.stored_masks import StoredMask, encode_mask

FIRST = 'sequences/00/velodyne/000000.bin'


def build(root, **changes):
    cfg = Config.fromfile(REPOSITORY / 'projects/ERDA/configs/minkunet_erda_1pct.py').train_dataloader.dataset
    cfg.dataset.data_root = str(root)
    for key, value in changes.items():
        cfg[key] = value
    init_default_scope('mmdet3d')
    return DATASETS.build(cfg)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize('points, labels', [
    (0, 0), (1, 0), (1, 1), (7, 7), (1000, 0), (1000, 31), (1000, 32), (999, 900)])
def test_smaller_of_two_encodings(tmp_path, points, labels):
    mask = np.zeros(points, dtype=bool)
    mask[np.random.default_rng(0).permutation(points)[:labels]] = True
    stored = encode_mask(mask)
    assert len(stored) == StoredMask(0, points, labels).end == min(4 * labels, -(-points // 8))
    masks = StoredMasks.__new__(StoredMasks)
    masks.path, masks.masks = tmp_path / 'masks.bin', {'a': StoredMask(3, points, labels)}
    masks.path.write_bytes(b'...' + stored + b'...')
    assert np.array_equal(masks.read('a'), mask)


@pytest.mark.parametrize('budget', [
    dict(type='RatioBudget', ratio=0.01), dict(type='RatioBudget', ratio=0.5), dict(type='FrameBudget', ratio=0.5),
    dict(type='PerScanBudget', num_points=7, base=dict(voxel_size=0.5)),
])
def test_stored_and_drawn_labels_are_the_same(semantickitti, tmp_path, budget):
    drawn = build(semantickitti, budget=budget, seed=3)
    folder = tmp_path / 'masks'
    totals = write_masks(drawn, folder)
    assert names(folder) == ['manifest.json', 'masks.bin']
    assert verify_masks(drawn, folder) == 3
    for expected in (budget, None):
        stored = build(semantickitti, budget=expected, seed=3, masks=str(folder))
        assert str(stored.budget) == str(drawn.budget)
        for idx in range(3):
            assert np.array_equal(stored.load_scan(idx).labels, drawn.load_scan(idx).labels)
    counts = sum(np.bincount(x[(x >= 0) & (x < 19)], minlength=19) for x in
                 (drawn.load_scan(idx).labels for idx in range(3)))
    assert np.array_equal(stored.budget.labels_per_class, counts) and counts.sum() == totals.labels
    assert str(stored.dataset.pipeline).count('ApplyWeakLabels') == 3, 'in the mixes too'


def test_manifest(semantickitti, tmp_path):
    write_masks(build(semantickitti), tmp_path / 'a', [0.5, 0.5, 0.5])
    manifest = json.loads((tmp_path / 'a/manifest.json').read_text())
    assert manifest['budget'] == dict(type='RatioBudget', ratio=0.01) and manifest['seed'] == 0
    assert manifest['points'] == 4500 and manifest['share'] == manifest['labels'] / 4500
    assert 0 < manifest['labelled_voxels'] <= manifest['labels'] < manifest['voxels'] < 4500
    assert list(manifest['scans']) == [f'sequences/00/velodyne/{frame:06d}.bin' for frame in range(3)]
    assert sum(manifest['scans'][FIRST]['labels']) > 5
    budget = dict(type='RatioBudget', ratio=0.1, base=dict(voxel_size=1.0))
    write_masks(build(semantickitti, budget=budget), tmp_path / 'b')
    manifest = json.loads((tmp_path / 'b/manifest.json').read_text())
    assert manifest['voxel_size'] == 1.0 and manifest['labelled_voxels'] == manifest['labels'], 'its own base'


class Interrupted(Exception):
    pass


@pytest.mark.parametrize('damage', [None, 'journal', 'masks', 'no masks'])
def test_goes_on_after_an_interruption(semantickitti, tmp_path, monkeypatch, damage):
    dataset, folder = build(semantickitti), tmp_path / 'masks'
    write_masks(dataset, tmp_path / 'straight')
    draws, draw = [], mask_writer._draw

    def interrupted(dataset, idx, voxel_size):
        draws.append(idx)
        if len(draws) == 3:
            raise Interrupted
        return draw(dataset, idx, voxel_size)

    monkeypatch.setattr(mask_writer, '_draw', interrupted)
    with pytest.raises(Interrupted):
        write_masks(dataset, folder)
    assert names(folder) == ['masks.bin.part', 'scans.part']
    path = folder / ('scans.part' if damage == 'journal' else 'masks.bin.part')
    if damage == 'no masks':
        path.unlink()
    elif damage:  # the last mask or record did not reach the disk as a whole
        path.write_bytes(path.read_bytes()[:-5])
    write_masks(dataset, folder)
    assert draws == {None: [0, 1, 2, 2], 'no masks': [0, 1, 2, 0, 1, 2]}.get(damage, [0, 1, 2, 1, 2])
    for name in ('masks.bin', 'manifest.json'):
        assert (folder / name).read_bytes() == (tmp_path / 'straight' / name).read_bytes()
    write_masks(dataset, folder)
    assert len(draws) < 7, 'nothing left to do'


def test_another_scheme_in_the_folder(semantickitti, tmp_path):
    write_masks(build(semantickitti), tmp_path / 'masks')
    for changes, message in ((dict(seed=1), 'seed=0, this config has seed=1'),
                             (dict(budget=dict(type='RatioBudget', ratio=0.1)), 'budget=')):
        with pytest.raises(ValueError, match=message):
            write_masks(build(semantickitti, **changes), tmp_path / 'masks')


@pytest.fixture
def masks(semantickitti, tmp_path):
    write_masks(build(semantickitti), tmp_path / 'masks')
    return tmp_path / 'masks'


@pytest.mark.parametrize('changes, message', [
    (dict(seed=1), 'manifest.json has seed=0, but this config has seed=1'),
    (dict(budget=dict(type='RatioBudget', ratio=0.1)), 'manifest.json has budget='),
])
def test_masks_of_another_budget_or_seed(semantickitti, masks, changes, message):
    with pytest.raises(ValueError, match=message):
        build(semantickitti, masks=str(masks), **changes)


def test_damaged_files(semantickitti, masks):
    def refused(message):
        with pytest.raises(ValueError, match=message):
            build(semantickitti, masks=str(masks))

    content = (masks / 'masks.bin').read_bytes()
    (masks / 'masks.bin').write_bytes(bytes([content[0] ^ 1]) + content[1:])
    refused('masks.bin is not the file .* sha256 differs')
    (masks / 'masks.bin').unlink()
    refused('masks.bin does not exist')
    manifest = (masks / 'manifest.json').read_text()
    (masks / 'manifest.json').write_text(manifest[:50])
    refused('manifest.json is damaged')
    (masks / 'manifest.json').write_text('{}')
    refused('manifest.json is damaged: it lacks budget')
    (masks / 'manifest.json').unlink()
    refused('manifest.json does not exist. Write the masks: python tools/make_weak_labels.py')


def test_scan_without_a_mask(semantickitti, masks):
    write_scan(semantickitti, '00', 3)
    prepare_semantickitti(semantickitti)
    with pytest.raises(ValueError, match='lacks 1 scans of the dataset, the first is sequences/00/velodyne/000003.bin'):
        build(semantickitti, masks=str(masks))


def test_scan_with_other_points(semantickitti, masks):
    """Before training from the size of the file, and again when the scan is read."""
    dataset = build(semantickitti, masks=str(masks))
    write_scan(semantickitti, '00', 0, points=1400)
    with pytest.raises(ValueError, match=f'{FIRST} is for 1500 points, but the scan has 1400'):
        build(semantickitti, masks=str(masks))
    with pytest.raises(ValueError, match=f'{FIRST} is for 1500 points, but the scan has 1400'):
        dataset.load_scan(0)


def test_verify_finds_other_labels_and_points(semantickitti, masks):
    path = semantickitti / 'sequences/00/labels/000001.label'
    np.fromfile(path, dtype=np.uint32)[::-1].tofile(path)
    with pytest.raises(ValueError, match='masks.bin: the mask of .*000001.bin is not the one that 1% draws'):
        verify_masks(build(semantickitti), masks)
    write_scan(semantickitti, '00', 0, points=1400)
    with pytest.raises(ValueError, match='000000.bin is for 1500 points, but the scan has 1400'):
        verify_masks(build(semantickitti), masks)


@pytest.mark.parametrize('budget', ['GivenLabels', 'ScribbleBudget'])
def test_labels_of_files_are_not_stored(semantickitti, tmp_path, budget):
    with pytest.raises(ValueError, match=f'{budget} takes its labels from files'):
        write_masks(build(semantickitti, budget=dict(type=budget)), tmp_path / 'masks')


def test_neither_budget_nor_masks(semantickitti):
    with pytest.raises(ValueError, match='needs budget=dict'):
        build(semantickitti, budget=None)
