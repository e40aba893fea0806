"""Cells whose training and test are small scripts that stand in for tools/train.py and tools/test.py."""
from pathlib import Path
from typing import List

from erda.benchmark.cells import CellRun, make_runs
from erda.benchmark.spec import Cell

CONFIG = '''
class_names = ['car', 'road']
train_cfg = dict(type='IterBasedTrainLoop', max_iters=6)
train_dataloader = dict(dataset=dict(seed=0, budget=dict(type='RatioBudget', ratio=0.5)))
model = dict(decode_head=dict(loss=dict(type='A', weight=1.0), pseudo_labeler=None), backbone=dict(channels=(1, 2)))
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
randomness = dict(seed=0)
data_root = 'a\\'b"'
'''
# Each writes as the real one does: a checkpoint in pieces, metrics at once.
TRAIN = '''
import json, re, sys, time, zipfile, io
from pathlib import Path
config, work_dir = Path(sys.argv[1]), Path(sys.argv[sys.argv.index('--work-dir') + 1])
start = 0
if '--resume' in sys.argv:
    path = Path(sys.argv[sys.argv.index('--resume') + 1])
    start = int(zipfile.ZipFile(path).read('iter'))
logs = work_dir / time.strftime('%Y%m%d_%H%M%S') / 'vis_data'
logs.mkdir(parents=True, exist_ok=True)
end = int(re.search(r"'max_iters': (\\d+)", config.read_text())[1])
for i in range(start + 1, end + 1):
    time.sleep(0.02)
    with open(work_dir / 'calls.txt', 'a') as file:
        file.write(f'train {i} after {start}\\n')
    with open(logs / 'scalars.json', 'a') as file:
        file.write(json.dumps(dict(loss=1.0, iter=i, step=i)) + '\\n')
    print(f'Iter(train) [{i}/{end}]  loss: 1.0', flush=True)
    if i % 2 == 0:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, 'w') as checkpoint:
            checkpoint.writestr('iter', str(i))
        (work_dir / f'iter_{i - 4}.pth').unlink(missing_ok=True)
        with open(work_dir / f'iter_{i}.pth', 'wb', buffering=0) as file:
            file.write(buffer.getvalue()[:50])
            time.sleep(0.03)
            file.write(buffer.getvalue()[50:])
'''
TEST = '''
import json, os, sys, time, zipfile
from pathlib import Path
out = Path(sys.argv[sys.argv.index('--out') + 1])
(out / time.strftime('%Y%m%d_%H%M%S')).mkdir(exist_ok=True)
with open(out / 'calls.txt', 'a') as file:
    file.write(f'test of {zipfile.ZipFile(sys.argv[2]).read("iter").decode()}\\n')
time.sleep(0.05)
(out / 'metrics.json.part').write_text(json.dumps(dict(metrics=dict(car=0.5, road=0.25, miou=0.375))))
os.replace(out / 'metrics.json.part', out / 'metrics.json')
'''


def write_tools(folder: Path, train: str = TRAIN, test: str = TEST) -> Path:
    """The scripts in a folder; the folder."""
    folder.mkdir()
    (folder / 'train.py').write_text(train)
    (folder / 'test.py').write_text(test)
    return folder


def small_runs(folder: Path, cells: int = 1, config: str = CONFIG, **options) -> List[CellRun]:
    """Cells that differ in their seed, in the folder ``work``."""
    path = folder / 'small.py'
    path.write_text(config)
    return make_runs([Cell('ours', '1%', seed, path, {**options, 'randomness.seed': seed}) for seed in range(cells)],
                     folder / 'work')


def small_runs_tested_twice(folder: Path, cells: int = 1) -> List[CellRun]:
    """Cells as of :func:`small_runs`, each before another one that tests its weights with another setting."""
    path = folder / 'small.py'
    path.write_text(CONFIG)
    runs = []
    for seed in range(cells):
        trained = Cell('ours', '1%', seed, path, {'randomness.seed': seed})
        options = {**trained.options, 'exponent': 0.5}
        runs += [trained._replace(method='again', options=options, trained_as=trained), trained]
    return make_runs(runs, folder / 'work')
