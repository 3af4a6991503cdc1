# make run    start tierlift with its demo on http://127.0.0.1:8787/demo
# make test   every test; installs what they need first
# make check  formatting, lints, dependencies, types, and every test
# make bench  measure tierlift beside a stock peer and print the tables
# make fmt    format everything
# make package ARCHITECTURE=x86_64|arm64    the functions for AWS, zipped, and their template

# Built things live outside the checkout, so that a fresh clone starts warm.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tierlift
TOOLS := $(CACHE)/tools
NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2
DYNOXIDE_VERSION := 3.2.0
PYTHON ?= python3
VENV := $(CACHE)/venv-$(firstword $(shell cksum tests/requirements.txt))
CLIENT_READY := client/node_modules/.package-lock.json
PEER_VENV := $(CACHE)/venv-$(firstword $(shell cksum tests/bench/lambda/peer/requirements.txt))
RELEASE := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/release
NODE := $(shell command -v node 2>/dev/null)

# The functions for AWS: where they are put, and what they are built for.
PACKAGE ?= target/package
ARCHITECTURE ?= arm64
FUNCTIONS := ingest worker expiry notifier-stream notifier-gateway session
# What the tests deploy is built for this machine.
TEST_PACKAGE := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/test-package
HOST_ARCHITECTURE := $(patsubst aarch64,arm64,$(shell uname -m))

export PATH := $(TOOLS)/bin:$(PATH)
export TIERLIFT_VENV := $(VENV)
export TIERLIFT_LOCALSTRIPE := $(VENV)/bin/localstripe
export TIERLIFT_DYNOXIDE := $(TOOLS)/bin/dynoxide
export TIERLIFT_PACKAGE := $(TEST_PACKAGE)

LISTEN ?= 127.0.0.1:8787
DATA ?= tierlift.db

.PHONY: run test test-rust test-client test-infrastructure check lint deny fmt bench bench-lambda demo tools package

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

test: test-infrastructure test-rust test-client

test-rust: demo $(TOOLS)/nextest-$(NEXTEST_VERSION) $(TOOLS)/dynoxide-$(DYNOXIDE_VERSION) $(VENV)/.ready
	$(MAKE) package PACKAGE=$(TEST_PACKAGE) ARCHITECTURE=$(HOST_ARCHITECTURE)
	cargo build --workspace --bin tierlift
	cargo nextest run --workspace

# The template against Amazon's own schemas, its promises, and the arithmetic of the documents.
test-infrastructure: $(VENV)/.ready
	$(VENV)/bin/cfn-lint infrastructure/template.yaml
	$(VENV)/bin/python -B infrastructure/test_policy.py
	$(VENV)/bin/python -B -m unittest discover --start-directory tests/ministack
	$(VENV)/bin/python -B docs/cost.py --check docs/cost.md

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
	cargo build --release --workspace --bin tierlift --bin tierlift-bench
	cd tests/bench/peer && npm ci --no-audit --no-fund --loglevel=error
	$(RELEASE)/tierlift-bench
	cd client && TIERLIFT_BIN=$(RELEASE)/tierlift npm run bench
	$(MAKE) bench-lambda

# The functions for AWS beside the same jobs in Python.
bench-lambda: $(PEER_VENV)/.ready
	$(MAKE) package PACKAGE=$(TEST_PACKAGE) ARCHITECTURE=$(HOST_ARCHITECTURE)
	cargo build --release --workspace --bin tierlift-bench-lambda
	$(RELEASE)/tierlift-bench-lambda --python $(PEER_VENV)/bin/python \
	  --binaries $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/$(shell uname -m)-unknown-linux-gnu/lambda

# With zig as the linker, so that the programs run on the C library of Lambda's own Linux.
package: $(VENV)/.ready
	PATH=$(VENV)/bin:$$PATH $(VENV)/bin/cargo-lambda lambda build --quiet --profile lambda \
	  --package tierlift-functions --bins \
	  --output-format zip --lambda-dir $(PACKAGE)/build --$(subst _,-,$(ARCHITECTURE))
	@$(foreach name,$(FUNCTIONS),mv $(PACKAGE)/build/$(name)/bootstrap.zip $(PACKAGE)/$(name).zip;)
	@rm -r $(PACKAGE)/build
	@cp infrastructure/template.yaml $(PACKAGE)/template.yaml
	@ls -l $(PACKAGE)

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

$(TOOLS)/dynoxide-$(DYNOXIDE_VERSION):
	@mkdir -p $(TOOLS)
	cargo install dynoxide-rs --version $(DYNOXIDE_VERSION) --locked --root $(TOOLS) \
	  --no-default-features --features native-sqlite,http-server,cli
	@touch $@

$(PEER_VENV)/.ready: tests/bench/lambda/peer/requirements.txt
	$(PYTHON) -m venv $(PEER_VENV)
	$(PEER_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)/.ready: tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
