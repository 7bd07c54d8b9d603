# sts-helper. "make help" lists what there is.

GO         ?= go
TOOLS      := $(CURDIR)/.tools
BIN        := $(CURDIR)/bin
PREFIX     ?= /usr/local
# The version is that of CHANGELOG.md; of a commit that is not tagged with it, with its hash.
RELEASE    := v$(shell awk '/^\#\# / { print $$2; exit }' CHANGELOG.md)
TAGGED     := $(filter $(RELEASE),$(shell git tag --points-at HEAD 2>/dev/null))
VERSION    ?= $(RELEASE:v%=%)$(if $(TAGGED),,-$(shell git describe --exclude '*' --always --dirty 2>/dev/null))
COMMIT     ?= $(shell git rev-parse HEAD 2>/dev/null)
# HTTP/2 is used neither towards AWS nor by the server; without it the program starts sooner.
TAGS       := nethttpomithttp2
LDFLAGS    := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

STATICCHECK_VERSION := v0.8.2
MD2MAN_VERSION      := v2.0.7
GORELEASER_VERSION  := v2.12.0
CYCLONEDX_VERSION   := v1.10.0
AWS_VAULT_VERSION   := v7.2.0
GRANTED_VERSION     := v0.39.0
GOVULNCHECK_VERSION := v1.9.0
ACTIONLINT_VERSION  := v1.7.12
KUSTOMIZE_VERSION   := v5.8.1
HELM_VERSION        := v3.22.0

FUZZTIME   ?= 30s
BENCHTIME  ?= 1s

# Nothing that is run from here may look for a metadata service.
export AWS_EC2_METADATA_DISABLED := true

.PHONY: build install uninstall package-files dist dist-test image demo test test-short test-other long check bench beside scale fuzz conformance conformance-long kubernetes go-sdk-tests sdk-tools wine qemu qemu-tools reference man clean help

build: ## build bin/sts-helper
	CGO_ENABLED=0 $(GO) build -trimpath -tags='$(TAGS)' -ldflags='$(LDFLAGS)' -o $(BIN)/sts-helper ./cmd/sts-helper

install: build package-files ## install to $(PREFIX) (PREFIX=~/.local for yourself alone), below $(DESTDIR) if given
	BIN=$(BIN) packaging/install-files.sh '$(DESTDIR)' '$(PREFIX)'

uninstall: package-files ## remove what "make install" installed
	BIN=$(BIN) packaging/install-files.sh --remove '$(DESTDIR)' '$(PREFIX)'

package-files: build man
	TAGS='$(TAGS)' packaging/prepare.sh $(BIN)/sts-helper '$(PREFIX)/bin' $(BIN)/package

demo: ## show the main job against an emulated STS; no AWS account needed
	$(GO) run ./integration/cmd/demo

# "go test" that names what was skipped. Not by "go run", which has a last line of its own.
TESTS = $(GO) build -o $(TOOLS)/tests ./integration/cmd/tests && $(TOOLS)/tests

test: ## run every test, with the race detector; names what was skipped
	$(TESTS) -race -shuffle=on -parallel 8 -timeout=30m ./...

test-short: ## run what takes less than a minute: no crowds, no SDKs, no moved clocks
	$(TESTS) -short -p 4 -timeout=10m ./... # most of it waits

test-other: ## run the tests on Linux with the clock, the files and the peers of the other systems
	$(TESTS) -tags otheros -timeout=30m $$($(GO) list ./... | grep -vE '/integration/(sdk|dist|drawing|emulator|bench|cmd|awsfiles|qemu|kubernetes|e2e/docs)')

conformance: sdk-tools ## drive sts-helper with the real SDKs; writes the tables in docs/compatibility.md and aws-files.md
	cd integration/sdk && STS_HELPER_CONFORMANCE=$(CURDIR)/docs $(GO) test -count=1 -timeout=40m

conformance-long: ## the same with the clients that take long to install or to run; writes docs/clients.md too
	integration/sdk/install.sh $(TOOLS)/sdk long
	cd integration/sdk && STS_HELPER_CONFORMANCE=$(CURDIR)/docs STS_HELPER_CONFORMANCE_LONG=1 $(GO) test -count=1 -timeout=40m

go-sdk-tests: ## run the Go SDK's own integration tests for IMDS, out of the module cache, against the endpoint
	$(GO) test -count=1 -v -run '^TestIntegrationTestsOfTheGoSDK$$' ./integration/sdk

sdk-tools: ## install the SDKs that "make conformance" drives into .tools
	integration/sdk/install.sh $(TOOLS)/sdk

# There a missing SDK is a failure, so they are installed first.
test: $(if $(CI),sdk-tools)

