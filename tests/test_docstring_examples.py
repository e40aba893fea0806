"""The examples in docstrings give what they say."""
import doctest
import importlib
from pathlib import Path

import pytest

import erda

MODULES = (
    'backbones.kernel_points',
    'backbones.local_feature_aggregation',
    'backbones.patches',
    'backbones.serialization',
    'clouds.click_files',
    'clouds.bin_columns',
    'clouds.cloud_files',
    'clouds.cloud_format',
    'clouds.feature_ranges',
    'clouds.features',
    'clouds.las_classes',
    'clouds.lzf',
    'clouds.table_layout',
    'evaluation.comparison_table',
    'evaluation.confusion_metric',
    'evaluation.marked_table',
    'evaluation.prediction_quality',
    'evaluation.predictions',
    'evaluation.test_report',
    'files.whole_file',
    'heads.turned_points',
    'hooks.weak_class_weight_hook',
    'inference.label_file',
    'inference.processes',
    'labelling.colouring',
    'labelling.guarded_server',
    'labelling.keys',
    'labelling.live_propagation',
    'labelling.picking',
    'losses.functional',
    'ops.key_pairs',
    'ops.sparse_tables',
    'ops.unique_coors',
    'pseudo_labels.cosine_similarity',
    'pseudo_labels.propagated_prior',
    'sampling.grid_pyramid',
    'sampling.point_pyramid',
    'sampling.regular_sampling',
    'voxelization.voxel_labels',
    'weak_labels.budgets',
    'weak_labels.grid_subsampling',
    'weak_labels.point_suggestion',
    'weak_labels.spread_budget',
    'weak_labels.surface_graph',
    'weak_labels.unlabelled_codes',
)


def test_every_module_with_an_example_is_listed():
    package = Path(erda.__file__).parent
    found = {'.'.join(path.relative_to(package).with_suffix('').parts)
             for path in package.rglob('*.py') if '>>> ' in path.read_text()}
    assert found == set(MODULES)


@pytest.mark.parametrize('name', MODULES)
def test_examples_give_what_they_say(name):
    failed, attempted = doctest.testmod(importlib.import_module(f'erda.{name}'))
    assert attempted > 0 and failed == 0
