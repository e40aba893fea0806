"""The specs of the repository, against the configs they change."""
import pytest
from tiny_scans import REPOSITORY

from erda.benchmark.cells import config_of_method, make_runs
from erda.benchmark.spec import read_spec
from erda.weak_labels.budgets import BUDGETS

SPECS = sorted((REPOSITORY / 'projects/ERDA/benchmarks').glob('*.yaml'))


def leaves(value, prefix=''):
    if isinstance(value, dict):
        return {key for name, inner in value.items() for key in leaves(inner, f'{prefix}.{name}')} or {prefix}
    return {prefix}


@pytest.mark.parametrize('path', SPECS, ids=[path.stem for path in SPECS])
def test_every_option_is_one_that_the_config_knows(path, tmp_path):
    """A misspelt key would be merged without a word and change nothing."""
    new_keys = ('pseudo_labeler', 'loss_erda', 'selection', 'labelled_weight', 'custom_hooks', 'seed',
                'data_preprocessor.ignore_index')
    for run in make_runs([cell for cell in read_spec(path, REPOSITORY).cells if cell.seed < 2], tmp_path):
        before = leaves(config_of_method(run.cell)._cfg_dict.to_dict())
        added = leaves(run.cfg._cfg_dict.to_dict()) - before
        added -= {key for key in added if key.startswith('.train_dataloader.dataset.budget.')}  # it is built below
        assert not [key for key in added if not any(f'.{name}' in key for name in new_keys)], run.cell.name
        BUDGETS.build(run.cfg.train_dataloader.dataset.budget.to_dict())


def test_there_are_specs():
    assert {'demo', 'excerpt', 'rooms'} <= {path.stem for path in SPECS}
