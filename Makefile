# Needs Python 3.11 or newer and pip, nothing else. `make demo` and `make test` set everything up.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin

.PHONY: demo test check-slow check-napari attack bench docs docs-links dist test-matrix test-oldest test-newest clean
MINUTES ?= 10
SEED ?= 0
# For releases (RELEASING.md). Pythons that run here, on the path or by pyenv; tests that need no extra.
RELEASE := .release
TOOLS := $(RELEASE)/tools/bin
PYTHONS ?= $(shell for v in 3.11 3.12 3.13 3.14; do for p in python$$v $$HOME/.pyenv/versions/$$v.*/bin/python; do \
	if $$p -c '' 2> /dev/null; then echo $$p; break; fi; done; done)
CORE_TESTS := $(wildcard tests/filters/test_[!fl]*.py) $(wildcard tests/io/test_[!fr]*.py) tests/cli/test_many_files.py \
	tests/cli/test_doctor.py tests/evidence/test_certificates.py tests/nets/test_tiling.py \
	tests/restoration/test_parameter_maps.py tests/restoration/test_units.py

demo: $(VENV)/.installed
	$(RUN)/python examples/demo.py demo

test: $(VENV)/.installed
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/python -m pytest --numprocesses 2 --dist worksteal

check-slow: $(VENV)/.installed
	$(RUN)/python -m pytest -m slow

# In an environment of its own: napari and Qt are 300 MB, and bring pytest plugins. Its canvas needs OpenGL: a display,
# or Xvfb; without both, tests of it are skipped. What napari imports warns, so warnings are no errors here.
check-napari: $(RELEASE)/napari/.installed
	QT_QPA_PLATFORM=offscreen $(shell command -v xvfb-run > /dev/null && echo "xvfb-run -a") \
		$(RELEASE)/napari/bin/python -m pytest --override-ini filterwarnings=default tests/napari -rs

$(RELEASE)/napari/.installed: pyproject.toml
	$(PYTHON) -m venv $(RELEASE)/napari
	$(RELEASE)/napari/bin/pip install --quiet --editable '.[napari]' PyQt6 pytest
	touch $@

attack: $(VENV)/.installed
	$(RUN)/python -m attack --minutes $(MINUTES) --seed $(SEED)

bench: $(VENV)/.installed
	$(RUN)/python -m benchmarks

docs: $(VENV)/.docs
	$(RUN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	test -f docs/_build/html/index.html

docs-links: docs  # lists what pages link to elsewhere; asks no server
	$(RUN)/python docs/_ext/external_links.py docs/_build/html

$(VENV)/.docs: $(VENV)/.installed
	$(RUN)/pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

dist: $(RELEASE)/tools/.installed
	rm -rf dist build *.egg-info
	$(TOOLS)/python -m build
	$(TOOLS)/twine check --strict dist/*
	$(TOOLS)/check-wheel-contents dist/*.whl
	$(TOOLS)/validate-pyproject pyproject.toml
	$(RELEASE)/citation/bin/cffconvert --validate

# The wheel in a fresh environment for each Python.
test-matrix:
	@test -n "$(PYTHONS)" || { echo "PYTHONS is empty; expected interpreters"; exit 1; }
	@ls dist/*.whl > /dev/null || { echo "there is no dist/*.whl; make dist makes it"; exit 1; }
	@for python in $(PYTHONS); do \
		rm -rf $(RELEASE)/matrix && $$python -m venv $(RELEASE)/matrix && \
		$(RELEASE)/matrix/bin/pip install --quiet dist/*.whl && \
		$(RELEASE)/matrix/bin/python -P tests/smoke.py || { echo "FAILED: $$python"; exit 1; }; \
	done

# Old releases warn of what they will drop, so warnings are no errors here.
test-oldest test-newest: test-%:
	rm -rf $(RELEASE)/$*
	$(PYTHON) -m venv $(RELEASE)/$*
	$(RELEASE)/$*/bin/pip install --quiet $(if $(filter oldest,$*),--only-binary :all: --constraint constraints-oldest.txt) \
		--editable . pytest hypothesis scikit-image
	$(RELEASE)/$*/bin/python -m pytest --override-ini filterwarnings=default $(CORE_TESTS)

$(RELEASE)/tools/.installed: Makefile
	$(PYTHON) -m venv $(RELEASE)/tools
	$(TOOLS)/pip install --quiet build check-wheel-contents twine 'validate-pyproject[all]'
	$(PYTHON) -m venv $(RELEASE)/citation  # apart: it needs an older jsonschema
	$(RELEASE)/citation/bin/pip install --quiet cffconvert
	touch $@

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(RELEASE) demo build dist docs/_build docs/gallery docs/api/generated docs/api/backreferences
	rm -rf *.egg-info .pytest_cache .mypy_cache .ruff_cache
