"""tools/analysis_tools/click_curve.py as a developer calls it."""
import re

import numpy as np
from integration.command import run


def test_a_table_with_propagated_labels_and_a_network(tmp_path):
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
    done = run('tools/analysis_tools/click_curve.py', tmp_path, '--clicks', 20, '--seeds', 1, '--network', 2)
    assert done.returncode == 0, done.stderr
    header, row = [line for line in done.stdout.splitlines() if line.startswith('|') and '---' not in line]
    assert header.count('mIoU') == 3 and 'network, 2 steps: right, %' in header
    figures = [float(value) for value in re.findall(r'([\d.]+) ± 0.0', row)]
    assert len(figures) == 6 and figures[0] > 95 and figures[:2] == figures[2:4] and figures[4] < 100
