"""Pages that are made when the site is built: mkdocs.yml names this file under ``hooks``, and mkdocs calls ``on_*``."""
import functools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Sequence

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mmengine.config import ConfigDict

import erda  # noqa: F401  Before any config is read: registers everything and installs the portable kernels.
from erda.config import load_config
from erda.weak_labels import BUDGETS

ROOT = Path(__file__).resolve().parents[1]
DATA_SETS = dict(SemanticKittiDataset='SemanticKITTI', NuScenesSegDataset='nuScenes', S3DISSegDataset='S3DIS',
                 ScanNetSegDataset='ScanNet')
NETWORKS = dict(
    SPVCNNBackbone='SPVCNN',
    PointNet2SASSG='PointNet++ (SSG)',
    PointNet2SAMSG='PointNet++ (MSG)',
    PointTransformer='Point Transformer',
    PointTransformerV3='Point Transformer V3',
    RandLANet='RandLA-Net',
    CloserLook3D='CloserLook3D')

CONFIGS = """\
A config is called `NETWORK_METHOD_BUDGET`, with the data behind it where that is not SemanticKITTI:

- `erda` is the method of this project and `erdaplus` our variant. `sparse` learns from the labelled points alone, on
  the labels, sampler and schedule of its `erda`. `full` learns from every label. [The other
  methods](../tutorials/own_config.md#another-method) are fragments.
- `mini` is a small network with a short schedule on the real scans, for two CPU cores. `synthetic` is the same idea on
  scans and rooms that we make.
- On SemanticKITTI scans are mixed, by LaserMix and PolarMix. Not so with `minkunet18`, `mini` and `synthetic`, nor with
  [a fragment](../tutorials/own_config.md#mixed-scans-or-not).

All inherit mmdet3d's own recipe, but for [networks that it lacks](../background/point_transformers.md). RandLA-Net and
CloserLook3D have [that of the ERDA paper](../guides/paper_protocol.md) on S3DIS. S3DIS is tested on area 5.

Another budget of the same kind is an option of the command line. The last column has it for each config, with
`train_dataloader.dataset.` to be put in front:

```bash
python tools/train.py projects/ERDA/configs/minkunet_erda_1pct.py \\
    --cfg-options train_dataloader.dataset.budget.ratio=0.001
```

[Another kind of budget](../guides/budgets.md#change-it) takes a config of your own, of two lines.

This page is made from the config files when the site is built."""

COMMANDS = """\
What each command answers to `--help`. Of an installed package it is `python -m erda.tools.NAME` instead of
`python tools/NAME.py`.

This page is made from the commands when the site is built."""

ANALYSIS_TOOLS = 'They measure kernels and steps, for [memory and speed](../guides/memory_and_speed.md).'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of the folder."""
    for name, content in (('configs', configs_page()), ('commands', commands_page())):
        files.append(File.generated(config, f'reference/{name}.md', content=content))
    return files


def on_page_content(html: str, **_: object) -> str:
    """Leave Sphinx's roles out of what mkdocstrings makes of the docstrings: it shows them as text."""
    return re.sub(r':(?:attr|class|data|func|meth|mod):(?=<code>)', '', html)


@functools.cache  # for `mkdocs serve`, which builds again after every change
def configs_page() -> str:
    """A table of the configs for each folder of data."""
    rows: Dict[str, List[List[str]]] = {}
    for path in [*sorted(ROOT.glob('projects/ERDA/configs/*.py')), *sorted(ROOT.glob('configs/[!_]*/*.py'))]:
        cfg = load_config(str(path))
        dataset = cfg.train_dataloader.dataset
        row = [f'`{path.relative_to(ROOT)}`', network_name(cfg.model), *budget_cells(dataset.budget)]
        rows.setdefault(data_name(dataset), []).append(row)
    header = ['config', 'network', 'budget', 'option']
    tables = [f'## {data}\n\n{as_table(header, rows[data])}' for data in sorted(rows)]
    return as_page('Configs', 'toc', CONFIGS, *tables)


def network_name(model: ConfigDict) -> str:
    """What papers call the network."""
    head = model.decode_head.type.removeprefix('ERDA').removesuffix('Head')
    return NETWORKS.get(model.backbone.type, head)


def data_name(dataset: ConfigDict) -> str:
    """Layout and folder of the data inside the wrappers."""
    while 'dataset' in dataset:
        dataset = dataset.dataset
    return f'{DATA_SETS.get(dataset.type, dataset.type)}, `{dataset.data_root.rstrip("/")}`'


def budget_cells(budget: ConfigDict) -> List[str]:
    """The budget in words, and the options that make it."""
    options = ' '.join(f'`budget.{key}={value}`' for key, value in budget.items() if key != 'type')
    return [str(BUDGETS.build(budget)), options]


@functools.cache
def commands_page() -> str:
    """The help of every command."""
    parts = [COMMANDS]
    for path in sorted(ROOT.glob('tools/*.py')):
        text = help_text(path)
        parts += [f'## {path.stem}', as_code(text)]
        subcommands = re.search(r'\{([a-z\d,-]+)\}\s+\.\.\.', text)
        for name in subcommands[1].split(',') if subcommands else ():
            parts += [f'### {path.stem} {name}', as_code(help_text(path, name))]
    for path in sorted(ROOT.glob('tools/*.sh')):
        comment = re.match(r'#!.*\n((?:# .*\n)+)', path.read_text())
        parts += [f'## {path.name}', as_code(re.sub('^# ', '', comment[1], flags=re.MULTILINE))]
    parts.append(f'## Analysis tools\n\n{ANALYSIS_TOOLS}')
    for path in sorted(ROOT.glob('tools/analysis_tools/*.py')):
        parts += [f'### {path.stem}', as_code(help_text(path))]
    return as_page('Commands', 'navigation', *parts)


def help_text(path: Path, *subcommand: str) -> str:
    """What a command prints with ``--help``."""
    environment = dict(os.environ, COLUMNS='112')  # argparse breaks lines there
    done = subprocess.run([sys.executable, str(path), *subcommand, '--help'], env=environment, text=True,
                          stdout=subprocess.PIPE, check=True)
    return done.stdout.replace(f'usage: {path.name}', f'usage: python {path.relative_to(ROOT)}', 1)


def as_page(title: str, hidden: str, *parts: str) -> str:
    """A page that hides ``'toc'`` or ``'navigation'`` beside it, because its content is wide."""
    return '\n\n'.join([f'---\nhide: [{hidden}]\n---', f'# {title}', *parts]) + '\n'


def as_code(text: str) -> str:
    return f'```text\n{text.strip()}\n```'


def as_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in (header, ['---'] * len(header), *rows))
