# `make help` lists the targets. Tools are installed into the cache folder and built things outside the
# checkout if CARGO_TARGET_DIR says so: a fresh clone starts warm.
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tierlift
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
TOOLS := $(CACHE)/tools
NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2
MACHETE_VERSION := 0.9.2
DYNOXIDE_VERSION := 3.2.0
NEXTEST := $(TOOLS)/nextest-$(NEXTEST_VERSION)
DENY := $(TOOLS)/deny-$(DENY_VERSION)
MACHETE := $(TOOLS)/machete-$(MACHETE_VERSION)
DYNOXIDE := $(TOOLS)/dynoxide-$(DYNOXIDE_VERSION)
FIREFOX := $(CACHE)/debian/firefox
CHROMIUM := $(CACHE)/debian/chromium
PROXIES := $(CACHE)/debian/proxies
LANGUAGES := $(CACHE)/debian/languages
PYTHON ?= python3
NODE := $(shell command -v node 2>/dev/null)
CLIENT_READY := client/node_modules/.package-lock.json
NODE_PACKAGE_READY := packages/node/node_modules/.package-lock.json
# One venv for each content of its requirements.
venv = $(CACHE)/venv-$(firstword $(shell cksum $(1)))
VENV := $(call venv,testkit/requirements.txt)
PACKAGE_VENV := $(call venv,infrastructure/requirements.txt)
PEER_VENV := $(call venv,bench/lambda/peer/requirements.txt)
HOSTS_VENV := $(call venv,examples/hosts/requirements.txt)
PYTHON_PACKAGE_VENV := $(call venv,packages/python/requirements.txt)
EVENTS_VENV := $(call venv,scripts/requirements.txt)
CHECKOV_VENV := $(call venv,infrastructure/checkov-requirements.txt)
# Tests find their tools here, beside what they were built into: testkit/src/harness/tools.rs.
TEST_TOOLS := $(TARGET)/tools/$(notdir $(VENV))-$(notdir $(DYNOXIDE))

# The functions for AWS: where they are put, and what they are built for.
PACKAGE ?= target/package
ARCHITECTURE ?= arm64
FUNCTIONS := check ingest ingest-eventbridge worker expiry fetch notifier-stream notifier-gateway changes session
# Features of the functions, such as otlp.
FEATURES ?=
HOST_ARCHITECTURE := $(patsubst aarch64,arm64,$(shell uname -m))

# What a change of one machine's backend can break: no Amazon SDK is compiled or linked.
QUICK := --workspace --exclude tierlift-aws --exclude tierlift-functions --exclude tierlift-operations-aws --exclude tierlift-tests-aws --exclude tierlift-bench
# What tests start besides themselves is built in the same go, so that nothing is compiled twice.
BUILD := --workspace --bins --tests

export PATH := $(TOOLS)/bin:$(PATH)

# How often nightly tests are run, each time with another seed.
SEEDS ?= 20

LISTEN ?= 127.0.0.1:8787
DATA ?= tierlift.db

# How long everything goes wrong at once, how many webhooks a second come meanwhile, and how soon 99 % of
# them must be acknowledged while the disk can be written, if that is not 0. An hour is CHAOS_SECS=3600.
CHAOS_SECS ?= 300
CHAOS_RATE ?= 1000
CHAOS_ACK_P99_MS ?= 50
# The same for a stack on an emulator of AWS, with ten events a second.
SECS ?= 600
# How many changes there are for a host, in steps of 2,000.
CHANGES ?= 1000000

.PHONY: help run demo quick quick-rust test build test-rust test-embedded test-aws test-deploy test-package \
  test-client test-pack test-packages test-browser test-console-aws test-firefox test-chromium test-examples test-hosts test-host-examples test-infrastructure test-seeds \
  chaos chaos-aws test-import test-changes test-release test-sandbox \
  check lint lint-rust lint-client lint-packages lint-text check-events check-events-latest deny fmt \
  bench bench-browser bench-lambda package tools

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-20s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: demo ## Start tierlift with its demo on http://127.0.0.1:8787/demo; LISTEN and DATA change that.
	cargo run --package tierlift-cli --bin tierlift -- serve --demo --listen $(LISTEN) --data $(DATA)

