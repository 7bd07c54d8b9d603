package imds_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/imds"
)

const ttlHeader = "X-aws-ec2-metadata-token-ttl-seconds"

func TestContainerAnswer(t *testing.T) {
	addr := serve(t, build(t, config(newFake(time.Hour))), "127.0.0.1:0")
	for _, auth := range []string{bearer, "Bearer " + bearer} {
		for _, path := range []string{"/credentials/dev", "/credentials/dev/", "//credentials//dev", "/credentials/dev?role=x"} {
			resp, b := do(t, "GET", addr, path, "Authorization", auth)
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("%s: %s %q", path, resp.Status, resp.Header.Get("Content-Type"))
			}
			var doc map[string]string
			if err := json.Unmarshal([]byte(b), &doc); err != nil {
				t.Fatal(err)
			}
			end, err := time.Parse("2006-01-02T15:04:05Z", doc["Expiration"])
			if err != nil || time.Until(end) < 59*time.Minute || time.Until(end) > time.Hour {
				t.Errorf("Expiration %q", doc["Expiration"])
			}
			if doc["AccessKeyId"] == "" || !strings.Contains(doc["SecretAccessKey"], canary) || !strings.Contains(doc["Token"], canary) ||
				doc["AccountId"] != "123456789012" || doc["RoleArn"] != "arn:aws:iam::123456789012:role/Dev" || len(doc) != 6 {
				t.Errorf("document %v", doc)
			}
			if resp.Header.Get("Cache-Control") != "no-store" || resp.ContentLength != int64(len(b)) {
				t.Errorf("header %v", resp.Header)
			}
		}
	}
}

func TestContainerErrors(t *testing.T) {
	p := newFake(time.Hour)
	addr := serve(t, build(t, config(p)), "127.0.0.1:0")
	down := newFake(time.Hour)
	down.fail(http.ErrServerClosed)
	downAddr := serve(t, build(t, config(down)), "127.0.0.1:0")
	out := newFake(time.Hour)
	out.fail(errLogin)
	outAddr := serve(t, build(t, config(out)), "127.0.0.1:0")
	for _, x := range []struct {
		addr, method, name, auth string
		status                   int
		code                     string
	}{
		{addr, "GET", "dev", "", 403, "AccessDenied"},
		{addr, "GET", "dev", "wrong", 403, "AccessDenied"},
		{addr, "GET", "dev", bearerCI, 403, "AccessDenied"},
		{addr, "GET", "nobody", "", 403, "AccessDenied"},
		{addr, "GET", "nobody", bearer, 404, "NotFound"},
		{addr, "POST", "dev", bearer, 405, "MethodNotAllowed"},
		{addr, "PUT", "dev", bearer, 405, "MethodNotAllowed"},
		{downAddr, "GET", "dev", bearer, 503, "ServiceUnavailable"},
		{downAddr, "GET", "ci", bearerCI, 200, ""},
		{outAddr, "GET", "dev", bearer, 400, "LoginRequired"},
	} {
		var header []string
		if x.auth != "" {
			header = []string{"Authorization", x.auth}
		}
		resp, b := do(t, x.method, x.addr, "/credentials/"+x.name, header...)
		if resp.StatusCode != x.status || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%+v: %s %q", x, resp.Status, resp.Header.Get("Content-Type"))
		}
		var doc map[string]string
		if err := json.Unmarshal([]byte(b), &doc); err != nil {
			t.Fatal(err)
		}
		if doc["code"] != x.code || x.code != "" && (doc["message"] == "" || len(doc) != 2) {
			t.Errorf("%+v: %v", x, doc)
		}
		wait, err := strconv.Atoi(resp.Header.Get("X-Amz-Retry-After"))
		if busy := x.status == 503; busy && (err != nil || wait < 250 || wait > 2000 || (wait+999)/1000 != atoi(resp.Header.Get("Retry-After"))) || !busy && err == nil {
			t.Errorf("%+v: wait %q, %q", x, resp.Header.Get("X-Amz-Retry-After"), resp.Header.Get("Retry-After"))
		}
		if x.code == "LoginRequired" && doc["message"] != "run: sts-helper login --profile dev" {
			t.Errorf("%v", doc)
		}
	}
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

