# Two commands matter: `make demo` and `make test`. Both make .venv where none is active.

VENV := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
PYTHON := $(VENV)/bin/python
# albumentations would otherwise ask the network for its newest version at import
export NO_ALBUMENTATIONS_UPDATE := 1

.PHONY: test lint install
.DEFAULT_GOAL := test

$(VENV)/.fume_mm: setup.py constraints.txt
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

install: $(VENV)/.fume_mm

test: install
	$(PYTHON) -m pytest -n 2

lint: install
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
