"""Runs checks whatever happens to them, and says what they found."""
import json
import platform
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

import torch
from rich.console import Console

from ..evaluation.comparison_table import as_markdown
from ..evaluation.package_versions import package_versions
from ..files.whole_file import write_whole


class NotHere(Exception):
    """Why a check means nothing on this machine."""


class Result(NamedTuple):
    """What a check found.

    Attributes:
        check: its name.
        outcome: ``'passed'``, ``'failed'`` or ``'not run'``.
        detail: figures or the reason.
        seconds: that it took.
    """
    check: str
    outcome: str
    detail: str
    seconds: float


def run_checks(all_checks: Dict[str, Callable[[], str]], seconds: float, console: Console) -> List[Result]:
    """Run each, whatever happens to the others."""
    begin, results = time.monotonic(), []
    for name, check in all_checks.items():
        start = time.monotonic()
        if start - begin > seconds:
            outcome, detail = 'not run', 'out of time'
        else:
            try:
                outcome, detail = 'passed', check()
            except NotHere as reason:
                outcome, detail = 'not run', str(reason)
            except Exception as error:  # whatever a device may do: the report is what this command is for
                outcome, detail = 'failed', f'{type(error).__name__}: {error}'.strip()
        results.append(Result(name, outcome, detail, round(time.monotonic() - start, 1)))
        console.print(f'{outcome}: {name}: {detail}', markup=False, highlight=False, soft_wrap=True)
    return results


def write_report(folder: Path, results: List[Result], device: torch.device) -> None:
    """Write ``check_device.json`` and ``check_device.md`` into a folder."""
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else platform.processor() or platform.machine()
    folder.mkdir(parents=True, exist_ok=True)
    versions = package_versions()
    content = dict(device=str(device), name=name, versions=versions, cuda=torch.version.cuda,
                   checks=[result._asdict() for result in results])
    write_whole(folder / 'check_device.json', (json.dumps(content, indent=2) + '\n').encode())
    rows = [['check', 'outcome', 'detail', 's'],
            *([x.check, x.outcome, x.detail.replace('|', '/').replace('\n', ' '), f'{x.seconds:.1f}'] for x in results)]
    packages = ', '.join(f'{package} {version}' for package, version in versions.items())
    write_whole(folder / 'check_device.md', f'{as_markdown(rows)}\n{name} ({device}); {packages}.\n'.encode())
