# Two commands do everything on a fresh clone:
#   make demo   sets up and runs the main job on what ships with the package
#   make test   sets up and runs lint, types and tests

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FAST := not slow

.PHONY: demo test lint fast slow tiny scores evidence training annotate revision certificate value page screenshots students study runs clean

demo: $(VENV)/.user
	$(BIN)/elad run recipes/elad.yaml

test: lint fast

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fast: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile -m "$(FAST)"

slow: $(VENV)/.dev
	$(BIN)/pytest -m slow

# the student that ships with the package, from scratch
tiny: $(VENV)/.user
	$(BIN)/python tools/make_tiny.py

# which score tells a wrong explanation from a right one: benchmarks/results/scores.json
scores: $(VENV)/.user
	$(BIN)/python benchmarks/scores.py

# how fast evidence is gathered: benchmarks/results/evidence.json
evidence: $(VENV)/.user
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python benchmarks/evidence.py

# how fast a student is trained: benchmarks/results/training.json
training: $(VENV)/.user
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python benchmarks/training.py

# what it costs to buy annotations safely: benchmarks/results/annotate.json
annotate: $(VENV)/.user
	$(BIN)/python benchmarks/annotate.py

# the students of the studies, and the studies of them: studies/results/TASK.json and .svg
students: $(VENV)/.user
	$(BIN)/python studies/make_students.py
	$(BIN)/python studies/make_mismatched.py
	$(BIN)/python studies/make_domains.py
	$(BIN)/python studies/make_facts.py

study: $(VENV)/.user
	for task in arithmetic deduction prontoqa sharper ifd ddk mentor_kd knowledge; do $(BIN)/elad study studies/$$task.yaml --jobs 2 || exit; done

# how quick a report is in a browser: benchmarks/results/page.json
page: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python benchmarks/page.py

# the pictures of the README, from the report of `make demo`
screenshots: $(VENV)/.dev demo
	$(BIN)/python tools/screenshots.py runs/elad

# what a revision costs beside a fresh rationale: benchmarks/results/revision.json
revision: $(VENV)/.user
	$(BIN)/python benchmarks/revision.py

# how often a certificate is wrong, and how many audits it takes: studies/results/certificate.json
certificate: $(VENV)/.user
	PYTHONPATH=. $(BIN)/python benchmarks/certificate.py

# how well the next round is foretold, and what stopping by it saves: benchmarks/results/value.json
value: $(VENV)/.user
	$(BIN)/python benchmarks/value.py $(filter-out runs/studies/arithmetic/whole/%,$(wildcard runs/studies/arithmetic/*/*))

# the runs that the README quotes: benchmarks/results/demo.json and prontoqa.json
runs: $(VENV)/.user
	rm -rf runs/quoted
	$(BIN)/elad run recipes/elad.yaml --run runs/quoted/demo --json > benchmarks/results/demo.json
	$(BIN)/elad run recipes/prontoqa.yaml --run runs/quoted/prontoqa --json > benchmarks/results/prontoqa.json

$(VENV)/.user: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.user
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) runs build dist .mypy_cache .pytest_cache .ruff_cache
