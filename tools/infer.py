#!/usr/bin/env python
"""Label point cloud files of any size: python tools/infer.py CONFIG CHECKPOINT INPUT... -o DIR.

Each output has every point and attribute of its input, and the class and confidence of each point: in the field
'classification' of LAS and LAZ files, in a .label file beside .bin files, and in 'predicted_class' elsewhere.
DIR/classes.csv says which number is which class. A field that the input has stays: a new one takes another name, which
is printed.

The same call again does what is not done yet. Under torchrun, or in a job array (tools/slurm_infer.sh), each process
labels its share of the files.
"""
import argparse
import re
import sys
from pathlib import Path
from typing import Any, Dict, Sequence

from erda.command_start import add_columns, add_config, stop

PRIOR_EXPONENT = 0.5  # as in erda, which takes seconds to import


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(parser)
    parser.add_argument('checkpoint', help='checkpoint file, or erda://NAME of a published model')
    parser.add_argument('inputs', nargs='+', type=Path, metavar='INPUT', help='files, or folders of files')
    parser.add_argument('-o', '--out', type=Path, required=True, metavar='DIR', help='folder of the labelled files')
    parser.add_argument('--entropy', action='store_true', help='also write the entropy of the probabilities in nats')
    parser.add_argument('--probabilities', action='store_true', help='also write the probability of each class')
    parser.add_argument('--prefix', default='', help='what the names of new fields begin with, such as erda_')
    add_columns(parser)
    parser.add_argument('--clicks', type=Path, nargs='+', metavar='PATH',
                        help='labelled points, tables or folders, which become a prior along surfaces (default: those '
                        'that the network was trained with, if the config has a prior)')
    parser.add_argument('--prior-exponent', type=float, metavar='BETA',
                        help='probabilities are multiplied by the prior to this power; 0: no prior (default: the '
                        f"config's decode_head.prior_exponent, or {PRIOR_EXPONENT} with --clicks)")
    parser.add_argument('--views', type=int, default=1, metavar='N',
                        help='average the probabilities over N turns of each block; N times the work')
    parser.add_argument('--amp', action='store_true',
                        help='predict in mixed precision: float16 on a GPU, bfloat16 on a CPU that has it')
    parser.add_argument('--smooth', action='store_true', help='average the probabilities along surfaces')
    parser.add_argument('--overwrite', action='store_true', help='replace outputs that exist, also complete ones')
    parser.add_argument('--block-size', type=float, metavar='METRES', help="side of a block (default: the config's)")
    parser.add_argument('--overlap', type=float, metavar='METRES', help="margin around a block (default: the config's)")
    parser.add_argument('--max-points', type=int, help='points of a block, margin included; less takes less memory')
    parser.add_argument('--device', help='where the network runs (default: cuda if there is one, else cpu)')
    args = parser.parse_args()
    if (args.block_size or 1) <= 0 or (args.overlap or 0) < 0 or (args.max_points or 1) < 1:
        parser.error('--block-size and --max-points must be positive, --overlap not negative')
    if not re.fullmatch(r'\w*', args.prefix, flags=re.ASCII):
        parser.error('--prefix may have letters, digits and _')
    if (args.prior_exponent or 0) < 0:
        parser.error('--prior-exponent must not be negative')
    if args.views < 1:
        parser.error('--views must be at least 1')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import torch
from mmengine.config import Config

import erda.registration  # noqa: F401  Before the config is read: registers all, fills in kernels.
from erda.clouds.click_files import ClickClasses, find_click_files
from erda.clouds.clicks import click_classes
from erda.command_line import check_mixed_precision, config_options, stop_at_bad_settings
from erda.config import ConfigError, load_config
from erda.files.data_error import DataError
from erda.files.digest import sha256
from erda.inference.batch_records import BatchRecords
from erda.inference.class_codes import output_codes, write_legend
from erda.inference.errors import InferenceError
from erda.inference.file_batch import Advance, Say, begin_batch, end_with, label_files
from erda.inference.file_pairs import file_pairs
from erda.inference.given_clicks import clicks_of_config, clicks_of_files
from erda.inference.label_file import AS_PREDICTED, Outputs, Refinement, label_file
from erda.inference.processes import this_process
from erda.inference.segmentor import Segmentor
from erda.weak_labels.click_labels import Click


