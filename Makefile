# make run    start tierlift with its demo on http://127.0.0.1:8787/demo
# make test   every test; installs what they need first
# make check  formatting, lints, dependencies, types, and every test
# make bench  measure tierlift beside a stock peer and print the table
# make fmt    format everything

# Built things live outside the checkout, so that a fresh clone starts warm.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tierlift
TOOLS := $(CACHE)/tools
NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2
PYTHON ?= python3
VENV := $(CACHE)/venv-$(firstword $(shell cksum tests/requirements.txt))
CLIENT_READY := client/node_modules/.package-lock.json
RELEASE := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/release
NODE := $(shell command -v node 2>/dev/null)

export PATH := $(TOOLS)/bin:$(PATH)
export TIERLIFT_LOCALSTRIPE := $(VENV)/bin/localstripe

LISTEN ?= 127.0.0.1:8787
DATA ?= tierlift.db

.PHONY: run test test-rust test-client check lint deny fmt bench demo tools

run: demo
	cargo run --bin tierlift -- serve --demo --listen $(LISTEN) --data $(DATA)

# The demo application is built into the program. Without Node the plain demo page is served.
demo:
ifeq ($(NODE),)
	@echo "make: Node.js is not installed: the server, its tests in Rust and the plain demo page work;"
	@echo "make: the demo application, the browser client and their tests need Node.js 20 or later."
else
demo: client/demo/dist/index.html
endif

client/demo/dist/index.html: $(CLIENT_READY) $(shell find client/src client/demo -type f -not -path '*/dist/*' -not -path '*/node_modules/*' 2>/dev/null)
	cd client && npm run --silent demo:build
	@touch $@

$(CLIENT_READY): client/package-lock.json
	cd client && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

test: test-rust test-client

test-rust: demo $(TOOLS)/nextest-$(NEXTEST_VERSION) $(VENV)/.ready
	cargo build --workspace --bin tierlift
	cargo nextest run --workspace

test-client: $(CLIENT_READY) demo
	cargo build --workspace --bin tierlift
	cd client && npm test
	cd client && npm run test:browser

check: lint deny test

lint: $(CLIENT_READY)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cd client && npm run check

deny: $(TOOLS)/deny-$(DENY_VERSION)
	cargo deny --log-level error check bans licenses sources

fmt: $(CLIENT_READY)
	cargo fmt --all
	cd client && npm run --silent format

bench: demo
	cargo build --release --bin tierlift --bin tierlift-bench
	cd tests/bench/peer && npm ci --no-audit --no-fund --loglevel=error
	cargo run --quiet --release --bin tierlift-bench
	cd client && TIERLIFT_BIN=$(RELEASE)/tierlift npm run bench

tools: $(TOOLS)/nextest-$(NEXTEST_VERSION) $(TOOLS)/deny-$(DENY_VERSION) $(VENV)/.ready

# A tool that is on the machine already will do.
$(TOOLS)/nextest-$(NEXTEST_VERSION):
	@mkdir -p $(TOOLS)
	cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --version $(NEXTEST_VERSION) --locked --root $(TOOLS)
	@touch $@

$(TOOLS)/deny-$(DENY_VERSION):
	@mkdir -p $(TOOLS)
	cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --version $(DENY_VERSION) --locked --root $(TOOLS)
	@touch $@

$(VENV)/.ready: tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