func TestTokenTTL(t *testing.T) {
	addr := serve(t, build(t, config(newFake(time.Hour))), "127.0.0.1:0")
	for ttl, want := range map[string]int{
		"1": 200, "60": 200, "300": 200, "21600": 200, "0": 400, "-5": 400, "21601": 400, "abc": 400, "": 400, "1.5": 400, "1e3": 400, "+60": 400, "60s": 400,
		"99999999999999999999": 400, "0x10": 400, "6 0": 400, "６０": 400,
	} {
		resp, b := do(t, "PUT", addr, "/latest/api/token", ttlHeader, ttl)
		if resp.StatusCode != want {
			t.Errorf("TTL %q: %s", ttl, resp.Status)
		}
		if got := resp.Header.Get(ttlHeader); want == 200 && (got != ttl || len(b) != 56 || strings.TrimSpace(b) != b || resp.Header.Get("Content-Type") != "text/plain") ||
			want != 200 && (got != "" || resp.Header.Get("Content-Type") != "text/html") {
			t.Errorf("TTL %q: header %q, body of %d bytes", ttl, got, len(b))
		}
	}
	for _, x := range []struct {
		method, path string
		header       []string
		want         int
	}{
		{"PUT", "/latest/api/token", nil, 400},
		{"PUT", "/latest/api/token", []string{ttlHeader, "60", ttlHeader, "60"}, 400},
		{"PUT", "/latest/api/token/", []string{ttlHeader, "60"}, 200},
		{"PUT", "//latest//api/token", []string{ttlHeader, "60"}, 200},
		{"PUT", "/2021-03-23/api/token", []string{ttlHeader, "60"}, 405},
		{"GET", "/latest/api/token", []string{ttlHeader, "60"}, 405},
		{"POST", "/latest/api/token", []string{ttlHeader, "60"}, 405},
		{"PUT", "/latest/meta-data/", []string{ttlHeader, "60"}, 405},
	} {
		if resp, _ := do(t, x.method, addr, x.path, x.header...); resp.StatusCode != x.want {
			t.Errorf("%s %s %v: %s, want %d", x.method, x.path, x.header, resp.Status, x.want)
		}
	}
}

