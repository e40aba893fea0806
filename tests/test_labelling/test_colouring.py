import numpy as np

from erda.clouds.description import COLOURS
from erda.labelling.colouring import NO_LABEL, class_colours, rgb_colours, scale_colours
from erda.labelling.keys import OF_CLASSES, class_keys
from erda.labelling.legend import class_legend, scale_legend

# Machado et al., A physiologically-based model for simulation of color vision deficiency, 2009, severity 1.
DEFICIENCIES = {
    'protan': [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    'deutan': [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    'tritan': [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]}


def test_classes_are_told_apart_with_any_colour_vision():
    colours = (np.array(COLOURS) / 255)**2.2
    for matrix in [np.eye(3), *map(np.array, DEFICIENCIES.values())]:
        seen = np.clip(colours @ matrix.T, 0, 1)**(1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=2) + 9 * np.eye(len(seen))
        assert apart.min() > 0.1


def test_scales():
    values = np.array([0., 1, 2, np.nan, 50])
    colours = scale_colours(values, 0, 2)
    assert tuple(colours[3]) == NO_LABEL and (colours[4] == colours[2]).all() and (np.diff(colours[:3, 0]) > 0).all()
    assert (scale_colours(np.full(3, np.nan)) == NO_LABEL).all() and scale_colours(np.zeros(4)).shape == (4, 3)
    assert rgb_colours(np.array([[0, 65535, 32768]]), 65535).tolist() == [[0, 255, 127]]


def test_legends_count_points_and_show_names_as_they_are():
    labels = np.array([0, 0, 2, -1, 1])
    assert class_colours(labels, COLOURS[:2])[0].tolist() == list(COLOURS[0])
    legend = class_legend(labels, ['<ground>', 'roof'], COLOURS)
    assert '&lt;ground&gt;' in legend and '<ground>' not in legend
    assert [cell.split('<')[0] for cell in legend.split('right">')[1:]] == ['2', '1', '1', '1']
    assert 'void' not in class_legend(labels[:2], ['ground', 'roof'], COLOURS)
    assert scale_legend(np.array([1., 3]), 0, 2).startswith('<div') and '>0<' in scale_legend(np.array([1., 3]), 0, 2)
    assert scale_legend(np.full(2, np.nan), None, None) == ''


def test_keys_are_used_once():
    keys = class_keys(40)
    given = [key for key in keys if key]
    assert len(set(given)) == len(given) == len(OF_CLASSES) and keys[-1] is None
    assert not set(given) & set('NPURFXCV')
