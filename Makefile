# One command to run the product, one to test it. Needs python3, python3-venv and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run test thorough promises check bench performance lock css translations clean

setup: .venv/.run

run: .venv/.run
	@$(BIN)/grs run

test: .venv/.test
	@$(BIN)/python -m pytest

thorough: .venv/.test
	@$(BIN)/python -m pytest -m thorough

promises: .venv/.test
	@$(BIN)/python -m tests.promises

check: .venv/.test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.schema_check
	@$(BIN)/python -m tests.advisories

performance: .venv/.test
	@$(BIN)/python -m tests.performance.report

bench: .venv/.test
	@$(BIN)/python -m tests.performance.bench

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "python3-venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { echo "this folder cannot be written to, so .venv cannot be made"; exit 1; }
	@touch $@

.venv/.run: .venv/.python requirements.lock pyproject.toml
	@echo "Installing what the product needs (once) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.test: .venv/.run requirements-test.lock
	@echo "Installing what the tests need (once) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

# -- for maintainers ------------------------------------------------------------

lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --extra test pyproject.toml -o requirements-test.lock

css:
	npm install --no-save govuk-frontend@6.6.0 sass@1
	npx sass --load-path=node_modules --style=compressed --no-source-map --quiet-deps grs/web/style/site.scss grs/web/static/site.css

translations: .venv/.test
	$(BIN)/pybabel -q extract --no-wrap --no-location -F templates/translations/babel.cfg -o templates/translations/messages.pot templates
	$(BIN)/pybabel -q update --no-wrap --no-fuzzy-matching -i templates/translations/messages.pot -d templates/translations -l en
	$(BIN)/pybabel -q compile -d templates/translations

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
