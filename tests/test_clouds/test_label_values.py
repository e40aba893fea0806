"""What the values of a label field are taken for, and that it is said."""
import io

import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from mmengine.registry import init_default_scope
from rich.console import Console
from test_clouds.described_folders import start, write_csv, write_las, write_tiles

from erda.clouds.clicks import click_classes
from erda.clouds.folder_dataset import class_ids
from erda.clouds.inspection import assumption_lines, field_table, inspect_folder
from erda.files.data_error import DataError

WORDS = ['ground', 'noise', 'rest', 'unlabelled']


@pytest.fixture
def root(tmp_path):
    return write_tiles(tmp_path)


@pytest.mark.parametrize('block_size', ['null', '3'])
def test_words_are_class_names(tmp_path, block_size):
    rng, words = np.random.default_rng(0), ['ground', 'roof', 'unlabelled', 'noise', '']
    labels = rng.choice(words, 300)
    rows = [f'{x:.3f},{y:.3f},{z:.3f},{label}' for (x, y, z), label in zip(rng.uniform(0, 6, (300, 3)), labels)]
    (tmp_path / 'a.csv').write_text('\n'.join(['x,y,z,class', *rows]))
    report = inspect_folder(tmp_path)
    assert report.label_counts == {word: (labels == word).sum() for word in words[:4]}
    assert assumption_lines(report) == [f'a.csv: {(labels == "").sum()} points with nothing in the field class are '
                                        'unlabelled.']
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(field_table(report))
    assert 'words' in console.export_text()
    description, _ = start(tmp_path)
    assert description.classes == {'ground': ['ground'], 'roof': ['roof']}
    assert description.unlabelled == ('unlabelled', ) and description.void == ('noise', )
    assert description.codes() == [2, 64] and click_classes(description).described() == 'ground (2), roof (64)'
    text = (tmp_path / 'erda.yaml').read_text()
    (tmp_path / 'erda.yaml').write_text(text.replace('block_size: null', f'block_size: {block_size}'))
    init_default_scope('mmdet3d')
    dataset = DATASETS.build(dict(type='PointCloudFolderDataset', data_root=str(tmp_path), split='train',
                                  pipeline=[dict(type='LoadPointCloudBlock')]))
    found = np.concatenate([dataset[i]['pts_semantic_mask'] for i in range(len(dataset))])
    expected = np.select([labels == word for word in ('ground', 'roof', 'noise')], [0, 1, 2], 3)
    assert sorted(found) == sorted(expected)
    (tmp_path / 'a.csv').write_text('x,y,z,class\n1,2,3,ground\n4,5,6,tree\n')
    with pytest.raises(DataError, match='label value tree of class is not in erda.yaml'):
        DATASETS.build(dict(type='PointCloudFolderDataset', data_root=str(tmp_path), split='train',
                            pipeline=[dict(type='LoadPointCloudBlock')]))[0]


@pytest.mark.parametrize('wishes, classes, unlabelled', [
    (dict(unlabelled=('rest', )), ['ground', 'unlabelled'], ('rest', )), (dict(codes='as-they-are'), WORDS, ()),
    (dict(codes='asprs'), ['ground', 'rest'], ('unlabelled', ))])
def test_words_are_said_to_be_no_class(tmp_path, wishes, classes, unlabelled):
    (tmp_path / 'a.csv').write_text('\n'.join(['x,y,z,class', *(f'1,2,3,{word}' for word in WORDS)]))
    description, starter = start(tmp_path, **wishes)
    assert list(description.classes) == classes and description.unlabelled == unlabelled
    assert not any('table of LAS' in remark for remark in starter.remarks)
    (tmp_path / 'erda.yaml').unlink()
    with pytest.raises(DataError, match='--unlabelled void: no point has this label'):
        start(tmp_path, unlabelled=('void', ))


def test_nan_among_labels_is_unlabelled(tmp_path):
    labels = np.array([1, 2, np.nan, 2, np.nan])
    np.savez(tmp_path / 'a.npz', xyz=np.random.default_rng(0).uniform(0, 6, (5, 3)), labels=labels)
    report = inspect_folder(tmp_path)
    assert report.label_counts == {1: 1, 2: 2}
    assert assumption_lines(report) == ['a.npz: 2 points with nothing in the field labels are unlabelled.']
    description, _ = start(tmp_path)
    assert class_ids(labels, description, tmp_path).tolist() == [0, 1, 3, 1, 3]


