# make demo | test | lint | docs: each does all of its own set-up in .venv, without compiling anything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
REQUIREMENTS := $(wildcard requirements/*.txt)

.PHONY: demo test lint docs install clean
demo: install
	$(BIN)/python tools/prepare_data.py synthetic-lidar
	$(BIN)/python tools/benchmark.py projects/ERDA/benchmarks/demo.yaml

test: install
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

install: $(VENV)/installed

# Where no terminal shows its bars, pip says nothing while it gets or writes a large package: a line in between.
ALIVE := [ -t 1 ] || { while sleep 20 > /dev/null 2>&1 && kill -0 $$$$ 2> /dev/null; do echo 'pip is still at work'; \
	done & trap "kill $$!" EXIT; }

$(VENV)/installed: $(REQUIREMENTS) setup.cfg setup.py
	$(PYTHON) -m venv $(VENV)
	@$(ALIVE); $(PIP) install --progress-bar on -r requirements/runtime.txt -r requirements/cuda.txt \
		-r requirements/tests.txt -c requirements/constraints.txt
	if $(BIN)/python -c 'import mmcv._ext' 2>/dev/null; then grep -v '^mmcv-lite' requirements/openmmlab.txt; \
		else cat requirements/openmmlab.txt; fi > $(VENV)/openmmlab.txt
	$(PIP) install --no-deps -r $(VENV)/openmmlab.txt
	$(PIP) install --no-deps -e .
	touch $@

clean:
	rm -rf $(VENV) work_dirs/demo