long: ## what takes too long for every change: 10,000 kills, a million requests, 10,000 calls of users and agents, the whole matrix
	STS_HELPER_KILLS=10000 IMDS_SOAK=1 $(GO) test -count=1 -timeout=150m ./cache ./imds
	STS_HELPER_AGENT_CALLS=10000 $(GO) test -count=1 -timeout=60m -run '^TestUsersAndAgentsAtOnce$$' ./integration/e2e/process
	$(MAKE) conformance-long
	$(MAKE) beside
	$(MAKE) kubernetes

check: $(TOOLS)/staticcheck $(TOOLS)/govulncheck $(TOOLS)/actionlint ## formatting, vet, staticcheck, tidy, other systems, known vulnerabilities
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) mod verify
	$(GO) vet ./...
	$(GO) vet -tags otheros ./...
	$(TOOLS)/staticcheck ./...
	$(TOOLS)/actionlint -shellcheck= -pyflakes= .github/workflows/*.yml
	for os in darwin windows; do CGO_ENABLED=0 GOOS=$$os $(GO) build -o /dev/null ./cmd/sts-helper || exit 1; done
	CGO_ENABLED=0 GOOS=darwin $(GO) vet ./...
	CGO_ENABLED=0 GOOS=windows $(GO) vet $$(GOOS=windows $(GO) list -f '{{.ImportPath}} {{.Deps}} {{.TestImports}} {{.XTestImports}}' ./... | grep -v 'integration/harness[] ]' | cut -d' ' -f1) # the harness needs terminals
	@code=0; $(TOOLS)/govulncheck -test ./... || code=$$?; \
	case $$code in 0) ;; 3) exit 1 ;; *) echo "govulncheck: its database could not be reached; not run" ;; esac

$(TOOLS)/staticcheck:
	GOBIN=$(TOOLS) $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

$(TOOLS)/actionlint:
	GOBIN=$(TOOLS) $(GO) install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)

$(TOOLS)/govulncheck:
	GOBIN=$(TOOLS) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

reference: ## write docs/reference anew, from the program's own help
	$(GO) test ./cmd/sts-helper -run '^TestReference$$' -update

# Nothing is published.
dist: $(TOOLS)/goreleaser $(TOOLS)/cyclonedx-gomod ## make archives, packages, manifests, SBOMs and checksums in dist
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url GIT_CONFIG_VALUE_0=https://github.com/sts-helper/sts-helper.git \
	GORELEASER_CURRENT_TAG=$(RELEASE) PATH="$(TOOLS):$$PATH" PREFIX=/usr \
	$(TOOLS)/goreleaser release --clean --skip=publish,announce,validate $(if $(TAGGED),,--snapshot)
	packaging/release-date.sh dist

# The second one in a clone of its own. The Debian is for installing the package in.
DEBIAN = $(TOOLS)/debian
dist-test: dist $(DEBIAN)/usr/bin/rpmbuild ## test what "make dist" makes, made twice; needs root, debootstrap and libarchive-tools
	rm -rf $(TOOLS)/again && git clone -q . $(TOOLS)/again && ln -s $(TOOLS) $(TOOLS)/again/.tools && $(MAKE) -C $(TOOLS)/again dist
	STS_HELPER_DIST=$(CURDIR)/dist STS_HELPER_DIST_AGAIN=$(TOOLS)/again/dist STS_HELPER_DEBIAN=$(DEBIAN) $(GO) test -count=1 ./integration/dist

$(DEBIAN)/usr/bin/rpmbuild:
	rm -rf $(DEBIAN)
	debootstrap --variant=minbase --include=rpm bookworm $(DEBIAN) $(DEBIAN_MIRROR)

# Of ARCH, by the machine's own if not said; into podman's store, and as a file that podman and docker load.
ARCH = $(shell $(GO) env GOARCH)
image: package-files ## build the container image (podman, no daemon), and bin/sts-helper-image-ARCH.tar.gz of it
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) $(GO) build -trimpath -buildvcs=false -tags='$(TAGS)' -ldflags='$(LDFLAGS)' -o $(BIN)/image/sts-helper ./cmd/sts-helper
	packaging/image/build.sh $(BIN)/image/sts-helper $(BIN)/package/THIRD-PARTY-LICENCES '$(VERSION)' '$(COMMIT)' $(ARCH) sts-helper:$(VERSION)-$(ARCH)
	$${PODMAN:-podman} save --quiet --format docker-archive sts-helper:$(VERSION)-$(ARCH) | gzip -9n >$(BIN)/sts-helper-image-$(ARCH).tar.gz

# Wine before 9 has no bcryptprimitives.dll, without which Go's programs do not start. The name is there once all is.
WINE = $(TOOLS)/wine
WINE_VERSION := 10.0
wine: $(WINE)/usr/lib/wine/wine64 ## run the tests of Windows, and the program, under Wine; needs root and debootstrap
	GO=$(GO) integration/wine/run.sh $(WINE)

$(WINE)/usr/lib/wine/wine64:
	rm -rf $(WINE) $(WINE).new
	debootstrap --variant=minbase --include=wine64,xvfb trixie $(WINE).new $(DEBIAN_MIRROR)
	@found=$$(chroot $(WINE).new dpkg-query -W -f '$${Version}' wine64); \
	case $$found in $(WINE_VERSION)*) ;; *) echo "Debian has Wine $$found, and the tests were written for $(WINE_VERSION)"; exit 1 ;; esac
	rm -rf $(WINE).new/var/cache/apt/archives && mv $(WINE).new $(WINE)

# Kubernetes is one module of many, which replaces the others by folders of its own, so "go install" refuses it: the module
# integration/kubernetes/apiserver says which version of each. Building it takes some minutes, once.
KUBERNETES = $(TOOLS)/kubernetes
# Helm and kubectl ask which version the server is of, which a build without this does not know.
KUBERNETES_VERSION = $(shell awk '$$1 == "k8s.io/kubernetes" { print $$2 }' integration/kubernetes/apiserver/go.mod)
KUBERNETES_LDFLAGS = -X k8s.io/component-base/version.gitVersion=$(KUBERNETES_VERSION)
kubernetes: $(KUBERNETES)/kube-apiserver $(KUBERNETES)/kubectl $(KUBERNETES)/kustomize $(KUBERNETES)/helm ## test the node agent, and its recipes, with a real API server; needs root
	STS_HELPER_KUBERNETES=$(KUBERNETES) $(GO) test -count=1 -timeout=20m ./integration/kubernetes
	STS_HELPER_KUBERNETES=$(KUBERNETES) $(GO) test -count=1 -timeout=20m -run '^TestNode' ./integration/e2e/serve

$(KUBERNETES)/kube-apiserver: integration/kubernetes/apiserver/go.mod
	cd integration/kubernetes/apiserver && $(GO) build -o $(KUBERNETES)/etcd go.etcd.io/etcd/server/v3 && \
	$(GO) build -ldflags='$(KUBERNETES_LDFLAGS)' -o $@ k8s.io/kubernetes/cmd/kube-apiserver
	@touch $@

$(KUBERNETES)/kubectl: integration/kubernetes/apiserver/go.mod
	cd integration/kubernetes/apiserver && $(GO) build -ldflags='$(KUBERNETES_LDFLAGS)' -o $@ k8s.io/kubernetes/cmd/kubectl
	@touch $@

$(KUBERNETES)/kustomize:
	GOBIN=$(KUBERNETES) $(GO) install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION)

$(KUBERNETES)/helm:
	GOBIN=$(KUBERNETES) $(GO) install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)

QEMU = $(TOOLS)/qemu/bin/qemu-s390x-static
qemu: $(QEMU) ## run the program and its packages' tests for arm64 and s390x under qemu; needs root and Linux 6.7
	STS_HELPER_QEMU_PACKAGES=1 $(GO) test -count=1 -timeout=90m -v ./integration/qemu

qemu-tools: $(QEMU) ## get qemu from this Debian's or Ubuntu's package, without installing it; needs its lists

$(QEMU):
	integration/qemu/install.sh $(TOOLS)/qemu

man: $(TOOLS)/go-md2man ## make the man pages of docs/reference in bin/man
	packaging/man.sh $(TOOLS)/go-md2man '$(VERSION)' $(BIN)/man

$(TOOLS)/go-md2man:
	GOBIN=$(TOOLS) $(GO) install github.com/cpuguy83/go-md2man/v2@$(MD2MAN_VERSION)

$(TOOLS)/goreleaser:
	GOBIN=$(TOOLS) $(GO) install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)

$(TOOLS)/cyclonedx-gomod:
	GOBIN=$(TOOLS) $(GO) install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)

bench: build ## benchmarks; each compares within one run
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) ./...

beside: ## do the same tasks with aws-vault and granted; writes the table in docs/beside.md
	-GOBIN=$(TOOLS)/beside $(GO) install github.com/99designs/aws-vault/v7@$(AWS_VAULT_VERSION)
	-GOBIN=$(TOOLS)/beside $(GO) install github.com/fwdcloudsec/granted/cmd/granted@$(GRANTED_VERSION)
	-ln -sf granted $(TOOLS)/beside/assumego
	$(GO) run ./integration/cmd/beside -tools $(TOOLS)/beside -docs docs/beside.md

scale: ## reckon how 10,000 hosts fare that start at once; writes the table in docs/scale.md
	$(GO) run ./integration/cmd/scale -docs docs/scale.md

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

clean: ## remove what was built; "make clean TOOLS=" keeps the tools
	rm -rf $(BIN) $(TOOLS)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-16s %s\n", $$1, $$2}'