def test_las_classes_have_their_names(root):
    description, starter = start(root)
    assert description.classes == {'ground': [2], 'high_vegetation': [5], 'building': [6]}
    assert description.unlabelled == (1, ) and description.void == (7, )
    assert description.features == ('rgb', 'intensity', 'height_above_ground')
    assert 900 <= description.scale['intensity'] <= 1000 and description.scale['rgb'] == 65535
    assert description.splits == {'train': ['a.laz', 'c.laz'], 'val': ['deep/b.las']}
    assert [path.name for path in starter.written] == ['erda.yaml', 'minkunet_erda.py']
    assert str(root) not in ''.join(path.read_text() for path in starter.written)


def test_labels_of_other_files(tmp_path):
    write_csv(tmp_path / 'a.csv', ('x', 'y', 'z', 'gt'), (-1, 0, 3))
    description, _ = start(tmp_path, label_field='gt')
    assert description.classes == {'class_0': [0], 'class_3': [3]} and description.unlabelled == (-1, )


@pytest.mark.parametrize('field, labels, wishes, classes, unlabelled, notes', [
    ('label', (0, 1, 2), {}, [0, 1, 2], (), ['0 (', 'of label is a class. If nobody labelled these points']),
    ('label', (0, 1, 2), dict(unlabelled=(0, )), [1, 2], (0, ), ['of label is unlabelled (as you say)']),
    ('class', (-1, 1, 2, 255), {}, [1, 2], (-1, 255), ['-1 (', '255 (', 'unlabelled (by custom). Otherwise']),
    ('class', (-1, 1, 255), dict(unlabelled=()), [-1, 1, 255], (), []),
    ('class', (1, 255), dict(codes='as-they-are'), [1, 255], (), []),
])
def test_each_assumption_on_labels_is_said(tmp_path, field, labels, wishes, classes, unlabelled, notes):
    write_csv(tmp_path / 'a.csv', (*'xyz', field), labels)
    description, starter = start(tmp_path, **wishes)
    assert [value for value, in description.classes.values()] == classes and description.unlabelled == unlabelled
    assert all(note in ' '.join(starter.remarks) for note in notes)


@pytest.mark.parametrize('codes, doubt', [
    ([1, 2, 3, 7, 8], '8 is a rare model key point there, but has'), ([2, 5, 30], '30 is no class there'),
    ([3, 5, 6], 'there is no ground .2., but 3, 5, 6'), ([2, 5, 7], '7 and 18 are noise there, but have'),
])
def test_codes_that_do_not_look_like_those_of_las(tmp_path, codes, doubt):
    write_las(tmp_path / 'a.las', classes=codes)
    with pytest.raises(DataError, match=f'do not look like .*{doubt}.*--codes asprs .*--codes as-they-are'):
        start(tmp_path)
    description, _ = start(tmp_path, codes='as-they-are')
    assert description.classes == {f'class_{code}': [code] for code in codes} and not description.void
    (tmp_path / 'erda.yaml').unlink()
    description, starter = start(tmp_path, codes='asprs')
    assert (7 in codes) == (description.void == (7, ))
    assert any('--codes as-they-are makes a class of each' in remark for remark in starter.remarks)


def test_overlap_and_noise_are_no_classes_of_las(tmp_path):
    write_las(tmp_path / 'a.las', classes=(2, ) * 30 + (5, ) * 60 + (1, 7, 12))
    description, starter = start(tmp_path)
    assert list(description.classes) == ['ground', 'high_vegetation']
    assert description.unlabelled == (1, 12) and description.void == (7, )
    said = '\n'.join(starter.remarks)
    for words in ('is unlabelled (overlap)', 'is unlabelled (unclassified)', 'is void, which nobody learns from (low'):
        assert words in said


def test_zero_of_semantickitti_is_unlabelled(tmp_path):
    rng = np.random.default_rng(0)
    rng.uniform(-9, 9, (300, 4)).astype('<f4').tofile(tmp_path / 'a.bin')
    rng.choice([0, 1, 2], 300).astype('<u4').tofile(tmp_path / 'a.label')
    description, starter = start(tmp_path)
    assert description.unlabelled == (0, ) and 'unlabelled (as in SemanticKITTI)' in ' '.join(starter.remarks)


def test_a_class_is_preferred_to_what_may_be_an_instance(tmp_path):
    write_csv(tmp_path / 'a.csv', (*'xyz', 'label', 'class'), (1, 2))
    description, starter = start(tmp_path)
    assert description.label_field == 'class'
    assert 'Labels are those of class; label is not used. Otherwise: --labels label.' in starter.remarks
