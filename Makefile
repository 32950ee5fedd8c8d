# The two commands of this course are `make train` and `make test`. `make help` lists the rest.
#
# Every target sets up .venv by itself: a stamp in .venv says what is installed, and a stamp older than the
# three files in $(LISTS) is renewed. Plain make and sh: the make of macOS (3.81) reads this too.

PYTHON ?= python3
PRESET ?= cpu
VENV   := .venv/bin/python
LISTS  := requirements.txt constraints.txt pyproject.toml
DAYS   := $(wildcard notebooks/day*.ipynb)

# First of all places: a copy of this folder must not import the helpers of the original.
export PYTHONPATH := $(CURDIR)

# Small, offline, and polite to other processes: two busy torch threads on one core wait for each other.
QUIET := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
TINY  := $(QUIET) SLM_SCALE=tiny SLM_STATIC=1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help train test lab notebooks publish bench clean

help:
	@echo 'make train       train a small Qwen3 on stories and let it write  [DATA=my.txt PRESET=cpu ARGS=...]'
	@echo 'make test        style, tests, and every notebook at a tiny scale'
	@echo 'make lab         open the notebooks in JupyterLab'
	@echo 'make notebooks   build the notebooks from notebooks/src and run them  [DAY=day21]'
	@echo 'make publish     give the course its address      REPO=owner/name TAG=v1.0'
	@echo 'make bench       speed of training and decoding, beside transformers'
	@echo 'make clean       remove .venv and caches; what you trained stays'

train: .venv/.ready-train
	$(VENV) -m helpers train --preset $(PRESET) $(if $(DATA),--data "$(DATA)") $(ARGS)

test: .venv/.ready-test
	@echo 'Style, tests, and every notebook at a tiny scale: up to 8 minutes on two cores.'
	$(VENV) -m ruff check
	$(QUIET) $(VENV) -m pytest tests -n 2 --dist loadfile
ifneq ($(DAYS),)
	$(TINY) $(VENV) -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=300 \
		-n 2 --dist loadfile notebooks
endif

lab: .venv/.ready-lab
	$(VENV) -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks $(ARGS)

notebooks: .venv/.ready-test
	$(VENV) notebooks/build.py --run $(DAY)

publish: .venv/.ready-test
	$(VENV) notebooks/publish.py "$(REPO)" "$(TAG)"

bench: .venv/.ready-test
	$(VENV) -m benchmarks train
	$(VENV) -m benchmarks decode

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis helpers.egg-info build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

# ---- setting up .venv -------------------------------------------------------------------------------
# The package is installed in editable mode: `import helpers` works in every folder and every kernel.
# .venv/.unfinished stands while .venv is being changed. Whoever finds it comes after a crash or a Ctrl-C,
# which can leave half a package that pip takes for a whole one: then .venv is made anew.

RIGHT_PYTHON := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))

.venv/.ready-train: EXTRA :=
.venv/.ready-test:  EXTRA := [test]
.venv/.ready-lab:   EXTRA := [lab]

.venv/.ready-train .venv/.ready-test .venv/.ready-lab: $(LISTS)
	@if [ -e .venv/.unfinished ] || ! $(VENV) -m pip --version >/dev/null 2>&1; then \
		"$(PYTHON)" -c '$(RIGHT_PYTHON)' 2>/dev/null || { \
			echo "This needs Python 3.10 to 3.13, and $(PYTHON) is: $$("$(PYTHON)" --version 2>&1)." \
				"Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }; \
		echo 'Setting up .venv: about a minute, 1.9 GB, once (on Linux with CUDA 3 GB more).'; \
		rm -rf .venv && mkdir .venv && touch .venv/.unfinished && "$(PYTHON)" -m venv .venv || exit 1; \
	else \
		echo 'Bringing .venv up to date: some seconds, longer if there is something to fetch.'; \
		touch .venv/.unfinished; \
	fi
	@$(VENV) -m pip install --quiet --disable-pip-version-check -e '.$(EXTRA)' -c constraints.txt
	@rm .venv/.unfinished && touch .venv/.ready-train $@
