#!/usr/bin/env python
"""Label clouds by clicks in a browser: python tools/label.py FOLDER.

FOLDER is one that tools/prepare_data.py folder has described. The page suggests points, shows how far the labels carry,
trains, and suggests points where the network is unsure. Each click is in the folder of clicks before the page shows it.
"""
import argparse
import sys
import time
import webbrowser
from pathlib import Path

from erda.command_start import stop

HERE = '127.0.0.1'
MAX_POINTS = 2_000_000  # as in erda, which takes seconds to import


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='folder with erda.yaml')
    parser.add_argument('--host', default=HERE, help='interface to serve on (default: %(default)s, this machine alone)')
    parser.add_argument('--port', type=int, default=8080, help='0 for any that is free (default: %(default)s)')
    parser.add_argument('--no-browser', action='store_true', help='do not open a browser')
    parser.add_argument('--config', help='config of a network (default: FOLDER/minkunet_erda.py, for trainings)')
    parser.add_argument('--checkpoint', help='its checkpoint, if it is trained already')
    parser.add_argument('--work-dir', type=Path, help='folder of trainings (default: work_dirs/label_FOLDER)')
    parser.add_argument('--max-points', type=int, default=MAX_POINTS,
                        help='points of a file that are shown; larger files are thinned out (default: %(default)s)')
    args = parser.parse_args()
    if args.max_points < 1 or not 0 <= args.port <= 65535:
        parser.error('--max-points must be positive, --port from 0 to 65535')
    if args.checkpoint and not args.config:
        parser.error('--checkpoint needs --config')
    return args


if __name__ == '__main__':
    args = parse_args()  # before what is imported below, which takes seconds: --help and wrong arguments need not wait

import erda.registration  # noqa: F401  Installs what mmdet3d lacks here.
from erda.clouds.description import CONFIG, DESCRIPTION
from erda.files.data_error import DataError
from erda.inference.errors import InferenceError
from erda.labelling.network import Network
from erda.labelling.session import Session
from erda.labelling.training_process import Trainings
from erda.labelling.undescribed_folder import describe_folder, how_to_describe


def main(args: argparse.Namespace) -> None:
    sys.stdout.reconfigure(line_buffering=True)  # so that a log file has each sentence at once
    try:
        from erda.labelling.guarded_server import start_server
        from erda.labelling.page import Page
    except ModuleNotFoundError as error:
        if error.name != 'viser':
            raise
        stop('The page needs viser. Run: pip install erda-mmdet3d[label]')
    try:
        if not args.folder.is_dir():
            stop(f'{args.folder} is no folder.')
        if not (args.folder / DESCRIPTION).is_file():
            if not sys.stdin.isatty():
                stop(how_to_describe(args.folder))
            for line in describe_folder(args.folder, input):
                print(line)
        session = Session(args.folder, args.max_points)
        server = start_server(args.host, args.port)
    except (DataError, InferenceError) as error:
        stop(str(error))
    if args.host != HERE:
        print('Warning: whoever reaches this machine and knows the address can change the labels; what the page sends '
              f'is not encrypted. From other machines the address has the name of this one in place of {HERE}.',
              file=sys.stderr)
    trainings = Trainings(Path(__file__).with_name('train.py'), Path(args.config or args.folder / CONFIG),
                          args.work_dir or Path('work_dirs', f'label_{args.folder.resolve().name}'))
    network = Network(args.config, args.checkpoint) if args.checkpoint else None
    page = Page(server.viser, session, trainings, network)
    page.open(next(iter(session.files)))
    print(f'Open {server.address}')
    if not args.no_browser:
        webbrowser.open(server.address)
    while wait_for_the_end(trainings):
        pass


def wait_for_the_end(trainings: Trainings) -> bool:
    """Wait for Ctrl-C; whether the person wants to go on after all."""
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        print()
    if not trainings.is_running:
        return False
    try:
        answer = input('A training is running. Let it go on without the page (g), stop it, too (s), or stay (Enter)? ')
    except (KeyboardInterrupt, EOFError):  # nobody can be asked
        answer = 'g'
    if answer.strip().lower() == 's':
        trainings.stop()
    elif answer.strip().lower() == 'g':
        print(f'It goes on in {trainings.folder}, and this command finds it there.')
    else:
        return True
    return False


if __name__ == '__main__':
    main(args)
