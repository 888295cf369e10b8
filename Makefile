# The two commands for a newcomer: make demo, make test. `make` alone lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# Outside the checkout, so that the next clean checkout finds RocksDB built. Nothing relies on it.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/raftnode
export CARGO_TARGET_DIR ?= $(CACHE)/target

DEMO := $(CACHE)/demo
DEMO_BIN := $(CARGO_TARGET_DIR)/demo/release
DEMO_PEERS := n1=127.0.0.1:7421,n2=127.0.0.1:7431,n3=127.0.0.1:7441

.PHONY: help setup-compiler setup demo demo-stop bench bench-failover bench-dashboard screenshots test fuzz check soak fix

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

# install COMMAND-OR-TEST, PACKAGES
define install
	if ! { $(1); } >/dev/null 2>&1; then
	  command -v apt-get >/dev/null || { echo "please install: $(2)" >&2; exit 1; }
	  sudo=$$([ "$$(id -u)" = 0 ] || echo sudo)
	  $$sudo apt-get update -qq
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(2) >/dev/null
	fi
endef

# own TARGET-DIRECTORY: cargo takes what another checkout has built there for this one's, by its time.
define own
	if [ "$$(cat $(1)/checkout 2>/dev/null)" != "$(CURDIR)" ]; then
	  cargo clean --quiet --locked --target-dir $(1) -p common -p raftnoded -p raftctl -p tests -p fuzzing -p checker
	  mkdir -p $(1)
	  echo "$(CURDIR)" >$(1)/checkout
	fi
endef

setup-compiler:
	@command -v cargo >/dev/null || { echo "please install Rust: https://rustup.rs" >&2; exit 1; }
	$(call install,command -v cc,gcc libc6-dev)

setup: setup-compiler ## Install what the system lacks: g++ and libclang for RocksDB, ext4 tools and faketime for the tests
	@$(call install,command -v c++,g++)
	$(call install,ls /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu | grep -E '^libclang(-[0-9.]+)?\.so',libclang-dev)
	$(call install,PATH=$$PATH:/usr/sbin:/sbin; command -v mkfs.ext4 && command -v e2fsck && command -v mount,e2fsprogs mount)
	$(call install,command -v faketime,faketime)

demo: setup-compiler demo-stop ## Build (without RocksDB), start three members on loopback, store and read a key
	@$(call own,$(CARGO_TARGET_DIR)/demo)
	cargo build --locked --release --no-default-features -p raftnoded -p raftctl --target-dir $(CARGO_TARGET_DIR)/demo
	mkdir -p $(DEMO)
	for i in 1 2 3; do
	  $(DEMO_BIN)/raftnoded --name n$$i --peers $(DEMO_PEERS) --listen 127.0.0.1:74$$((i + 1))0 \
	    --data-dir $(DEMO)/n$$i >$(DEMO)/n$$i.out 2>$(DEMO)/n$$i.log </dev/null &
	  echo $$! >$(DEMO)/n$$i.pid
	done
	ctl() { echo; printf '$$ raftctl'; printf ' %q' "$$@"; echo; $(DEMO_BIN)/raftctl "$$@"; }
	for _ in $$(seq 100); do $(DEMO_BIN)/raftctl -q health >/dev/null 2>&1 && break; sleep 0.1; done
	ctl put default greeting hello
	ctl get default greeting; echo
	ctl status
	echo
	echo "Three members are running; their data and logs are in $(DEMO)."
	echo "Type next:"
	echo "  export PATH=$(DEMO_BIN):\$$PATH"
	echo "  raftctl ls default"
	echo "  kill -9 \$$(cat $(DEMO)/n1.pid)     # any of them, the leader too"
	echo "  raftctl -e 127.0.0.1:7430 put default greeting again && raftctl -e 127.0.0.1:7430 status"
	echo "  raftctl --help"
	echo "  make demo-stop"

demo-stop: ## Stop the members of the demo; their data stays
	@for pid in $(DEMO)/n?.pid; do
	  [ -f "$$pid" ] || continue
	  kill "$$(cat "$$pid")" 2>/dev/null || true
	  for _ in $$(seq 100); do kill -0 "$$(cat "$$pid")" 2>/dev/null || break; sleep 0.1; done
	  rm -f "$$pid"
	done

BENCH_PEERS := n1=127.0.0.1:17421,n2=127.0.0.1:17431,n3=127.0.0.1:17441
BENCH_ENDPOINTS := 127.0.0.1:17420,127.0.0.1:17430,127.0.0.1:17440
BENCH_SECONDS ?= 5

