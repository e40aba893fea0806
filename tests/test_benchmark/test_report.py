import io
from pathlib import Path

import pytest
from rich.console import Console

from erda.benchmark.report import print_if_legible
from erda.evaluation.comparison_table import LabelCount, MethodResult, as_rich_table, comparison_rows


@pytest.mark.parametrize('width', [40, 60, 80, 120, 300])
@pytest.mark.parametrize('methods', [1, 5, 14])
def test_numbers_are_whole_or_not_shown(width, methods):
    labels, runs = [LabelCount('raw points', 264, 27404)], [{'car': 0.1234}, {'car': 0.1}]
    rows = comparison_rows([MethodResult(f'lambda {i}', '1%', labels, runs) for i in range(methods)])
    console = Console(width=width, file=io.StringIO())
    print_if_legible(console, as_rich_table(rows, 'IoU in percent'), Path('work/classes.md'))
    words = console.file.getvalue().split()
    shown = words.count('27404') == methods and words.count('11.2') == 2 * methods
    assert shown != (' '.join(words) == 'IoU in percent: too wide to be shown here, see work/classes.md')
    if methods == 1 or width == 300:
        assert shown
