"""The tables of the documentation are those of the published results, figure by figure."""
import pytest
from tiny_scans import REPOSITORY

from erda.benchmark.report import block_name
from erda.benchmark.results import read_results
from erda.benchmark.spec import OWN_BUDGET, read_spec
from erda.benchmark.tables import (
    hidden_label_rows,
    label_lines,
    on_your_clouds,
    pool_folds,
    summarize,
    tables_by_job,
)
from erda.config import load_config
from erda.evaluation.comparison_table import as_markdown
from erda.evaluation.marked_table import find_marked, marks_of

BENCHMARKS = REPOSITORY / 'projects/ERDA/benchmarks'
PAGES = sorted((REPOSITORY / 'docs/results').glob('*.md'))
RESULTS = sorted((BENCHMARKS / 'results').glob('*.jsonl'))


def test_there_are_results():
    assert RESULTS


@pytest.mark.parametrize('path', RESULTS, ids=[path.stem for path in RESULTS])
def test_the_table_is_that_of_the_results(path):
    spec = read_spec(BENCHMARKS / f'{path.stem}.yaml', REPOSITORY)
    results = sorted(read_results(path).values(), key=lambda result: spec.methods.index(result.method))
    assert len(results) == len(path.read_text().splitlines())
    assert {(x.method, x.budget, x.seed) for x in results} <= {(x.method, x.budget, x.seed) for x in spec.cells}
    results = pool_folds(results, spec.folds)
    budgets = [budget for budget in spec.budgets if any(x.budget == budget for x in results)]
    class_names = load_config(str(spec.cells[0].config)).class_names
    page, = (page for page in PAGES if marks_of(block_name(spec))[0] in page.read_text())
    _, table, _ = find_marked(page, block_name(spec))
    for rows in tables_by_job(results, class_names, budgets, spec.baseline, spec.classes):
        assert as_markdown(rows).rstrip() in table
    if hidden := hidden_label_rows(results, budgets):
        assert as_markdown(hidden).rstrip() in table
    for line in label_lines(results):
        assert line in table


def test_the_small_table_of_the_readme():
    """Rows of two specs, whose tables stand in docs/results/real_scans.md."""
    expected = {}
    for name in ('excerpt', 'mixing'):
        spec = read_spec(BENCHMARKS / f'{name}.yaml', REPOSITORY)
        summaries = summarize(list(read_results(BENCHMARKS / f'results/{name}.jsonl').values()), spec.classes)
        for method, row in summaries.items():
            expected[method] = [f'{row.get(budget, row.get(OWN_BUDGET)).mean:.1f} ± '
                                f'{row.get(budget, row.get(OWN_BUDGET)).spread:.1f}' for budget in spec.budgets]
    rows = {'the labelled points alone': 'sparse-only', 'ERDA, as published': 'ERDA',
            'ERDA on a second view, our variant, with mixed scans': 'ERDA, second view, with mixing',
            'every label': 'full'}
    readme = (REPOSITORY / 'README.md').read_text()
    for words, method in rows.items():
        assert f'| {words} | {" | ".join(expected[method])} |\n' in readme


def test_the_table_of_erda_plus_in_the_readme():
    spec = read_spec(BENCHMARKS / 'folds.yaml', REPOSITORY)
    results = pool_folds(list(read_results(BENCHMARKS / 'results/folds.jsonl').values()), spec.folds)
    yours, new = (summarize(job, spec.classes) for job in (on_your_clouds(results), results))
    columns = [(row, budget) for row in (yours, new) for budget in ('0.1%', '1%')]
    lines = (REPOSITORY / 'README.md').read_text().splitlines()
    for words, method in {'the labelled points alone': 'sparse-only', 'ERDA+': 'ERDA+',
                          'the same, with the propagated labels': 'sparse-only, with the propagated labels',
                          'every label': 'full', 'every label, scans mixed as in ERDA+': 'full with mixing'}.items():
        cells = [row[method].get(budget, row[method].get(OWN_BUDGET)) if method in row else None
                 for row, budget in columns]
        figures = ' | '.join(f'{cell.mean:.1f}' if cell else '' for cell in cells)
        assert ' '.join(f'| {words} | {figures} |'.split()) in lines