# The demo application and the console are built into the program. Without Node the plain demo page is served, and no
# console.
demo:
ifeq ($(NODE),)
	@echo "make: Node.js is not installed: the server, its tests in Rust and the plain demo page work;"
	@echo "make: the demo application, the console, the browser client and their tests need Node.js 20 or later."
else
demo: client/demo/dist/index.html
endif

client/demo/dist/index.html: $(CLIENT_READY) $(shell find client/src client/demo client/console client/parts -type f -not -path '*/dist/*' -not -path '*/node_modules/*' 2>/dev/null)
	cd client && npm run --silent demo:build
	@touch $@

$(CLIENT_READY): client/package-lock.json
	cd client && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(NODE_PACKAGE_READY): packages/node/package-lock.json
	cd packages/node && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# ---- Tests. Parts run side by side; `make` fails if one of them does.

quick: ## Run unit, property and contract tests, and the client's: for every save.
	@$(MAKE) --no-print-directory --jobs=2 quick-rust test-client

quick-rust: $(NEXTEST)
	cargo nextest run $(QUICK) --profile quick

test: ## Run every test.
	@$(MAKE) --no-print-directory --jobs=3 build $(TEST_TOOLS) $(NEXTEST)
	@$(MAKE) --no-print-directory --jobs=4 test-rust test-client test-pack test-packages test-infrastructure test-examples
	@$(MAKE) --no-print-directory test-browser
	@$(MAKE) --no-print-directory test-console-aws

build: demo
	cargo build $(BUILD)

test-rust: build test-package $(NEXTEST)
	cargo nextest run --workspace

test-embedded: demo $(TEST_TOOLS) $(NEXTEST) ## Run the Rust tests of everything but AWS.
	cargo nextest run $(QUICK)

test-aws: build $(TEST_TOOLS) $(NEXTEST) ## Run the tests of the AWS adapters, on emulators.
	cargo nextest run --workspace --profile aws

test-deploy: test-package $(TEST_TOOLS) $(NEXTEST) ## Deploy the functions to an emulator and run their tests.
	cargo nextest run --workspace --profile deploy

# The functions as tests deploy them: built with everything else, without link-time optimization.
test-package: build $(TEST_TOOLS)
	@$(VENV)/bin/python -B tests-aws/package.py $(TARGET)/debug $(TARGET)/test-package $(FUNCTIONS)

test-client: $(CLIENT_READY) ## Run the browser client's unit tests.
	cd client && npm test

test-browser: build $(CLIENT_READY) ## Run the browser client in a real browser against a real server.
	cd client && npm run test:browser

test-console-aws: test-package $(CLIENT_READY) ## Drive the operators' console in a real browser, over a stack on an emulator of AWS.
	cd client && npm run test:aws

# The package as others get it; npm is asked for what it and the examples depend on.
test-pack: $(CLIENT_READY) ## Pack the browser client, install it, and import it in every way.
	cd client && npm run test:package

