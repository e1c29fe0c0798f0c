# The two commands: `make quickstart` and `make test`. Both set up .venv first.

PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup quickstart test lint types layers unit slow docs clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --upgrade-strategy only-if-needed -c constraints.txt -e '.[dev]'
	# On all cores, and without what nothing here imports; pip would take one.
	$(BIN)/python -m compileall -q -j 0 -x '/(tests?|testing|transformers/models)/' .venv/lib >/dev/null 2>&1 || true
	touch $(READY)

quickstart: setup
	$(BIN)/modelyard quickstart

# The type checker has one core to itself: side by side with the tests it takes half of its time.
test: lint layers
	$(MAKE) --jobs=2 types unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

unit: setup
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile

# Servers under load have the cores to themselves: what they refuse is judged.
slow: setup
	$(BIN)/pytest -m slow -n 2 --dist load --ignore tests/serve
	$(BIN)/pytest -m slow tests/serve

docs: setup
	$(BIN)/python -m modelyard.cli.reference docs

clean:
	rm -rf .venv build dist src/*.egg-info
