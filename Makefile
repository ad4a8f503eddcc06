# make run: a call on this machine. make test: everything that can be tested here.
# Needs Rust (rustup), Node 20.19 or later with npm, Python 3.11 or later; what else is missing, tools/setup installs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
STAMPS := $(TARGET)/stamps
# Pinned binaries of cargo-deny and cargo-nextest, used only where the machine has none of its own.
export PATH := $(PATH):$(TARGET)/tools/bin
export CHEVET_BIN ?= $(TARGET)/debug/chevet

WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' 2>/dev/null)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 18

# ---- a call

.PHONY: run
run: binary ## build everything, start a server on loopback, print two join links
	$(CHEVET_BIN) serve --dev --demo

.PHONY: binary
binary: web
	cargo build --locked --bin chevet --features emulators

.PHONY: release
release: web ## the binary for production, in target/release/chevet
	cargo build --locked --release --bin chevet

.PHONY: web
web: web/dist/index.html ## the pages, in web/dist

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	npm --prefix web run --silent build
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json | $(STAMPS)/build
	npm --prefix $* ci --no-audit --no-fund --loglevel=error
	@touch $@

# ---- what the machine needs

.PHONY: setup
setup: $(STAMPS)/build $(STAMPS)/test ## install what building and testing need

$(STAMPS)/%: tools/setup tools/requirements.txt $(wildcard tests/python/requirements.txt)
	tools/setup $*
	@mkdir -p $(STAMPS) && touch $@

# ---- proof

TEST_PACKAGES := $(patsubst %/package.json,%,$(wildcard tests/browser/package.json tests/node/package.json))

.PHONY: test
test: setup test-web test-rust test-outside ## everything: units, properties, simulation, real browsers and SDKs

# The server together with the tests: cargo then settles the features of every dependency once and compiles it once.
.PHONY: test-build
test-build: web $(STAMPS)/test
	cargo build --locked --workspace --features chevet/emulators --bin chevet --tests --examples

.PHONY: test-rust
test-rust: test-build ## Rust tests only
	cargo nextest run --locked --workspace --features chevet/emulators --no-fail-fast

.PHONY: test-web
test-web: web ## tests of the pages' own code, and their weight
	npm --prefix web test --silent

.PHONY: test-outside
test-outside: test-build $(addsuffix /node_modules/.package-lock.json,$(TEST_PACKAGES)) ## real browsers and SDKs only
	tests/run

SCHEMATHESIS_S ?= 1800
.PHONY: schemathesis
schemathesis: test-build ## requests made from the clinic's OpenAPI for half an hour
	SCHEMATHESIS_S=$(SCHEMATHESIS_S) tests/python/run test_schemathesis.py

.PHONY: lint
lint: $(STAMPS)/test web/node_modules/.package-lock.json ## formatting, clippy, licences, import rules, types of the pages
	cargo fmt --all --check
	cargo deny --locked check --hide-inclusion-graph licenses bans sources
	cargo test --locked --quiet -p chevet-house
	npm --prefix web run --silent typecheck
	npm --prefix web run --silent lint
	cargo clippy --locked --workspace --features chevet/emulators --all-targets -- -D warnings

.PHONY: audit
audit: $(STAMPS)/test ## known vulnerabilities (fetches the advisory database)
	cargo deny --locked check advisories

.PHONY: fmt
fmt: ## format the Rust code
	cargo fmt --all

PAGES_READY := test-build tests/browser/node_modules/.package-lock.json

.PHONY: test-pages
test-pages: $(PAGES_READY) ## journeys A to J in real browsers, and what axe says of every screen
	tests/browser/run journeys

.PHONY: screenshots
screenshots: $(PAGES_READY) ## the gallery in docs/screens, taken anew
	npm --prefix tests/browser run --silent screenshots

.PHONY: speed
speed: ## CPU per forwarded packet and memory per subscriber, on this machine
	cargo run --locked --release -p chevet-sfu-io --example speed

# Builds the media core alone for release, into the same folder as `make release`. The counting itself takes 20 s.
MICRO := cargo run --locked --quiet --release -p chevet-bench-micro --

.PHONY: bench-check
bench-check: $(STAMPS)/test ## instructions per packet: fails where they grew by more than 5 %
	$(MICRO) check --dumps $(TARGET)/bench-micro

.PHONY: bench-baseline
bench-baseline: $(STAMPS)/test ## accept the instructions per packet as they are now
	$(MICRO) accept --dumps $(TARGET)/bench-micro

# ---- the bench: see bench/README.md

BENCH_TARGETS ?= chevet,janus,floor,floor-gso
BENCH_SCENARIOS ?= fanout-200 meeting-8 audio-10x100 consultations-40 fanout-100 fanout-100-media fanout-500 fanout-100-burst fanout-1000 \
	consultations-busy join-storm data data-slow ramp
BENCH_QUICK_SCENARIOS ?= fanout-200 meeting-8 audio-10x100
BENCH_ROUNDS ?= 1
# Anything else for the program: make bench BENCH_FLAGS='--pin off'
BENCH_FLAGS ?=

.PHONY: bench
bench: bench-binaries ## all scenarios side by side with Janus and the floor, under 20 minutes; bench/out/report.html
	$(TARGET)/release/chevet-bench run $(BENCH_SCENARIOS) --target $(BENCH_TARGETS) --rounds $(BENCH_ROUNDS) $(BENCH_FLAGS)

.PHONY: bench-quick
bench-quick: bench-binaries ## three scenarios side by side, under 5 minutes; bench/out/latest.json
	$(TARGET)/release/chevet-bench run $(BENCH_QUICK_SCENARIOS) --target $(BENCH_TARGETS) --rounds $(BENCH_ROUNDS) $(BENCH_FLAGS)

.PHONY: bench-binaries
bench-binaries: $(STAMPS)/build
	@$(MAKE) --no-print-directory $(STAMPS)/bench || echo "bench: something is missing, see above; targets that need it are not measured"
	cargo build --locked --release -p chevet -p chevet-bench --bin chevet --bin chevet-bench