def check_device(device: str) -> None:
    """Stop before anything is loaded if there is no such device here."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        stop(f'--device {device} cannot be used here: {str(error).splitlines()[0]}')


def use_prior_of_training(args: argparse.Namespace, cfg: Config) -> None:
    """Fill in what nobody has said of clicks and their weight: as in the training, and as ``tools/test.py`` does it."""
    of_training = cfg.model.decode_head.get('prior_exponent', 0.0)
    if args.prior_exponent is None:
        args.prior_exponent = of_training or AS_PREDICTED.prior_exponent
        if args.clicks is None and of_training:
            args.clicks = list(clicks_of_config(cfg))
            if args.clicks:
                print(f'The clicks of the training count as well, to the power {of_training:g}: '
                      f'{", ".join(map(str, args.clicks))}. Without them: --prior-exponent 0')
    args.clicks = args.clicks or [] if args.prior_exponent else []


def settings(args: argparse.Namespace, cfg: Config) -> Dict[str, Any]:
    """All that decides what the outputs are, beside the inputs."""
    options = {key: value for key, value in vars(args).items()
               if key not in ('config', 'cfg_options', 'checkpoint', 'inputs', 'out', 'overwrite', 'clicks', 'device')}
    checkpoint = sha256(Path(args.checkpoint)) if Path(args.checkpoint).is_file() else args.checkpoint
    return dict(options, command='infer', config=cfg.to_dict(), checkpoint=checkpoint,
                clicks=[sha256(path) for path in find_click_files(args.clicks)])


def given_clicks(tables: Sequence[Path], segmentor: Segmentor, sources: Sequence[Path]) -> Dict[Path, Sequence[Click]]:
    """The clicks of each file by its resolved path."""
    inputs = segmentor.inputs
    if not tables:
        return {}
    classes = ClickClasses(inputs.classes, {code: label for label, code in enumerate(inputs.raw_values)})
    return clicks_of_files(tables, click_classes(inputs.description) if inputs.description else classes, sources,
                           inputs.description)


def main(args: argparse.Namespace) -> None:
    try:
        process, pairs = this_process(), file_pairs(args.inputs, args.out)
        device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
        if device == 'cuda' and process.waits:
            device = f'cuda:{process.on_machine}'
        check_device(device)
        if args.amp:
            check_mixed_precision(device)
        cfg = load_config(args.config, cfg_options=config_options(args.cfg_options))
        use_prior_of_training(args, cfg)
        batch = begin_batch(pairs, BatchRecords(args.out, settings(args, cfg)), process, args.overwrite)
        if not batch.left:
            end_with([], batch)
            return
        with stop_at_bad_settings(args.config):
            segmentor = Segmentor(cfg, args.checkpoint, device, args.views, args.amp)
        inputs = segmentor.inputs
        given = dict(block_size=args.block_size, overlap=args.overlap, max_points=args.max_points)
        layout = inputs.layout._replace(**{key: value for key, value in given.items() if value is not None})
        if args.block_size:
            layout = layout._replace(whole=False)
        if layout.overlap > layout.block_size / 2:
            stop(f'An overlap of {layout.overlap:g} m is more than half of a block of {layout.block_size:g} m.')
        clicks = given_clicks(args.clicks, segmentor, [source for source, _ in pairs])
        codes = output_codes(inputs.classes, inputs.raw_values, [source for source, _ in pairs])
        legend = write_legend(args.out, inputs.classes, codes, args.overwrite)
    except (ConfigError, DataError, InferenceError, OSError) as error:  # OSError: a folder that cannot be written
        stop(str(error))
    if codes != inputs.raw_values:
        print('A LAS file has a point format below 6, whose classes end at 31, so some classes get other codes: see '
              f'{legend}', file=sys.stderr)
        inputs.raw_values = codes
    outputs = Outputs(args.entropy, args.probabilities, args.prefix)
    refinement = Refinement((), inputs.description.click_radius if inputs.description else AS_PREDICTED.click_radius,
                            args.prior_exponent, args.smooth)
    columns = args.columns or (inputs.description.columns if inputs.description else None)

    def label(source: Path, target: Path, advance: Advance, say: Say) -> None:
        label_file(source, target, segmentor, outputs, layout, advance=advance, inform=say,
                   refinement=refinement._replace(clicks=clicks.get(source.resolve(), ())), columns=columns)

    end_with(label_files(batch, label, layout.max_points), batch)


if __name__ == '__main__':
    main(args)
