# Two commands matter: `make demo` and `make test`. Both make .venv where none is active.

VENV := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip install --disable-pip-version-check -q
# albumentations would otherwise ask the network for its newest version at import
export NO_ALBUMENTATIONS_UPDATE := 1

CONFIG := configs/fume/fume_fastscnn_demo.py
DATA := data/ogi_sim
RUN := work_dirs/fume_fastscnn_demo
SEED := 42
# the newest, as a run that was killed may leave two
BEST = $$(ls -t $(RUN)/best_*.pth | head -n 1)

.PHONY: test test-fast test-long faults lint lock docs install install-dev dist \
    release-check demo demo-control demo-clean
.DEFAULT_GOAL := test

# What running needs; the tests and linters need more. Two packages bring OpenCV into one
# folder: the last one stays, and it shall be the one that needs no libraries of a desktop.
$(VENV)/.fume_mm: EXTRA :=
$(VENV)/.fume_mm_dev: EXTRA := [dev]
$(VENV)/.fume_mm $(VENV)/.fume_mm_dev: setup.py constraints.txt
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PIP) -c constraints.txt -e '.$(EXTRA)'
	$(PIP) -c constraints.txt --no-deps --force-reinstall opencv-python-headless
	touch $(VENV)/.fume_mm $@

install: $(VENV)/.fume_mm

install-dev: $(VENV)/.fume_mm_dev

# A process works through neighbouring tests, so that what a file's tests share is made
# once, and takes over the other's when it is done.
PYTEST := $(PYTHON) -m pytest -n 2 --dist worksteal

test: install-dev
	$(PYTEST)

# Without what runs a command line, builds every config or writes a whole campaign.
test-fast: install-dev
	$(PYTEST) -m 'not slow'

# What make test leaves out, so that it ends within 25 minutes on two cores.
test-long: install-dev
	$(PYTEST) -m long

# Faults injected into real processes and files; tests/faults has the short form.
faults: install-dev
	$(PYTHON) -m tests.faults $(if $(MINUTES),--minutes $(MINUTES)) \
	    $(if $(ONLY),--only $(ONLY))

lint: install-dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

# constraints.txt from setup.py. Pins that still fit stay; delete a line to renew it.
lock:
	$(PYTHON) -m pip install --disable-pip-version-check -q uv
	$(PYTHON) -m uv pip compile -q setup.py --extra dev -o constraints.txt \
	    --annotation-style line --no-emit-package setuptools \
	    --custom-compile-command 'make lock'

docs: install-dev
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict -q
	@echo "Open site/index.html"

# The wheel and the sdist. A ready ONNX file of the bundled weights goes with them.
ONNX := demo/weights/fume_fastscnn_benchmark_health.onnx
dist: install-dev
	rm -rf dist
	$(PYTHON) -m fume_mm.cli export --half --out $(ONNX)
	$(PYTHON) -m build
	$(PYTHON) -m twine check --strict dist/*

# All that a release must pass beside `make lint test`: CONTRIBUTING.md.
release-check: dist
	FUME_MM_WHEEL=$$(ls dist/*.whl) $(PYTHON) -m pytest -m 'long or not long' \
	    tests/test_package.py tests/test_docs.py

# Simulate, pair, train, test. What is there is used again; a training that was stopped
# goes on; `make demo-clean` starts anew.
demo: install
	@$(PYTHON) tools/demo.py --config $(CONFIG) --data-root $(DATA) --work-dir $(RUN) \
	    --seed $(SEED)

# The same test vessels with no gas released: the health class must be at chance.
demo-control: demo
	@$(PYTHON) tools/dataset_converters/simulate_ogi.py $(DATA)_gas_free --seed $(SEED) \
	    --gas-free
	@$(PYTHON) tools/dataset_converters/pair_gases.py $(DATA)_gas_free
	@$(PYTHON) tools/test.py $(CONFIG) $(BEST) --work-dir $(RUN)/control \
	    --cfg-options data_root=$(DATA)_gas_free

demo-clean:
	rm -rf $(DATA) $(DATA)_gas_free $(RUN)
