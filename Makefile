# Two commands matter: `make demo` and `make test`. Both make .venv where none is active.

VENV := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
PYTHON := $(VENV)/bin/python
# albumentations would otherwise ask the network for its newest version at import
export NO_ALBUMENTATIONS_UPDATE := 1

CONFIG := configs/fume/fume_fastscnn_demo.py
DATA := data/ogi_sim
RUN := work_dirs/fume_fastscnn_demo
SEED := 42
# the newest, as a run that was killed may leave two
BEST = $$(ls -t $(RUN)/best_*.pth | head -n 1)

.PHONY: test test-fast test-long faults lint lock docs install demo demo-control demo-clean
.DEFAULT_GOAL := test

$(VENV)/.fume_mm: setup.py constraints.txt
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

install: $(VENV)/.fume_mm

test: install
	$(PYTHON) -m pytest -n 2

# Without what runs a command line, builds every config or writes a whole campaign.
test-fast: install
	$(PYTHON) -m pytest -n 2 -m 'not slow'

# What make test leaves out, so that it ends within 25 minutes on two cores.
test-long: install
	$(PYTHON) -m pytest -n 2 -m long

# Faults injected into real processes and files; tests/faults has the short form.
faults: install
	$(PYTHON) -m tests.faults $(if $(MINUTES),--minutes $(MINUTES)) \
	    $(if $(ONLY),--only $(ONLY))

lint: install
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

# constraints.txt from setup.py. Pins that still fit stay; delete a line to renew it.
lock:
	$(PYTHON) -m pip install --disable-pip-version-check -q uv
	$(PYTHON) -m uv pip compile -q setup.py --extra dev -o constraints.txt \
	    --annotation-style line --no-emit-package setuptools \
	    --custom-compile-command 'make lock'

docs: install
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict -q
	@echo "Open site/index.html"

# Simulate, pair, train, test. What is there is used again; a training that was stopped
# goes on; `make demo-clean` starts anew.
demo: $(RUN)/test_results.json
	@$(if $(TESTED),,$(PYTHON) tools/analysis_tools/print_results.py $<)
	@echo "Panels of every test sample: $(RUN)/panels"
	@echo "Curves and panels: $(VENV)/bin/tensorboard --logdir $(RUN)"

$(DATA)/campaign.json: | $(VENV)/.fume_mm
	@echo "1/4 simulate: $(DATA)"
	@$(PYTHON) tools/dataset_converters/simulate_ogi.py $(DATA) --seed $(SEED)

$(DATA)/pairing_statistics.json: $(DATA)/campaign.json
	@echo "2/4 pair: $(DATA)"
	@$(PYTHON) tools/dataset_converters/pair_gases.py $(DATA)

$(RUN)/.trained: $(DATA)/pairing_statistics.json
	@echo "3/4 train: $(CONFIG)"
	@$(PYTHON) tools/train.py $(CONFIG) --work-dir $(RUN) \
	    $(if $(wildcard $(RUN)/last.pth),--resume)
	@touch $@

$(RUN)/test_results.json: $(RUN)/.trained
	@echo "4/4 test: $(RUN)/best_*.pth"
	@$(PYTHON) tools/test.py $(CONFIG) $(BEST) --work-dir $(RUN) \
	    --show-dir $(RUN)/panels
	$(eval TESTED := which has printed the table)

# The same test vessels with no gas released: the health class must be at chance.
demo-control: $(RUN)/.trained
	@$(PYTHON) tools/dataset_converters/simulate_ogi.py $(DATA)_gas_free --seed $(SEED) \
	    --gas-free
	@$(PYTHON) tools/dataset_converters/pair_gases.py $(DATA)_gas_free
	@$(PYTHON) tools/test.py $(CONFIG) $(BEST) --work-dir $(RUN)/control \
	    --cfg-options data_root=$(DATA)_gas_free

demo-clean:
	rm -rf $(DATA) $(DATA)_gas_free $(RUN)
