package sdk_test

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// clients are the programs and libraries beside the SDKs of the matrix: older generations of SDKs, and what
// reads S3 with a client of its own. Each takes part by every way to credentials that it knows; long are those
// whose installation or run takes too long for every change.
func clients() []*row {
	return append(clientsOfSTS(), clientsOfS3()...)
}

// clientsOfSTS ask STS who they are.
func clientsOfSTS() []*row {
	java := []string{lookPath("java"), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", filepath.Join(tools, "javav1") + ":" + filepath.Join(tools, "javav1", "lib", "*"), "Whoami"}
	return []*row{
		{
			id: "gov1", title: "AWS SDK for Go v1", brief: true, goClock: true, quirks: []string{"`AWS_SDK_LOAD_CONFIG=1` where the program does not read ~/.aws/config by itself"},
			argv:    []string{filepath.Join(binaries, "whoami-gov1")},
			version: func() string { return inFile("integration/sdk/gov1/go.mod", `aws-sdk-go (v\S+)`) },
		},
		{
			id: "gobase", title: "aws-sdk-go-base (Terraform, OpenTofu)", brief: true, goClock: true,
			argv:    []string{filepath.Join(binaries, "whoami-gobase")},
			version: func() string { return inFile("integration/sdk/gobase/go.mod", `aws-sdk-go-base/v2 (v\S+)`) },
		},
		{
			id: "js2", title: "JavaScript v2", brief: true,
			quirks:  []string{"`AWS_SDK_LOAD_CONFIG=1`, or it reads ~/.aws/credentials alone", "every value of `AWS_EC2_METADATA_DISABLED`, `false` too, shuts F and G: unset it"},
			silent:  "aws-sdk, lib/credentials/credential_provider_chain.js: the chain goes on after a failing process and ends in \"Missing credentials in config\"",
			argv:    []string{lookPath("node"), filepath.Join(tools, "js2", "whoami.js")},
			needs:   []string{filepath.Join(tools, "js2", "node_modules")},
			version: func() string { return inFile("integration/sdk/js2/package.json", `"aws-sdk": "(\S+)"`) },
		},
		{
			id: "javav1", title: "Java v1", brief: true, credentialsFile: true, quirks: []string{"looks in the home that the list of users names, whatever `HOME` is; `AWS_CREDENTIAL_PROFILES_FILE` names another file"},
			silent: "AWSCredentialsProviderChain.getCredentials lists each provider's getMessage(), here \"Failed to refresh process-based credentials.\", and drops the cause",
			env: func(w *world) []string {
				// Java takes the home from the list of users, not from HOME.
				return []string{"AWS_CREDENTIAL_PROFILES_FILE=" + filepath.Join(w.Dir, ".aws", "credentials"), "AWS_JAVA_V1_DISABLE_DEPRECATION_ANNOUNCEMENT=true"}
			},
			argv:    java,
			needs:   []string{filepath.Join(tools, "javav1", "Whoami.class")},
			version: func() string { return inFile("integration/sdk/javav1/pom.xml", `<aws.version>(\S+)</aws.version>`) },
		},
		{
			id: "ruby", title: "Ruby (Debian)", brief: true, tested: "3.168.", starts: 2, quirks: []string{"runs the helper twice; drops the endpoint's port, so G and not F"},
			cannot: map[string]string{
				"tokenfile": rubyContainer, "token": rubyContainer,
				"imds": "aws-sdk-core 3.168, lib/aws-sdk-core/instance_profile_credentials.rb, open_connection: the port is 80, whatever the endpoint's is",
			},
			argv:    []string{"/usr/bin/ruby", here("ruby/whoami.rb")},
			version: func() string { return ofCommand(`(\S+)`, "dpkg-query", "-W", "-f", "${Version}", "ruby-aws-sdk-core") },
		},
		python("aiobotocore", "aiobotocore", "clients", &row{}),
	}
}

// clientsOfS3 read an object, which is judged by what reaches S3.
func clientsOfS3() []*row {
	rclone := func(id, title, program string, r row) *row {
		r.id, r.title, r.brief, r.s3, r.goClock = id, title, true, true, false
		r.argv = []string{program, "--config", "/dev/null", "--s3-provider", "Other", "--s3-env-auth", "--s3-region", region, "--low-level-retries", "1", "--retries", "1", "cat", ":s3:bucket/data.csv"}
		r.env = func(w *world) []string { return []string{"RCLONE_S3_ENDPOINT=" + w.s3} }
		r.quirks = []string{"`env_auth = true`, or `--s3-env-auth`"}
		r.version = func() string { return ofCommand(`rclone v(\S+)`, program, "version") }
		return &r
	}
	gdal := func(w *world) []string {
		return []string{"AWS_S3_ENDPOINT=" + strings.TrimPrefix(w.s3, "http://"), "AWS_HTTPS=NO", "AWS_VIRTUAL_HOSTING=FALSE", "CPL_AWS_AUTODETECT_EC2=NO"}
	}
	gdalQuirks := []string{"`CPL_AWS_AUTODETECT_EC2=NO` lets it ask F and G on machines that are no instances"}
	return []*row{
		python("pyarrow", "C++ SDK (pyarrow)", "clients", &row{s3: true, anonymous: true, quirks: []string{"goes on unsigned when the helper fails: after an unexpected `ACCESS_DENIED` run `sts-helper login`"},
			silent: "aws-cpp-sdk-core, source/auth/AWSCredentialsProvider.cpp, GetCredentialsFromProcess: neither the exit status nor the message is looked at, and the request goes out unsigned"}),
		python("awscrt", "AWS CRT (awscrt)", "clients", &row{s3: true, silent: crtSilent, quirks: []string{crtDisabled}}),
		python("obstore", "object_store (obstore)", "clients", &row{s3: true, imds: "AWS_METADATA_ENDPOINT", cannot: noProcess(objectStore, map[string]string{"token": fullToken})}),
		rclone("rclone", "rclone (Debian)", "/usr/bin/rclone", row{tested: "1.60.", cannot: map[string]string{"tokenfile": "aws-sdk-go 1.44, aws/defaults/defaults.go: " + noTokenFile}}),
		rclone("rclone2", "rclone", filepath.Join(tools, "clients", "bin", "rclone"), row{}),
		{
			id: "gdal", title: "GDAL (Debian)", brief: true, s3: true, tested: "3.6.",
			imds: "CPL_AWS_EC2_API_ROOT_URL", quirks: gdalQuirks,
			cannot: noProcess("GDAL 3.6, port/cpl_aws.cpp: profiles give keys and roles, and no credential_process",
				map[string]string{"tokenfile": gdalContainer, "token": gdalContainer}),
			argv:    []string{"/usr/bin/ogrinfo", "-ro", "-al", "/vsis3/bucket/data.csv"},
			env:     gdal,
			version: func() string { return ofCommand(`GDAL (\S+),`, "/usr/bin/ogrinfo", "--version") },
		},
		{
			id: "restic", title: "restic (Debian)", brief: true, s3: true, tested: "0.14.", credentialsFile: true, anonymous: true,
			silent: "minio-go 7.0, pkg/credentials/chain.go: the chain goes on after an error and ends with anonymous requests",
			cannot: map[string]string{
				"tokenfile": "minio-go 7.0, pkg/credentials/iam_aws.go: " + noTokenFile,
				"imds":      "restic, internal/backend/s3/s3.go: no endpoint is given to minio-go, which has no variable for it",
			},
			argv: []string{"/usr/bin/restic", "--no-cache", "init"},
			env: func(w *world) []string {
				return []string{"RESTIC_REPOSITORY=s3:" + w.s3 + "/bucket/" + w.fresh(), "RESTIC_PASSWORD=x"}
			},
			version: func() string { return ofCommand(`restic (\S+)`, "/usr/bin/restic", "version") },
		},
		python("duckdb", "C++ SDK (DuckDB)", "clients-long", &row{s3: true, long: true,
			silent: "duckdb-aws, src/aws_secret.cpp: an empty answer of the chain is a \"Secret Validation Failure\""}),
		python("mountpoint", "Mountpoint's client (s3torchconnector)", "clients-long", &row{s3: true, long: true, pip: "s3torchconnectorclient", silent: crtSilent, quirks: []string{crtDisabled},
			cannot: map[string]string{"imds": "aws-c-auth before 0.9, source/aws_imds_client.c: the address is built in"}}),
		python("tensorstore", "TensorStore", "clients-long", &row{s3: true, long: true, anonymous: true, silent: crtSilent,
			quirks: []string{"takes the profile from `aws_credentials` of its spec, `{\"type\": \"default\", \"profile\": \"dev\"}`, and not from `AWS_PROFILE`", "goes on unsigned", crtDisabled}}),
		python("deltalake", "Delta Lake (delta-rs)", "clients-long", &row{s3: true, long: true, quirks: []string{"with an endpoint of another S3 than AWS's it looks for nothing: `AWS_FORCE_CREDENTIAL_LOAD=true`"}}),
		python("polars", "Polars", "clients-long", &row{s3: true, long: true, imds: "AWS_METADATA_ENDPOINT",
			quirks: []string{"signs with the first key of ~/.aws/credentials, whatever `AWS_PROFILE` says: keep none there"},
			cannot: noProcess("polars, io/cloud/credential_provider: profiles are read through boto3, where that is installed", map[string]string{"token": fullToken})}),
		python("polars-boto3", "Polars with boto3", "clients-long", &row{s3: true, long: true, pip: "polars", driver: "polars",
			env:    func(*world) []string { return []string{"PYTHONPATH=" + filepath.Join(tools, "boto3")} },
			quirks: []string{"`storage_options` that it takes for keys, such as `aws_allow_http`, keep boto3 out: write `allow_http`"}}),
		python("rasterio", "GDAL (rasterio)", "clients-long", &row{s3: true, long: true, env: gdal, imds: "CPL_AWS_EC2_API_ROOT_URL", quirks: gdalQuirks,
			cannot: noProcess("GDAL 3.10, port/cpl_aws.cpp: profiles give keys, roles and IAM Identity Center, and no credential_process", nil)}),
	}
}

// noProcess is a client that knows no credential_process, and why.
func noProcess(why string, more map[string]string) map[string]string {
	all := map[string]string{"cold": why, "warm": why, "human": why}
	maps.Copy(all, more)
	return all
}

const (
	noTokenFile   = "AWS_CONTAINER_AUTHORIZATION_TOKEN alone is read"
	objectStore   = "object_store, src/aws/builder.rs: keys, web identity, container and instance metadata are all that it knows, and no profile"
	fullToken     = "object_store, src/aws/builder.rs: AWS_CONTAINER_CREDENTIALS_FULL_URI is read with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE alone"
	crtSilent     = "aws-c-auth, source/credentials_provider_process.c: what the helper writes to standard error is discarded"
	crtDisabled   = "every value of `AWS_EC2_METADATA_DISABLED` but `false` shuts F and G: unset it"
	gdalContainer = "GDAL 3.6, port/cpl_aws.cpp: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI alone is read"
	rubyContainer = "aws-sdk-core 3.168, lib/aws-sdk-core/credential_provider_chain.rb, instance_profile_credentials: container credentials are asked for with AWS_CONTAINER_CREDENTIALS_RELATIVE_URI alone"
)

// python completes the row of what python/clients.py drives, out of the virtual environment of that name.
func python(id, title, venv string, r *row) *row {
	r.id, r.title, r.brief = id, title, true
	r.argv = []string{filepath.Join(tools, venv, "bin", "python"), here("python/clients.py"), cmp.Or(r.driver, id)}
	pip := cmp.Or(r.pip, id)
	r.version = func() string { return inFile("integration/sdk/python/"+venv+".txt", "(?m)^"+pip+`==(\S+)`) }
	return r
}

// withLong says whether the rows that take long are run, too: in the nightly lane.
func withLong() bool { return os.Getenv("STS_HELPER_CONFORMANCE_LONG") != "" }
