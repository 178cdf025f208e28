# `make demo` and `make test` do their own set-up. Only relative paths and `python -m`, so that a
# folder with a space in its name works; the stamps in .venv make the second run quick.
PYTHON ?=
SHELL := /bin/sh
PYTEST := .venv/bin/python -m pytest -n auto --maxprocesses=4 --dist=loadfile
.DELETE_ON_ERROR:
.PHONY: help demo test slow docs lint clean

help:  ## these lines
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

demo: .venv/installed  ## the environment, then the faces of docs/astronaut.jpg into demo/
	.venv/bin/python -m mtcnn_jax detect docs/astronaut.jpg --output=demo

test: lint  ## the developers' tools, lint, all tests but slow ones: 8 minutes on two cores
	$(PYTEST) -m 'not slow'

slow: .venv/installed-dev  ## the tests of half a minute and more: 3 minutes
	$(PYTEST) -m slow

docs: .venv/installed-dev  ## the site into docs/_build/html, its notebooks run; warnings end it
	.venv/bin/python -m sphinx -W --keep-going -q -E -d docs/_build/doctrees -c docs/site \
	  . docs/_build/html
	@echo "see docs/_build/html/index.html"

lint: .venv/installed-dev  ## ruff check and ruff format --check
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .

clean:  ## removes what the others made
	rm -rf .venv demo docs/_build build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: setup.cfg pyproject.toml
	@if ! .venv/bin/python -c '' 2>/dev/null; then \
	  for python in $(if $(PYTHON),"$(PYTHON)",python3.11 python3 python3.12 python3.13); do \
	    "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
	      2>/dev/null && break; \
	    python=; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "No Python 3.11 or newer with venv: tried" \
	      "$(if $(PYTHON),$(PYTHON),python3.11 python3 python3.12 python3.13)." \
	      "Install one or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv; \
	fi
	.venv/bin/python -m pip install --quiet --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	.venv/bin/python -m pip install --quiet --editable '.[dev]'
	@touch $@
