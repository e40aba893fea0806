"""tools/analysis_tools/click_curve.py as a developer calls it."""
import re

import numpy as np
from integration.command import run


def test_tables_of_propagated_labels_and_of_networks(tmp_path):
    """The labels of the field answer; the network learns from those alone."""
    rng = np.random.default_rng(0)
    cloud = np.zeros(4000, dtype=[(name, float) for name in ('x', 'y', 'z')] + [('classification', np.uint8)])
    for name, low, high in zip('xyz', (0, 0, 0), (20, 20, 0.05)):
        cloud[name] = rng.uniform(low, high, 4000)
    cloud['classification'] = 2 + 4 * (np.hypot(cloud['x'] - 10, cloud['y'] - 10) < 5)
    cloud['z'][cloud['classification'] == 6] += 5
    np.save(tmp_path / 'a.npy', cloud)
    done = run('tools/prepare_data.py', 'folder', tmp_path, '--labels', 'classification')
    assert done.returncode == 0, done.stderr
    results = tmp_path / 'curves.jsonl'
    call = ('tools/analysis_tools/click_curve.py', tmp_path, '--clicks', 20, '--seeds', 1, '--network', 2,
            '--results', results)
    done = run(*call)
    assert done.returncode == 0, done.stderr
    (header, propagated), (_, network), (_, both) = tables(done.stdout)
    assert header.count('right, %') == 3 and 'by entropy: right, %' in header
    assert len(propagated) == len(network) == len(both) == 6
    assert propagated[0] > 95 and propagated[:2] == propagated[2:4] == propagated[4:]  # of 20 points all are by place
    assert network != propagated and all(high > low for high, low in zip(both, network))

    kept = results.read_text()
    assert len(kept.splitlines()) == 3
    again = run(*call)
    assert again.returncode == 0 and tables(again.stdout) == tables(done.stdout)
    assert results.read_text() == kept


def tables(printed):
    """Headers of the tables, and the means in their only rows."""
    lines = [line for line in printed.splitlines() if line.startswith('|') and '---' not in line]
    return [(header, [float(value) for value in re.findall(r'([\d.]+) ± 0.0', row)])
            for header, row in zip(lines[::2], lines[1::2])]
