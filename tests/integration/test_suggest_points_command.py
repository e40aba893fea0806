"""tools/suggest_points.py as a user calls it."""
import numpy as np
from integration.command import run

from erda.weak_labels.click_labels import read_clicks


def test_suggestions_keep_away_from_clicks_and_come_back_as_clicks(tmp_path):
    for name in 'ab':
        np.save(tmp_path / f'{name}.npy', np.random.default_rng(ord(name)).uniform(0, 9, (300, 3)))
    (tmp_path / 'clicks.csv').write_text('file,index,class\n' + ''.join(f'a.npy,{i},tree\n' for i in range(150)))
    done = run('tools/suggest_points.py', tmp_path / 'a.npy', tmp_path / 'b.npy', '--budget', 9, '-o', tmp_path / 'out',
               '--clicks', tmp_path / 'clicks.csv')
    assert done.returncode == 0 and '9 points to label' in done.stdout, done.stderr
    table = tmp_path / 'out/suggested_points.csv'
    table.write_text(table.read_text().replace(',\n', ',tree\n'))
    clicks = read_clicks(table, ['ground', 'tree'])
    assert len(clicks) == 9 and sum(click.file == 'b.npy' for click in clicks) > 5
    assert all(click.index >= 150 for click in clicks if click.file == 'a.npy')
    assert (tmp_path / 'out/b.npy.suggested.ply').is_file()
