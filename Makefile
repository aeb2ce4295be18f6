# Needs Python 3.11 or newer and pip, nothing else. `make demo` and `make test` set everything up.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin

.PHONY: demo test check-slow attack bench clean
MINUTES ?= 10
SEED ?= 0

demo: $(VENV)/.installed
	$(RUN)/python examples/demo.py demo

test: $(VENV)/.installed
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/python -m pytest --numprocesses 2 --dist worksteal

check-slow: $(VENV)/.installed
	$(RUN)/python -m pytest -m slow

attack: $(VENV)/.installed
	$(RUN)/python -m attack --minutes $(MINUTES) --seed $(SEED)

bench: $(VENV)/.installed
	$(RUN)/python -m benchmarks

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