# The one in Python as others get it: built, and installed into a folder of its own.
PYTHON_PACKAGE := $(TARGET)/python-package
test-packages: build $(NODE_PACKAGE_READY) $(PYTHON_PACKAGE_VENV)/.ready ## Run the packages for backends against a real server.
	cd packages/node && npm test
	@rm -rf $(PYTHON_PACKAGE)
	@$(PYTHON_PACKAGE_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --target $(PYTHON_PACKAGE) packages/python
	cd packages/python && PYTHONPATH=$(PYTHON_PACKAGE) $(PYTHON_PACKAGE_VENV)/bin/python -B -m unittest discover --start-directory tests

test-examples: build $(CLIENT_READY) ## Drive the browser client's examples, with the package installed, in a real browser.
	cd client && npm run test:examples

# The hosts in Python have a venv of their own, and npm is asked for those on Express and Next.js. Go, PHP and
# Rails are Debian's, unpacked into the cache, where this machine has none. What is not to be had is skipped, except
# in CI.
test-host-examples: build $(CLIENT_READY) $(HOSTS_VENV)/.ready ## Drive the applications of examples/hosts in a real browser.
	@scripts/languages.sh $(LANGUAGES)
	cd client && PATH=$(LANGUAGES)/bin:$$PATH HOSTS_PYTHON=$(HOSTS_VENV)/bin/python npm run test:hosts

# Debian's nginx and Caddy, unpacked into the cache. Where there is no apt-get, there is nothing to run.
test-hosts: build ## Drive nginx and Caddy, as docs/hosts.md configures them, in front of an application.
	@scripts/debian.sh $(PROXIES) nginx caddy; \
	if [ ! -d $(PROXIES) ]; then echo "test-hosts: skipped, there is no apt-get"; exit 0; fi; \
	$(PYTHON) -B scripts/test_proxies.py $(PROXIES) $(TARGET)/debug/tierlift

# Firefox ESR of Debian's packages, unpacked into the cache. Where there is no such package, there is nothing to run.
test-firefox: demo build $(CLIENT_READY) ## Run the browser client in Firefox ESR, also where it denies storage.
	@program=$$(scripts/browser.sh firefox-esr $(FIREFOX)); \
	if [ -z "$$program" ]; then echo "test-firefox: skipped, there is no such Debian package here"; exit 0; fi; \
	cd client && FIREFOX_BIN=$$program npx vitest run --config vitest.debian.config.ts firefox

# The whole Chromium, likewise: the one of test-browser has no settings and no back/forward cache.
test-chromium: demo build $(CLIENT_READY) ## Run the browser client in Debian's Chromium, with cookies blocked, and left and restored.
	@program=$$(scripts/browser.sh chromium $(CHROMIUM)); \
	if [ -z "$$program" ]; then echo "test-chromium: skipped, there is no such Debian package here"; exit 0; fi; \
	cd client && CHROMIUM_BIN=$$program npx vitest run --config vitest.debian.config.ts chromium

# The template against Amazon's own schemas, its promises, and the arithmetic of the documents.
test-infrastructure: $(VENV)/.ready $(CHECKOV_VENV)/.ready ## Test the CloudFormation template, its roles and the cost model.
	$(VENV)/bin/cfn-lint infrastructure/template.yaml
	$(VENV)/bin/cfn-lint --regions us-east-1 -- infrastructure/edge.yaml
	$(CHECKOV_VENV)/bin/checkov --config-file infrastructure/checkov.yaml \
	  --file infrastructure/template.yaml infrastructure/edge.yaml
	$(VENV)/bin/python -B -m unittest discover --start-directory infrastructure
	$(VENV)/bin/python -B -m unittest discover --start-directory tests-aws/ministack
	$(VENV)/bin/python -B docs/cost.py --check docs/cost.md

# As it is released: what is measured is not a build for tests.
chaos: demo $(TEST_TOOLS) $(NEXTEST) ## Kill, flood and starve a server under load, for CHAOS_SECS.
	cargo build --release --package tierlift-cli --bin tierlift
	CHAOS_SECS=$(CHAOS_SECS) CHAOS_RATE=$(CHAOS_RATE) CHAOS_ACK_P99_MS=$(CHAOS_ACK_P99_MS) \
	  cargo nextest run --release --package tierlift-tests --profile chaos --no-capture

# The same test as in `make test`, with a thousand pages; its last line has the figures.
test-import: $(NEXTEST) ## Import 100,000 subscriptions at Stripe's limits, killed ten times.
	cargo build --release --package tierlift-cli --bin tierlift
	IMPORT_SUBSCRIPTIONS=100000 IMPORT_KILLS=10 \
	  cargo nextest run --release --package tierlift-tests --profile import --no-capture

# The same test as in `make test`, with a hundred times as many changes; its last line has the figures.
test-changes: $(NEXTEST) ## Send a host a million changes, by webhook and as it follows them, with everything killed at will.
	TIERLIFT_CHANGES=$(CHANGES) cargo nextest run --release --package tierlift-tests --profile changes --no-capture

chaos-aws: test-package $(TEST_TOOLS) $(NEXTEST) ## Stall a client, throttle the table and rotate a secret of a stack on an emulator, for SECS.
	CHAOS_AWS_SECS=$(SECS) cargo nextest run --workspace --profile chaos-aws --no-capture

test-seeds: demo $(NEXTEST) ## Kill the server and shuffle events with SEEDS other seeds.
	cargo nextest run $(QUICK) --profile seeds --stress-count $(SEEDS)

# The package that `make package` makes, and not the one that is built with the tests.
test-release: build $(TEST_TOOLS) $(NEXTEST) ## Run the deploy tests with the functions as they are released.
	$(MAKE) package PACKAGE=$(TARGET)/release-package ARCHITECTURE=$(HOST_ARCHITECTURE) FEATURES=otlp
	TIERLIFT_PACKAGE=$(TARGET)/release-package cargo nextest run --workspace --profile deploy

# It costs cents, and wants credentials in the shell and the account's number in TIERLIFT_SANDBOX_ACCOUNT.
test-sandbox: $(VENV)/.ready ## Deploy, use, update and remove the stack in the AWS account that TIERLIFT_SANDBOX_ACCOUNT names.
	$(MAKE) package PACKAGE=$(TARGET)/sandbox-package ARCHITECTURE=arm64
	$(VENV)/bin/python -B tests-aws/sandbox.py $(TARGET)/sandbox-package arm64

# ---- Checks

check: lint deny test ## Run lint, deny and test: what must pass before a change is done.

lint: lint-text check-events lint-rust lint-client lint-packages ## Check formatting, lints, documentation, unused dependencies, types, words.

lint-rust: $(MACHETE)
	cargo fmt --all --check
# The tests ask for the feature otlp, so the first one looks at the code with it, and the second at what is left without.
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --package tierlift-traces --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --workspace --no-deps
	cargo machete

lint-client: $(CLIENT_READY)
	cd client && npm run check

# Their types are those of docs/reference/openapi.json.
lint-packages: $(NODE_PACKAGE_READY) $(PYTHON_PACKAGE_VENV)/.ready
	cd packages/node && npm run check
	$(PYTHON) -B packages/python/generate.py --check
	cd packages/python && $(PYTHON_PACKAGE_VENV)/bin/mypy --no-error-summary --cache-dir $(TARGET)/mypy

# Words, lengths of files, circles of imports.
lint-text:
	$(PYTHON) -B -m unittest discover --start-directory scripts
	$(PYTHON) -B scripts/words.py
	$(PYTHON) -B scripts/structure.py

check-events: $(EVENTS_VENV)/.ready ## Compare the table of event types and the stand-in's answers with Stripe's SDK.
	@$(EVENTS_VENV)/bin/python -B scripts/stripe_events.py
	@$(EVENTS_VENV)/bin/python -B scripts/stripe_objects.py

# Only the package itself: it is read, and never run.
LATEST := $(TARGET)/stripe-latest
check-events-latest: $(EVENTS_VENV)/.ready ## Compare the same with the newest of Stripe's SDKs.
	@rm -rf $(LATEST)
	@$(EVENTS_VENV)/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest $(LATEST) stripe
	@$(EVENTS_VENV)/bin/python -B scripts/stripe_events.py $(LATEST)/stripe-*.whl
	@$(EVENTS_VENV)/bin/python -B scripts/stripe_objects.py $(LATEST)/stripe-*.whl

deny: $(DENY) ## Check licences, sources and which package may use which crate.
	cargo deny --log-level error check bans licenses sources

fmt: $(CLIENT_READY) ## Format everything.
	cargo fmt --all
	cd client && npm run --silent format

# ---- Measurements

bench: demo ## Measure tierlift beside a stock peer and print the tables.
	cargo build --release --package tierlift-cli --bin tierlift
	cargo build --release --package tierlift-bench --bin tierlift-bench --bin tierlift-bench-redrive
	cd bench/server/peer && npm ci --no-audit --no-fund --loglevel=error
	$(TARGET)/release/tierlift-bench
	$(TARGET)/release/tierlift-bench-redrive
	$(MAKE) bench-browser
	$(MAKE) bench-lambda

bench-browser: demo ## Measure the time from webhook to paint, in leader and follower.
	cargo build --release --package tierlift-cli --bin tierlift
	cd client && TIERLIFT_BIN=$(TARGET)/release/tierlift npm run bench

bench-lambda: $(PEER_VENV)/.ready ## Measure the functions for AWS beside the same jobs in Python.
	$(MAKE) package PACKAGE=$(TARGET)/bench-package ARCHITECTURE=$(HOST_ARCHITECTURE)
	cargo build --release --package tierlift-bench --bin tierlift-bench-lambda
	$(TARGET)/release/tierlift-bench-lambda --python $(PEER_VENV)/bin/python \
	  --binaries $(TARGET)/$(shell uname -m)-unknown-linux-gnu/lambda

# ---- Deployment

# With zig as the linker, so that the programs run on the C library of Lambda's own Linux.
package: $(PACKAGE_VENV)/.ready ## Build the functions for AWS and zip them with their template; ARCHITECTURE=x86_64|arm64, FEATURES=otlp.
	PATH=$(PACKAGE_VENV)/bin:$$PATH $(PACKAGE_VENV)/bin/cargo-lambda lambda build --quiet --profile lambda \
	  --package tierlift-functions --bins $(if $(FEATURES),--features $(FEATURES)) \
	  --output-format zip --lambda-dir $(PACKAGE)/build --$(subst _,-,$(ARCHITECTURE))
	@$(foreach name,$(FUNCTIONS),mv $(PACKAGE)/build/$(name)/bootstrap.zip $(PACKAGE)/$(name).zip;)
	@rm -r $(PACKAGE)/build
	@cp infrastructure/template.yaml infrastructure/edge.yaml $(PACKAGE)/
	@$(PYTHON) -B scripts/sbom.py tierlift-functions $(subst arm64,aarch64,$(ARCHITECTURE))-unknown-linux-gnu $(FEATURES) \
	  > $(PACKAGE)/sbom.cdx.json
	@cd $(PACKAGE) && sha256sum *.zip *.yaml *.json > SHA256SUMS
	@ls -l $(PACKAGE)

# ---- Tools

tools: $(NEXTEST) $(DENY) $(MACHETE) $(TEST_TOOLS) ## Install what tests and checks need.

# A tool runs for seconds: compiling it fast is worth more than compiling it well.
CARGO_INSTALL := CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 cargo install --quiet --locked --root $(TOOLS)

# A tool that is on the machine already will do.
define cargo-tool
$(1):
	@mkdir -p $(TOOLS)
	cargo $(2) --version >/dev/null 2>&1 || $(CARGO_INSTALL) cargo-$(2) --version $(3)
	@touch $$@
endef
$(eval $(call cargo-tool,$(NEXTEST),nextest,$(NEXTEST_VERSION)))
$(eval $(call cargo-tool,$(DENY),deny,$(DENY_VERSION)))
$(eval $(call cargo-tool,$(MACHETE),machete,$(MACHETE_VERSION)))

$(DYNOXIDE):
	@mkdir -p $(TOOLS)
	$(CARGO_INSTALL) dynoxide-rs --version $(DYNOXIDE_VERSION) \
	  --no-default-features --features native-sqlite,http-server,cli
	@touch $@

$(TEST_TOOLS): $(VENV)/.ready $(DYNOXIDE)
	@mkdir -p $(TARGET)/tools
	@ln -sfn $(VENV) $(TARGET)/tools/venv
	@ln -sf $(TOOLS)/bin/dynoxide $(TARGET)/tools/dynoxide
	@touch $@

define install-venv
$(PYTHON) -m venv $(@D)
$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
@touch $@
endef

$(VENV)/.ready: testkit/requirements.txt
	$(install-venv)

$(PACKAGE_VENV)/.ready: infrastructure/requirements.txt
	$(install-venv)

$(EVENTS_VENV)/.ready: scripts/requirements.txt
	$(install-venv)

$(PYTHON_PACKAGE_VENV)/.ready: packages/python/requirements.txt
	$(install-venv)

$(HOSTS_VENV)/.ready: examples/hosts/requirements.txt
	$(install-venv)

$(CHECKOV_VENV)/.ready: infrastructure/checkov-requirements.txt
	$(install-venv)

$(PEER_VENV)/.ready: bench/lambda/peer/requirements.txt
	$(install-venv)
