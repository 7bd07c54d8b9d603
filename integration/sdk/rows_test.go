package sdk_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// row is an SDK, or a program that has one in it.
type row struct {
	id, title string
	argv      []string      // asks once; with --serve, as often as told
	needs     []string      // files without which it cannot run
	version   func() string // what was really run
	tested    string        // the beginning of the only version that is driven, of what the system's packages bring

	// cli marks the two AWS CLIs: one process for each request, which says nothing but what STS
	// answered.
	cli bool
	// goClock marks Go programs, whose clock an overlay moves; the others have clock.c.
	goClock bool
	// silent is why this SDK keeps the helper's message to itself; empty where it shows it.
	silent string
	// brief marks what takes part by its ways to credentials only, see [clients]; long, of these, what is run
	// in the nightly lane, and s3 what reads an object of S3 and says nothing of who it is.
	brief, long, s3 bool
	// env are the variables that it needs besides those of its credentials.
	env func(w *world) []string
	// anonymous says that it asks S3 without a signature where it finds no credentials.
	anonymous bool
	// starts is how often it runs the helper for one question; once, if zero.
	starts int
	// imds is its own name for AWS_EC2_METADATA_SERVICE_ENDPOINT.
	imds string
	// credentialsFile says that it reads credential_process in ~/.aws/credentials alone.
	credentialsFile bool
	// driver and pip are its names in python/clients.py and in the package index, where those are not the id.
	driver, pip string
	// quirks are what its user must mind, for docs/clients.md.
	quirks []string
	// cannot is what this SDK cannot do, by column, and where its source says so.
	cannot map[string]string
}

const noRegion = "botocore/configprovider.py: 'region' comes from the session, AWS_DEFAULT_REGION or the profile; the metadata endpoint is asked for defaults_mode=auto alone"

// clockLibrary moves the clock of a program that uses the C library.
func clockLibrary() string { return filepath.Join(tools, "clock.so") }

func rows() []*row {
	python := filepath.Join(tools, "python", "bin")
	node, java := lookPath("node"), lookPath("java")
	return []*row{
		{
			id: "go", title: "AWS SDK for Go v2", goClock: true,
			argv:    []string{filepath.Join(binaries, "whoami")},
			version: func() string { return "config " + inFile("go.mod", `aws-sdk-go-v2/config (v\S+)`) },
		},
		{
			id: "boto3", title: "boto3", quirks: []string{"with a session of 15 minutes it runs the helper at every use: ask for an hour"},
			cannot: map[string]string{"region": noRegion},
			argv:   []string{filepath.Join(python, "python"), here("python/whoami.py")},
			needs:  []string{clockLibrary()},
			version: func() string {
				return inFile("integration/sdk/python/requirements.txt", `boto3==(\S+)`)
			},
		},
		{
			id: "awscli", title: "AWS CLI (package index)", cli: true,
			cannot:  map[string]string{"region": noRegion},
			argv:    []string{filepath.Join(python, "python"), filepath.Join(python, "aws"), "sts", "get-caller-identity", "--output", "json"},
			needs:   []string{filepath.Join(python, "aws"), clockLibrary()},
			version: func() string { return inFile("integration/sdk/python/requirements.txt", `awscli==(\S+)`) },
		},
		{
			id: "debian", title: "AWS CLI (Debian)", cli: true, tested: "2.9.",
			cannot: map[string]string{
				"tokenfile": "its botocore/credentials.py, ContainerProvider, knows AWS_CONTAINER_AUTHORIZATION_TOKEN alone",
				"imds":      "its botocore/utils.py, IMDSFetcher, puts no slash between the endpoint and the path: write one at the endpoint's end",
			},
			quirks:  []string{"`--endpoint-url` for another STS", "F with the slash at the end, as the env-file has it"},
			argv:    []string{"/usr/bin/aws", "sts", "get-caller-identity", "--output", "json"},
			needs:   []string{clockLibrary()},
			version: func() string { return ofCommand(`aws-cli/(\S+)`, "/usr/bin/aws", "--version") },
		},
		{
			id: "js", title: "JavaScript v3", quirks: []string{"runs a helper that fails twice"},
			silent:  "@aws-sdk/credential-provider-node, defaultProvider.js: the chain goes on after a failing process and ends in its own \"Could not load credentials from any providers\"",
			cannot:  map[string]string{"region": "@smithy/core, regionConfig/config.js: \"Region is missing\" without a variable or a profile"},
			argv:    []string{node, filepath.Join(tools, "js", "whoami.js")},
			needs:   []string{filepath.Join(tools, "js", "node_modules"), clockLibrary()},
			version: func() string { return inFile("integration/sdk/js/package.json", `client-sts": "(\S+)"`) },
		},
		{
			id: "java", title: "Java v2",
			silent:  "AwsCredentialsProviderChain.resolveCredentials lists each provider's getMessage(), here \"Failed to refresh process-based credentials.\", and drops the cause",
			argv:    []string{java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", filepath.Join(tools, "java") + ":" + filepath.Join(tools, "java", "lib", "*"), "Whoami"},
			needs:   []string{filepath.Join(tools, "java", "Whoami.class"), clockLibrary()},
			version: func() string { return inFile("integration/sdk/java/pom.xml", `<aws.version>(\S+)</aws.version>`) },
		},
		{
			id: "rust", title: "Rust",
			argv:  []string{filepath.Join(tools, "rust", "whoami")},
			needs: []string{clockLibrary()},
			version: func() string {
				return "aws-config " + inFile("integration/sdk/rust/Cargo.toml", `aws-config = \{ version = "=([^"]+)"`)
			},
		},
		{
			id: "minio", title: "minio-go", goClock: true, quirks: []string{"wants an argument after the command; does not read `region` of the profile; F is an argument of `credentials.NewIAM`"},
			silent:  "pkg/credentials/file_aws_credentials.go, retrieve: the error of cmd.Output, which is the exit status; standard error is dropped",
			cannot:  map[string]string{"region": "pkg/credentials/iam_aws.go never asks for a region; an S3 client is given one, or asks S3"},
			argv:    []string{filepath.Join(binaries, "whoami-minio")},
			version: func() string { return inFile("integration/sdk/minio/go.mod", `minio-go/v7 (v\S+)`) },
		},
	}
}

// missing says what is not installed that this row needs.
func (r *row) missing() string {
	for _, file := range append(r.needs, r.argv[0]) {
		if _, err := os.Stat(file); err != nil {
			return filepath.Base(file)
		}
	}
	if r.tested == "" {
		return ""
	}
	if v := r.version(); !strings.HasPrefix(v, r.tested) {
		return fmt.Sprintf("%s %s (here it is %s)", r.title, r.tested, v)
	}
	return ""
}

func here(name string) string { return filepath.Join(root(), "integration", "sdk", name) }

func lookPath(tool string) string {
	path, err := exec.LookPath(tool)
	if err != nil {
		return tool
	}
	return path
}

func inFile(name, pattern string) string {
	b, err := os.ReadFile(filepath.Join(root(), name))
	if err != nil {
		return "?"
	}
	return first(pattern, string(b))
}

func ofCommand(pattern, name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "?"
	}
	return first(pattern, string(out))
}

func first(pattern, text string) string {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return "?"
	}
	return strings.TrimPrefix(m[1], "v")
}

// need skips a test whose tool is not installed; where CI is set it fails.
func need(t testing.TB, file string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed: make sdk-tools", filepath.Base(file))
		}
		t.Skipf("%s is not installed (make sdk-tools)", filepath.Base(file))
	}
}
