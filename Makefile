# Everything runs in a virtual environment of its own; Python 3.11 and pip are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SMOKE ?= experiments-smoke
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: install demo test test-slow mutants fuzz soak docs plain plain-default plain-3.12 plain-3.13 validators test-newest lint clean experiments-smoke

install: $(VENV)/.installed

# Installed again when what is to be installed changes.
$(VENV)/.installed: setup.py constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 or newer is needed; this is {sys.version}. Give another one: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/camtrap demo --out=demo

# Every table and figure of the paper on a small drawn data set, in minutes.
experiments-smoke: install
	$(BIN)/camtrap synthesize --out=$(SMOKE)/world --events=240 --empty_share=0.5 --gold_share=0.2
	$(BIN)/camtrap prepare --source=dryad --metadata=$(SMOKE)/world --out=$(SMOKE)/events.parquet
	$(BIN)/camtrap shard --events=$(SMOKE)/events.parquet --images=$(SMOKE)/world/images \
	  --out=$(SMOKE)/shards --split=paper --shares=0.6,0.2,0.2 --balance_empty --size=64
	$(BIN)/python -m experiments.run all --data=$(SMOKE)/shards --truth=$(SMOKE)/world/truth.csv \
	  --out=$(SMOKE)/runs --scale=smoke

# With the formats' own validators, whose tests would be skipped without them.
test: install validators
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist=worksteal

test-slow: install
	$(BIN)/python -m pytest -m slow -n 2 --dist=worksteal --durations=40 --durations-min=10

# Which of the faults in tests/faults.py does no test notice? In pieces: ONLY=pattern MINUTES=3.
mutants: install validators
	$(BIN)/python -m tests.mutants --only='$(ONLY)' --minutes=$(or $(MINUTES),inf)

# Damaged and invented content for every reader of bytes, as long as MINUTES say. CI has a minute.
fuzz: install
	$(BIN)/python -m tests.fuzz --minutes=$(or $(MINUTES),60)

# Everything goes wrong for an hour, and nothing may be lost.
soak: install
	$(BIN)/python -m tests.soak --minutes=$(or $(MINUTES),60)

# The documentation as a site in site/, where a broken link is an error; the notebook, run whole.
docs: $(VENV)/.docs
	$(BIN)/zensical build --strict
	$(BIN)/jupyter-execute --timeout=900 docs/notebook.ipynb

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

# The package as its users install it, without extras: each verb's main job in an empty folder. Of
# other versions of Python that are there, installing, a training, a prediction and some tests.
plain: plain-default plain-3.12 plain-3.13

plain-default:
	$(PYTHON) tests/plain_install.py .plain/default

# A static pattern: of implicit ones, make does nothing for phony targets.
plain-3.12 plain-3.13: plain-3.%:
	$(PYTHON) tests/plain_install.py .plain/3.$* --python=3.$* --brief --tests

# The formats' own validators and readers. Of megadetector and speciesnet only those are wanted,
# not their networks.
PEERS = megadetector==10.0.28 speciesnet==5.0.6
validators: .validators/.installed

.validators/.installed: tests/validators/requirements.txt
	test -x .validators/bin/python || $(PYTHON) -m venv .validators
	.validators/bin/python -m pip install --quiet --requirement tests/validators/requirements.txt
	.validators/bin/python -m pip install --quiet --no-deps $(PEERS)
	touch $@

# The same tests with the newest release of each: what they refuse, a format that moved on, is
# noticed here first.
test-newest: install
	$(PYTHON) -m venv .validators-newest
	sed 's/==.*//' tests/validators/requirements.txt | .validators-newest/bin/python -m pip \
		install --quiet --upgrade --requirement /dev/stdin
	.validators-newest/bin/python -m pip install --quiet --upgrade --no-deps \
		$(foreach peer,$(PEERS),$(firstword $(subst ==, ,$(peer))))
	CAMTRAP_VALIDATORS=.validators-newest $(BIN)/pytest -q -m validators

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf $(VENV) .validators .validators-newest .plain .mutants .fuzz demo experiments-smoke site .cache *.egg-info .pytest_cache .ruff_cache