bench: setup-compiler ## Measure puts and gets on a fresh cluster of three (BENCH_SECONDS=5 each)
	@$(call own,$(CARGO_TARGET_DIR)/demo)
	cargo build --locked --release --no-default-features -p raftnoded -p raftctl --target-dir $(CARGO_TARGET_DIR)/demo
	directory=$$(mktemp -d)
	trap 'kill $$(jobs -p) 2>/dev/null || true; wait; rm -rf "$$directory"' EXIT
	for i in 1 2 3; do
	  $(DEMO_BIN)/raftnoded --name n$$i --peers $(BENCH_PEERS) --listen 127.0.0.1:174$$((i + 1))0 \
	    --data-dir "$$directory/n$$i" >/dev/null 2>"$$directory/n$$i.log" </dev/null &
	done
	export RAFTCTL_ENDPOINTS=$(BENCH_ENDPOINTS)
	for _ in $$(seq 100); do $(DEMO_BIN)/raftctl -q health >/dev/null 2>&1 && break; sleep 0.1; done
	for load in "1 1" "64 64" "64 4" "256 16"; do
	  set -- $$load
	  for operation in put get; do
	    $(DEMO_BIN)/raftctl bench $$operation --clients $$1 --connections $$2 --duration $(BENCH_SECONDS)s
	  done
	done

bench-failover: setup-compiler ## Measure how long writes stand still when the leader changes, beside etcd if it is installed
	@$(call own,$(CARGO_TARGET_DIR)/demo)
	cargo build --locked --release --no-default-features -p raftnoded -p raftctl --target-dir $(CARGO_TARGET_DIR)/demo
	cargo test --locked --release -p tests --target-dir $(CARGO_TARGET_DIR)/demo -- --ignored --nocapture --test-threads 1 figures::leader::

bench-dashboard: setup-compiler ## Measure what a dashboard costs, and how it copes with a million keys
	@$(call own,$(CARGO_TARGET_DIR)/demo)
	cargo build --locked --release --no-default-features -p raftnoded -p raftctl --target-dir $(CARGO_TARGET_DIR)/demo
	cargo test --locked --release -p tests --target-dir $(CARGO_TARGET_DIR)/demo -- --ignored --nocapture --test-threads 1 figures::dashboard::
	cargo test --locked --release --no-default-features -p raftctl --target-dir $(CARGO_TARGET_DIR)/demo -- --ignored --nocapture --test-threads 1 figures::

screenshots: setup-compiler ## Draw the pictures of the README anew, from the real program
	@$(call own,$(CARGO_TARGET_DIR)/demo)
	cargo build --locked --release --no-default-features -p raftnoded -p raftctl --target-dir $(CARGO_TARGET_DIR)/demo
	cargo test --locked --release -p tests --target-dir $(CARGO_TARGET_DIR)/demo -- --ignored --nocapture pictures::

test: setup ## Install what is missing and run every check
	@$(MAKE) --no-print-directory check

FUZZ_MINUTES ?= 10

# Without RocksDB, which reads nothing from outside. One input that fails ends its target alone.
fuzz: setup-compiler ## Feed mutated bytes to all that reads bytes from outside (FUZZ_MINUTES=10 in all)
	@$(call own,$(CARGO_TARGET_DIR)/demo)
	targets() {
	  cargo test --quiet --locked --no-fail-fast --no-default-features -p common -p raftnoded -p raftctl \
	    --lib --bins --target-dir $(CARGO_TARGET_DIR)/demo -- fuzz:: "$$@"
	}
	count=$$(targets --list | grep -c ': test$$')
	FUZZ_SECONDS=$$(($(FUZZ_MINUTES) * 60 / count)) targets --nocapture --test-threads 1

# The program with failpoints, in a build of its own: a feature is on for all that is built with it. Of
# the whole workspace, so that dependencies have the same features as elsewhere, and RocksDB is not
# built again.
FAULTY := --workspace --features raftnoded/failpoints

check: ## Formatting, lints, documentation and all tests; changes nothing
	@$(call own,$(CARGO_TARGET_DIR))
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked $(FAULTY) --lib --bin raftnoded-faulty -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	cargo build --locked --workspace --bins
	cargo build --locked $(FAULTY) --bin raftnoded-faulty
	cargo test --locked --workspace --no-fail-fast

SOAK_STORE ?= memory
SOAK_MINUTES ?= 60
# With RocksDB as `check` builds it, so that it is not built again.
SOAK_BUILD := $(if $(filter rocksdb,$(SOAK_STORE)),--workspace,--no-default-features -p raftnoded -p raftctl)
SOAK_TESTS := $(if $(filter rocksdb,$(SOAK_STORE)),--workspace,-p tests)

soak: setup ## Inject faults at random and check every answer (SOAK_MINUTES=60, SOAK_STORE=memory, SOAK_REPORT=FILE)
	@$(call own,$(CARGO_TARGET_DIR))
	cargo build --locked $(SOAK_BUILD) --bins
	cargo build --locked $(SOAK_BUILD) --features raftnoded/failpoints --bin raftnoded-faulty
	export SOAK_STORE=$(SOAK_STORE) SOAK_MINUTES=$(SOAK_MINUTES) SOAK_REPORT=$(abspath $(SOAK_REPORT))
	cargo test --locked $(SOAK_TESTS) --test tests -- --ignored --nocapture soak::

fix: ## Format, and apply what clippy can repair
	@cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
	cargo fmt --all
