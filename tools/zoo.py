#!/usr/bin/env python
"""Published models: list them, download and check their weights, publish your own, convert those of others.

erda://NAME stands for the weights of a published model wherever a checkpoint is asked for:
python tools/test.py CONFIG erda://NAME
"""
import argparse
import sys
from pathlib import Path

from erda.command_start import stop

SAFETENSORS = '.safetensors'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--metafile', type=Path, metavar='FILE', help='list of models (default: the one of erda)')
    commands = parser.add_subparsers(dest='command', required=True)

    def add_command(name: str, description: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=description, description=description)

    add_command('list', 'list the published models')
    command = add_command('download', 'get the weights of a model, or go on getting them')
    command.add_argument('name', metavar='NAME')
    command.add_argument('--safetensors', action='store_true', help=f'the {SAFETENSORS} file instead of the .pth file')
    command = add_command('verify', 'compare the weights on this machine with their published sha256')
    command.add_argument('name', nargs='?', metavar='NAME', help='default: all models')
    command = add_command('publish', 'strip a checkpoint of a training run to what others need')
    command.add_argument('checkpoint', metavar='CHECKPOINT')
    command.add_argument('--name', required=True, help='name of the model')
    command.add_argument('--config', required=True, help='its config file, as seen from the root of the repository')
    command.add_argument('--dataset', required=True, help='name of the data that it was trained and tested on')
    command.add_argument('--collection', default='ERDA', help='collection of the metafile (default: %(default)s)')
    command.add_argument('--attribution', default='', metavar='TEXT',
                         help='whom the data must be credited to, and its licence')
    command.add_argument('--metrics', type=Path, metavar='FILE', help='metrics.json of tools/test.py --out')
    command.add_argument('-o', '--out', type=Path, metavar='DIR', help='folder to write (default: that of CHECKPOINT)')
    command.add_argument('--url', default='', help='folder the files will be downloaded from; by default they belong '
                         'to the repository, and DIR must be below the folder of the metafile')
    command.add_argument('--write', action='store_true', help='add the entry to the metafile instead of printing it')
    command = add_command('convert', "turn Pointcept's weights of Point Transformer V3, Sonata's encoder, or "
                          "Open3D-ML's weights of RandLA-Net into a checkpoint to start from or to test")
    command.add_argument('checkpoint', metavar='CHECKPOINT', help='file that they publish')
    command.add_argument('config', metavar='CONFIG', help='config with the same backbone')
    command.add_argument('-o', '--out', type=Path, required=True, metavar='FILE', help='checkpoint to write')
    return parser.parse_args()


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

from erda.zoo.errors import CheckpointError
from erda.zoo.local_weights import SCHEME, check_weights_file, fetch, local_path
from erda.zoo.metafile import Metafile, add_to_metafile, entry_text, find_metafile, read_metafile


def list_models(args: argparse.Namespace, metafile: Metafile) -> None:
    if not metafile.models:
        print(f'{metafile.path} lists no models yet.')
        return
    for model in metafile.models.values():  # no table: names that are cut off or folded cannot be copied
        file = model.files[0]
        place = ('in the repository' if not file.is_remote else
                 'downloaded' if local_path(file, metafile).is_file() else 'to be downloaded')
        print(f'{SCHEME}{model.name}\n  {model.config}\n  {file.size / 1e6:.1f} MB, {place}')
        if model.attribution:
            print(f'  data: {model.attribution}')
        for dataset, metrics in model.results.items():
            print(f'  {dataset}: ' + ', '.join(f'{metric} {value}' for metric, value in metrics.items()))


def download_model(args: argparse.Namespace, metafile: Metafile) -> None:
    files = metafile.model(args.name).files
    if args.safetensors:
        files = [file for file in files if file.name.endswith(SAFETENSORS)]
        if not files:
            stop(f'{args.name} has no {SAFETENSORS} file.')
    print(fetch(files[0], metafile))


def verify(args: argparse.Namespace, metafile: Metafile) -> None:
    models = [metafile.model(args.name)] if args.name else metafile.models.values()
    wrong = 0
    for file in [file for model in models for file in model.files]:
        path = local_path(file, metafile)
        if file.is_remote and not path.is_file():
            print(f'{file.name}: not downloaded')
            continue
        try:
            check_weights_file(file, path)
            print(f'{file.name}: as published')
        except CheckpointError as error:
            print(error, file=sys.stderr)
            wrong += 1
    if wrong:
        sys.exit(1)


def publish_model(args: argparse.Namespace, metafile: Metafile) -> None:
    import erda.registration  # noqa: F401  Here, because the commands above need not wait for it.
    from erda.zoo.publication import Description, publish

    if not Path(args.config).is_file():
        stop(f'The config {args.config} does not exist.')
    folder = args.out or Path(args.checkpoint).parent
    address = args.url
    if not address and args.write:
        try:
            below = folder.resolve().relative_to(metafile.path.resolve().parent)
            address = below.as_posix() if below.parts else ''
        except ValueError:
            stop(f'{folder} is not below {metafile.path.parent}. Write there with --out, or say with --url where the '
                 'files will be.')
    model = Description(args.name, Path(args.config).as_posix(), args.dataset, args.collection, args.attribution,
                        args.metrics)
    if args.write and args.name in metafile.models:
        stop(f'{metafile.path} has a model {args.name} already. Delete its entry, or choose another name.')
    published = publish(args.checkpoint, model, folder, address)
    for path in published.files:
        print(f'{path}: {path.stat().st_size / 1e6:.1f} MB')
    if args.write:
        add_to_metafile(metafile.path, published.entry)
        print(f'{SCHEME}{args.name} is in {metafile.path}')
    else:
        print(f'For {metafile.path}:\n\n{entry_text(published.entry)}', end='')


def convert_weights(args: argparse.Namespace, metafile: Metafile) -> None:
    import erda.registration  # noqa: F401
    from erda.config import ConfigError, load_config
    from erda.zoo.conversion import convert

    try:
        conversion = convert(args.checkpoint, load_config(args.config), args.out)
    except ConfigError as error:
        stop(str(error))
    print(f'{args.out}: {len(conversion.converted)} weights of {conversion.origin}')
    if conversion.left_out:
        print(f'Left out, for a classifier of other classes: {", ".join(conversion.left_out)}')
    if conversion.missing:
        print(f'Not in {args.checkpoint}, so random when training starts: {len(conversion.missing)} weights, such as '
              f'{conversion.missing[0]}')
    if conversion.origin == 'Sonata':
        print("Sonata's weights are CC-BY-NC 4.0: neither they nor what is trained from them may be used commercially.")


COMMANDS = dict(list=list_models, download=download_model, verify=verify, publish=publish_model,
                convert=convert_weights)


def main(args: argparse.Namespace) -> None:
    try:
        COMMANDS[args.command](args, read_metafile(args.metafile or find_metafile()))
    except CheckpointError as error:
        stop(str(error))
    except OSError as error:  # no permission, a full disk
        stop(f'{error}.')


if __name__ == '__main__':
    main(args)
