"""tools/propagate_labels.py as a user calls it."""
import numpy as np
from integration.command import run


def test_a_folder_is_labelled_from_its_clicks_and_bad_files_end_nothing(tmp_path):
    rng, rows = np.random.default_rng(0), ['file,index,class']
    for name in ('a.npy', 'b.npy'):
        np.save(tmp_path / name, np.concatenate([rng.normal(0, 1, (200, 3)), rng.normal(3, 1, (200, 3))]))
        rows += [f'{name},{i},{"ground" if i < 200 else "tree"}' for i in range(0, 400, 20)]
    np.save(tmp_path / 'nobody_clicked.npy', np.zeros((5, 3)))
    (tmp_path / 'broken.ply').write_bytes(b'not ply')
    rows.append('broken.ply,0,tree')
    (tmp_path / 'clicks.csv').write_text('\n'.join(rows))
    (tmp_path / 'erda.yaml').write_text('classes: {ground: [2], tree: [5]}\nclicks: clicks.csv\n'
                                        'splits: {train: ["*.npy", "*.ply"]}')
    done = run('tools/propagate_labels.py', tmp_path, '-o', tmp_path / 'out', '--min-confidence', 0.99)
    assert done.returncode == 1 and 'Traceback' not in done.stderr, done.stderr
    assert '41 clicks' in done.stdout and '0 is no label' in done.stdout
    assert (tmp_path / 'out/classes.csv').read_text() == 'code,class\n2,ground\n5,tree\n'
    lines = done.stderr.splitlines()
    assert lines[-1] == '2 of 4 files are labelled, 2 are not.'
    assert 'broken.ply: ' in lines[-3] and 'nobody_clicked.npy: no click labels a point of it' in lines[-2]
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        '.erda_records', 'a.npy', 'b.npy', 'classes.csv']
    result = np.load(tmp_path / 'out/a.npy')
    assert set(np.unique(result['predicted_class'])) == {0, 2, 5}
    assert ((result['predicted_class'] == 0) == (result['confidence'] < 0.99)).all()


def test_without_clicks_it_says_what_to_do(tmp_path):
    np.save(tmp_path / 'a.npy', np.zeros((5, 3)))
    done = run('tools/propagate_labels.py', tmp_path, '-o', tmp_path / 'out')
    assert done.returncode == 2 and '--clicks' in done.stderr and 'Traceback' not in done.stderr