func TestMetadataPaths(t *testing.T) {
	addr := serve(t, build(t, config(newFake(time.Hour))), "127.0.0.1:0")
	tok := session(t, addr)
	for path, want := range map[string]string{
		"/":                                 "latest",
		"/latest":                           "dynamic/\nmeta-data/",
		"/latest/meta-data":                 "iam/\ninstance-id\nplacement/",
		"/latest/meta-data/iam":             "info\nsecurity-credentials-extended/\nsecurity-credentials/",
		"/latest/meta-data/placement":       "availability-zone\nregion",
		"/latest/dynamic":                   "instance-identity/",
		"/latest/dynamic/instance-identity": "document",
		"/latest/meta-data/iam/security-credentials":                 "dev",
		"/latest/meta-data/iam/security-credentials-extended":        "dev",
		"/latest/meta-data/placement/region":                         "eu-central-1",
		"/latest/meta-data/placement/availability-zone":              "eu-central-1a",
		"/latest/meta-data/iam/security-credentials/dev":             "{",
		"/latest/meta-data/iam/security-credentials-extended/dev":    "{",
		"/latest/meta-data/iam/info":                                 "{",
		"/latest/dynamic/instance-identity/document":                 "{",
		"/latest/meta-data/instance-id":                              "i-",
		"/latest/meta-data/ami-id":                                   "404",
		"/latest/meta-data/services/partition":                       "404",
		"/latest/user-data":                                          "404",
		"/latest/meta-data/iam/security-credentials/other":           "404",
		"/latest/meta-data/public-keys":                              "404",
		"/2021-03-23/meta-data/placement/region":                     "404",
		"/latest/meta-data/iam/security-credentials-extended/dev/no": "404",
	} {
		for _, form := range []string{path, path + "/", "/" + path, strings.ReplaceAll(path, "/", "//"), path + "?x=y"} {
			resp, b := do(t, "GET", addr, form, "X-aws-ec2-metadata-token", tok)
			if want == "404" {
				if resp.StatusCode != 404 || !strings.Contains(b, "<title>404 - Not Found</title>") || resp.Header.Get("Content-Type") != "text/html" {
					t.Errorf("%s: %s", form, resp.Status)
				}
				continue
			}
			exact := want != "{" && want != "i-"
			if resp.StatusCode != 200 || exact && b != want || !strings.HasPrefix(b, want) || strings.HasSuffix(b, "\n") || resp.Header.Get("Content-Type") != "text/plain" {
				t.Errorf("%s: %s %q", form, resp.Status, b)
			}
			head, hb := do(t, "HEAD", addr, form, "X-aws-ec2-metadata-token", tok)
			if head.StatusCode != 200 || hb != "" || head.ContentLength != int64(len(b)) {
				t.Errorf("HEAD %s: %s %d", form, head.Status, head.ContentLength)
			}
			if no, _ := do(t, "GET", addr, form); no.StatusCode != 401 {
				t.Errorf("%s without a token: %s", form, no.Status)
			}
		}
	}
}

func TestMetadataDocuments(t *testing.T) {
	c := config(newFake(time.Hour))
	c.Profiles[0].Name, c.IMDS.Profile = "d+e=v@x", "d+e=v@x"
	c.IMDS.RoleName = "team/a b:c+1"
	c.IMDS.Region = "us-gov-west-1"
	addr := serve(t, build(t, c), "127.0.0.1:0")
	tok := session(t, addr)
	get := func(path string) map[string]any {
		t.Helper()
		resp, b := do(t, "GET", addr, path, "X-aws-ec2-metadata-token", tok)
		doc := map[string]any{}
		if err := json.Unmarshal([]byte(b), &doc); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s %q", path, resp.Status, b)
		}
		return doc
	}
	_, role := do(t, "GET", addr, "/latest/meta-data/iam/security-credentials/", "X-aws-ec2-metadata-token", tok)
	if role != "team-a-b-c+1" {
		t.Fatalf("role %q", role)
	}
	for _, name := range []string{role, strings.Replace(role, "+", "%2B", 1), strings.Replace(role, "+", "%2b", 1)} {
		doc := get("/latest/meta-data/iam/security-credentials/" + name)
		if doc["Code"] != "Success" || doc["Type"] != "AWS-HMAC" || doc["LastUpdated"] == nil || doc["Expiration"] == nil || doc["AccountId"] != nil || len(doc) != 7 {
			t.Errorf("role document %v", doc)
		}
		doc = get("/latest/meta-data/iam/security-credentials-extended/" + name)
		if doc["Code"] != "Success" || doc["AccountId"] != "123456789012" || len(doc) != 8 {
			t.Errorf("extended document %v", doc)
		}
	}
	if doc := get("/latest/meta-data/iam/info"); doc["Code"] != "Success" || doc["InstanceProfileArn"] != "arn:aws-us-gov:iam::123456789012:instance-profile/team-a-b-c+1" || doc["LastUpdated"] == nil {
		t.Errorf("info %v", doc)
	}
	doc := get("/latest/dynamic/instance-identity/document")
	for k, v := range map[string]any{
		"region": "us-gov-west-1", "availabilityZone": "us-gov-west-1a", "accountId": "123456789012", "version": "2017-09-30",
	} {
		if doc[k] != v {
			t.Errorf("identity document: %s is %v, want %v", k, doc[k], v)
		}
	}
}

