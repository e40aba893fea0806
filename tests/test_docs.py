"""The documentation: the site builds, what it links to and names is there, and what is not there fails the build."""
import importlib.util
import re
import shlex
from contextlib import nullcontext
from html.parser import HTMLParser
from typing import List

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from tiny_scans import REPOSITORY

PAGES = sorted((REPOSITORY / 'docs').rglob('*.md'))
# Not the change log, which names what there was.
TEXTS = [*PAGES, REPOSITORY / 'README.md', REPOSITORY / 'projects/ERDA/README.md']
PLACES = r'\b(?:configs|docs|projects|requirements|tests|tools)/[\w./*+-]*[\w*]'
SMALL_SITE = f"""\
INHERIT: {REPOSITORY}/mkdocs.yml
docs_dir: pages
nav: [index.md]
hooks: []
extra_css: []
plugins:
  mkdocstrings: {{handlers: {{python: {{paths: ['{REPOSITORY}/projects/ERDA']}}}}}}
"""
MISTAKES = {
    'nothing': ('[here](#there)\n\n## there\n\n::: erda.losses.entropy', None),
    'page': ('[here](no_such_page.md)', 'no_such_page.md'),
    'picture': ('![here](no_such_picture.png)', 'no_such_picture.png'),
    'anchor': ('[here](#no-such-heading)', 'no-such-heading'),
    'name': ('::: erda.losses.no_such_name', 'no_such_name'),
    'name in a link': ('[here][erda.losses.no_such_name]', 'no_such_name'),
}


def build_site(config, folder):
    build(load_config(str(config), strict=True, site_dir=str(folder)))


class Assets(HTMLParser):
    """Addresses of what a browser loads with a page, without being asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: List[str] = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ('script', 'img', 'iframe', 'source'):
            self.found.append(attrs.get('src') or '')
        elif tag == 'link':
            self.found.append(attrs.get('href') or '')


def test_site(tmp_path):
    """It builds without a warning, needs no network, and its reference has every config and command."""
    build_site(REPOSITORY / 'mkdocs.yml', tmp_path)
    for page in tmp_path.rglob('*.html'):
        assets = Assets()
        assets.feed(page.read_text())
        assert assets.found
        assert not [address for address in assets.found if re.match(r'(\w+:)?//', address)], page
    for style in tmp_path.rglob('*.css'):
        assert not re.search(r'url\(["\']?(https?:)?//|@import', style.read_text()), style
    configs, commands = ((tmp_path / f'reference/{name}.html').read_text() for name in ('configs', 'commands'))
    for path in [*REPOSITORY.glob('projects/ERDA/configs/*.py'), *REPOSITORY.glob('configs/[!_]*/*.py')]:
        assert f'<code>{path.relative_to(REPOSITORY)}</code>' in configs
    for path in REPOSITORY.glob('tools/**/*.py'):
        assert f'usage: python {path.relative_to(REPOSITORY)} [-h]' in commands


@pytest.mark.parametrize('text, complaint', MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_fails_the_build(text, complaint, tmp_path, caplog):
    (tmp_path / 'pages').mkdir()
    (tmp_path / 'pages/index.md').write_text(f'# Start\n\n{text}\n')
    (tmp_path / 'mkdocs.yml').write_text(SMALL_SITE)
    with pytest.raises(Abort) if complaint else nullcontext():
        build_site(tmp_path / 'mkdocs.yml', tmp_path / 'site')
    assert complaint is None or complaint in caplog.text


@pytest.mark.parametrize('path', TEXTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_what_a_text_names_is_there(path):
    text = path.read_text()
    for name in re.findall(PLACES, text):
        assert 'NAME' in name or list(REPOSITORY.glob(name)), name
    for target in re.findall(r'\]\(([^)#]+)', text):  # mkdocs knows those of its own pages
        assert re.match(r'https?://', target) or path in PAGES or (path.parent / target).exists(), target


def test_options_in_the_texts_are_those_of_the_commands():
    spec = importlib.util.spec_from_file_location('generated_pages', REPOSITORY / 'docs/generated_pages.py')
    generated_pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generated_pages)
    helps = {}
    for name, text in re.findall(r'usage: python (tools/[\w/]+\.py)(.*?)(?=usage: python|\Z)',
                                 generated_pages.commands_page(), re.DOTALL):
        helps[name] = helps.get(name, '') + text  # with those of its subcommands
    found = 0
    for path in TEXTS:
        for block in re.findall(r'```bash\n(.*?)```', path.read_text(), re.DOTALL):
            for line in block.replace('\\\n', ' ').splitlines():
                if match := re.match(r'python (tools/[\w/]+\.py) (.*)', line):
                    for option in shlex.split(match[2], comments=True):
                        if option.startswith('--'):
                            found += 1
                            assert option in helps[match[1]], f'{path}: {line}'
    assert found
