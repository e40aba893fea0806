"""tools/suggest_points.py as a user calls it."""
import numpy as np
from integration.command import run

from erda.clouds.click_files import ClickClasses, read_clicks


def test_suggestions_keep_away_from_clicks_and_come_back_as_clicks(tmp_path):
    for name in 'ab':
        np.save(tmp_path / f'{name}.npy', np.random.default_rng(ord(name)).uniform(0, 9, (300, 3)))
    (tmp_path / 'clicks.csv').write_text('file,index,class\n' + ''.join(f'a.npy,{i},tree\n' for i in range(150)))
    done = run('tools/suggest_points.py', tmp_path / 'a.npy', tmp_path / 'b.npy', '--budget', 9, '-o', tmp_path / 'out',
               '--clicks', tmp_path / 'clicks.csv')
    assert done.returncode == 0 and '9 points to label' in done.stdout, done.stderr
    table = tmp_path / 'out/round_1.csv'
    fill_in(table)
    clouds = {name: tmp_path / name for name in ('a.npy', 'b.npy')}
    clicks = read_clicks([table], ClickClasses(['ground', 'roof']), clouds).clicks
    assert len(clicks['a.npy']) + len(clicks['b.npy']) == 9 and len(clicks['b.npy']) > 5
    assert all(click.index >= 150 for click in clicks['a.npy'])
    assert (tmp_path / 'out/round_1_b.npy.suggested.ply').is_file()


def test_rounds_go_to_the_folder_of_the_description(tmp_path):
    np.save(tmp_path / 'a.npy', np.random.default_rng(0).uniform(0, 9, (300, 3)))
    (tmp_path / 'erda.yaml').write_text('{classes: {ground: [], roof: []}, clicks: clicks, splits: {train: a.npy}}')
    suggest = ('tools/suggest_points.py', tmp_path, '--budget', 9)
    done = run(*suggest)
    table = tmp_path / 'clicks/round_1.csv'
    assert f'Fill in the column "class" of {table} with one of: ground (2), roof (64).' in done.stdout, done.stderr
    first = table.read_text()
    done = run(*suggest)
    assert done.returncode == 2 and 'round_1.csv has no class yet. Fill it in, or replace it' in done.stderr
    assert run(*suggest, '--overwrite', '--seed', 5).returncode == 0 and table.read_text() != first
    fill_in(table)
    assert run(*suggest).returncode == 0
    first, second = ({line.split(',')[4] for line in path.read_text().splitlines()[1:]}
                     for path in sorted((tmp_path / 'clicks').glob('round_*.csv')))
    assert len(first) == len(second) == 9 and not first & second


def fill_in(table):
    header, *rows = table.read_text().splitlines()
    assert header.split(',')[2] == 'class'
    filled = '\n'.join([header, *(row.replace(',,', ',roof,', 1) for row in rows)])
    table.write_text(filled.replace('roof', 'ground', 1))
