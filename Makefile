# fetchd. `make` builds it, `make test` is what must hold, `make ci` the slow rest of it, `make demo` shows it at work.

GO        ?= go
FUZZTIME  ?= 2s
BENCHTIME ?= 1s
MINUTES   ?= 5
VERSION   ?= $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null)
LDFLAGS   := -s -w$(if $(VERSION), -X main.version=$(VERSION))

PREFIX    ?= /usr/local
UNITDIR   ?= $(PREFIX)/lib/systemd

.PHONY: build install uninstall dist image test ci fuzz soak demo bench microbench cover clean
.NOTPARALLEL:

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o fetchd ./cmd/fetchd

# DESTDIR is put before all places. FETCHMAIL=1 also installs the program under the name fetchmail: as a hard link, because
# a process is known by the name of its file, and a symbolic link's is another.
install:
	@[ -x fetchd ] || $(MAKE) build
	@PREFIX='$(PREFIX)' UNITDIR='$(UNITDIR)' DESTDIR='$(DESTDIR)' FETCHMAIL='$(FETCHMAIL)' docs/packaging/install

uninstall:
	@PREFIX='$(PREFIX)' UNITDIR='$(UNITDIR)' DESTDIR='$(DESTDIR)' docs/packaging/install remove

# Archives for all systems, a .deb and an .rpm, their checksums and what they are made of, in dist/; needs a network.
dist:
	@GO='$(GO)' docs/packaging/dist

# An OCI image in dist/, made without an engine.
image:
	@GO='$(GO)' docs/packaging/image

# Each step prints a line; the first that fails ends it.
test:
	@GO='$(GO)' .ci/steps test

# Thousands of histories of mailboxes on odd servers, Courier, GNU Mailutils, Cyrus and Postfix beside the system, fuzzing,
# FUZZTIME for each target, and the builds for all systems.
ci:
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' .ci/steps slow

fuzz:
	@GO='$(GO)' FUZZTIME=20s .ci/steps fuzz

# A daemon in trouble for MINUTES: connections that hang, drip, are refused and cut, a server that is started again,
# signals. Each message has to come once, and the daemon must not grow.
soak:
	@GO='$(GO)' MINUTES='$(MINUTES)' .ci/steps soak

# DEMO=-serve keeps the servers, to try fetchd with.
demo:
	@bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && \
	CGO_ENABLED=0 $(GO) build -trimpath -o "$$bin/" ./cmd/fetchd ./cmd/demo && "$$bin/demo" -fetchd "$$bin/fetchd" $(DEMO)

# The same work done by fetchd and by other programs: BENCH="-w imap,pop3 -r 5"; -help lists workloads and contenders.
bench:
	@$(GO) run ./cmd/bench $(BENCH)

microbench:
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

cover:
	$(GO) test -coverprofile=coverage.out -coverpkg=./... ./...
	$(GO) tool cover -func=coverage.out | tail -n 1

clean:
	rm -rf fetchd coverage.out dist
