# Every step of CI is a target here, so that a red step can be run alone. `make` lists them; `make ci` runs them all.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
# Built tools live outside the tree: a fresh clone does not build the linter again.
CACHE    ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mcpclient
FUZZTIME ?= 10s
COVERAGE ?= 90
# go.mod names the older of the two supported releases.
NEWEST_GO ?= go1.27.4
# What random calls meet random faults: cases of the state machine, and calls of the ledger, which CI does in a minute or two.
CASES    ?= 10000
CALLS    ?= 20000
DURATION ?= 60s

MODULES  := $(patsubst %/,%,$(dir $(wildcard go.mod */go.mod)))
# tools/ holds no Go code of ours, only pins.
LINTED   := $(filter-out tools,$(MODULES))

# Without what interop installs into a dot folder: packages of other languages bring Go files too.
GOFILES  := find . -name '*.go' -not -path '*/.*' -print0

# A tool's file name carries its version and the compiler's: a linter built by an older Go cannot read newer code.
tool_version = $(shell sed -n 's|^[[:space:]]*$(1) \(v[^ ]*\).*|\1|p' tools/go.mod)
tool_file    = $(CACHE)/$(1)-$(call tool_version,$(2))-$(shell $(GO) env GOVERSION)
GOLANGCI    := $(call tool_file,golangci-lint,github.com/golangci/golangci-lint/v2)
GOVULNCHECK := $(call tool_file,govulncheck,golang.org/x/vuln)

.PHONY: help ci build test newest-go race cover fuzz soak examples vet vet-cross fmt fmt-check tidy tidy-check lint gosec vuln interop conformance bench property promises servers-soak mutants

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

ci: ## all that CI runs, as it runs it
	bash .ci/run

build: ## compile every package and every test
	$(GO) build ./...
	$(GO) test -run '^$$' ./...

test: ## the tests; they need Go alone
	$(GO) test ./...

newest-go: ## the tests under the newest Go release, which go fetches (NEWEST_GO=go1.27.4)
	GOTOOLCHAIN=$(NEWEST_GO) $(GO) test -count=1 ./...

race: ## the tests under the race detector
	$(GO) test -race ./...

cover: ## the tests, with a floor for the root package's statement coverage (COVERAGE=90)
	GO=$(GO) tools/cover.sh $(COVERAGE)

fuzz: ## every fuzz target for FUZZTIME=10s
	GO=$(GO) tools/fuzz.sh $(FUZZTIME)

property: ## random calls and faults against a model: CASES=10000 of the state machine, CALLS=20000 of the ledger
	cd property && $(GO) test -race -count=1 -timeout 20m -run TestNothing . -rapid.checks=$(CASES) -rapid.steps=4
	cd property && $(GO) test -count=1 -timeout 60m -v -run 'TestOneHandshake|TestP1' . -rapid.checks=2000 -calls $(CALLS)

promises: ## the promises of RELIABILITY.md at the size of their figures: most of an hour
	$(GO) test -count=1 -v -run 'TestP[0-9]' -timeout 180m . -args -full

servers-soak: ## real servers killed, connections disturbed, all accounts settled, for DURATION=60s (needs node and python)
	cd interop && ./install.sh && $(GO) run ./soak -duration $(DURATION)

soak: ## what takes hours: the promises in full, a million cases, a million faulted calls, half an hour of real servers
	$(MAKE) promises
	cd property && $(GO) test -count=1 -timeout 4h -run TestNothing . -rapid.checks=1000000 -rapid.steps=6
	cd property && $(GO) test -count=1 -timeout 2h -v -run TestP1 . -calls 1000000
	$(MAKE) servers-soak DURATION=30m

mutants: ## take out one guard after the other, and see a test turn red for each (MUTANTS='-only ^retry')
	$(GO) run ./internal/mutants -j 4 -timeout 30s $(MUTANTS)

examples: ## run every example
	GO=$(GO) tools/examples.sh

vet: ## go vet in every module
	for m in $(LINTED); do (cd "$$m" && $(GO) vet ./...); done

vet-cross: ## type-check for other systems and for 32 bits
	GOOS=windows $(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=linux GOARCH=386 $(GO) vet ./...
	cd property && GOOS=windows $(GO) vet ./... && GOOS=darwin $(GO) vet ./... && GOOS=linux GOARCH=386 $(GO) vet ./...
	cd interop && GOOS=darwin $(GO) vet ./... && GOOS=linux GOARCH=386 $(GO) vet ./... # it kills process groups, which Windows does not have

fmt: ## format the Go code
	$(GOFILES) | xargs -0 gofmt -s -w

fmt-check: ## fail if fmt would change something
	@unformatted=$$($(GOFILES) | xargs -0 gofmt -s -l); [ -z "$$unformatted" ] || { echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; }

tidy: ## go mod tidy in every module
	for m in $(MODULES); do (cd "$$m" && $(GO) mod tidy); done

tidy-check: ## fail if tidy would change something
	for m in $(MODULES); do (cd "$$m" && $(GO) mod tidy -diff); done

lint: $(GOLANGCI) ## golangci-lint in every module
	for m in $(LINTED); do (cd "$$m" && $(GOLANGCI) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...); done

# Part of lint as well. Alone it is quick, and a finding shows for what it is: one about security. The linter's build of it,
# so that an excuse is written once (//nolint:gosec) and its settings stand in .golangci.yml alone.
gosec: $(GOLANGCI) ## gosec alone, over the production code of every module
	for m in $(LINTED); do (cd "$$m" && $(GOLANGCI) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml --enable-only gosec --tests=false ./...); done

vuln: $(GOVULNCHECK) ## known vulnerabilities in code that is reached; an unreachable database is said, not failed
	tools/vuln.sh $(GOVULNCHECK)

bench: ## every benchmark once, to see that it still runs
	for m in $(filter . bench,$(MODULES)); do (cd "$$m" && $(GO) test -run '^$$' -bench . -benchtime 1x ./...); done

interop: ## against real servers of other makers (needs node and python)
	cd interop && ./install.sh && $(GO) test -count=1 -timeout 20m ./... && cat "$${MCPCLIENT_INTEROP_CACHE:-.cache}/results.md"

conformance: ## the client scenarios of the official conformance suite, strictly (needs node)
	GO=$(GO) interop/conformance/run.sh

# From source, at the versions pinned in tools/go.mod; -p=2 bounds the memory of the parallel compilers.
$(GOLANGCI):
	cd tools && $(GO) build -p=2 -o '$@' github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(GOVULNCHECK):
	cd tools && $(GO) build -p=2 -o '$@' golang.org/x/vuln/cmd/govulncheck