func TestWhileThereAreNoCredentials(t *testing.T) {
	for _, x := range []struct {
		err          error
		list, health int
		word         string
	}{{errLogin, 404, 503, "login-required\n"}, {http.ErrServerClosed, 503, 503, "unavailable\n"}, {nil, 200, 200, "ready\n"}} {
		p := newFake(time.Hour)
		if x.err != nil {
			p.fail(x.err)
		}
		addr := serve(t, build(t, config(p)), "127.0.0.1:0")
		tok := session(t, addr)
		for _, path := range []string{"/latest/meta-data/iam/security-credentials/", rolePath, "/latest/meta-data/iam/info"} {
			resp, b := do(t, "GET", addr, path, "X-aws-ec2-metadata-token", tok)
			if resp.StatusCode != x.list || x.list != 200 && strings.Contains(b, "Success") ||
				(resp.Header.Get("X-Amz-Retry-After") != "" && resp.Header.Get("Retry-After") != "") != (x.list == 503) {
				t.Errorf("%v: %s: %s", x.err, path, resp.Status)
			}
		}
		// The region is there all the same.
		for _, path := range []string{"/latest/dynamic/instance-identity/document", "/latest/meta-data/placement/region", "/latest/meta-data/"} {
			if resp, _ := do(t, "GET", addr, path, "X-aws-ec2-metadata-token", tok); resp.StatusCode != 200 {
				t.Errorf("%v: %s: %s", x.err, path, resp.Status)
			}
		}
		if resp, b := do(t, "GET", addr, "/healthz"); resp.StatusCode != x.health || b != x.word {
			t.Errorf("%v: healthz %s %q", x.err, resp.Status, b)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*imds.Config){
		"no profile": func(c *imds.Config) { c.Profiles = nil }, "bad name": func(c *imds.Config) { c.Profiles[0].Name = "a/b" }, "dots": func(c *imds.Config) { c.Profiles[0].Name = ".." },
		"twice": func(c *imds.Config) { c.Profiles[1].Name = "dev" }, "no provider": func(c *imds.Config) { c.Profiles[0].Provider = nil }, "no token": func(c *imds.Config) { c.Profiles[0].BearerToken = "" },
		"short token": func(c *imds.Config) { c.Profiles[0].BearerToken = "CANARY" }, "token with a line end": func(c *imds.Config) { c.Profiles[0].BearerToken = bearer + "\n" },
		"unknown role": func(c *imds.Config) { c.IMDS.Profile = "x" }, "short key": func(c *imds.Config) { c.Key = c.Key[:31] },
		"hint of two lines": func(c *imds.Config) { c.Profiles[0].LoginHint = "a\nb" }, "region of two lines": func(c *imds.Config) { c.IMDS.Region = "a\nb" },
	} {
		c := config(newFake(time.Hour))
		spoil(&c)
		if _, err := imds.New(c); err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), bearer) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Every answer says how long it is, whatever code made it.
func TestAnswersAreCounted(t *testing.T) {
	for _, size := range []int{8, 1700, 1800, 1900, 2000, 2100, 4096} {
		f := newFake(time.Hour)
		f.set(func(context.Context) (aws.Credentials, error) {
			c := creds(1, time.Hour)
			c.SessionToken = canary + strings.Repeat("x", size)
			return c, nil
		})
		addr := serve(t, build(t, config(f)), "127.0.0.1:0")
		resp, doc := do(t, "GET", addr, "/credentials/dev", "Authorization", bearer)
		if resp.ContentLength != int64(len(doc)) || len(doc) < size || resp.TransferEncoding != nil {
			t.Errorf("%d bytes: Content-Length %d, Transfer-Encoding %v", len(doc), resp.ContentLength, resp.TransferEncoding)
		}
	}
}
