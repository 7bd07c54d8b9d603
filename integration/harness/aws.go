package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// EC2 is the status of an operation of the emulated EC2 that credentials ask for.
func (w *World) EC2(t testing.TB, d Document, operation string) int {
	t.Helper()
	body := url.Values{"Action": {operation}, "Version": {"2016-11-15"}}.Encode()
	return w.signed(t, d, "ec2", http.MethodPost, "/", body)
}

// S3 is the status of a request of the emulated S3, of the path style.
func (w *World) S3(t testing.TB, d Document, method, path string) int {
	t.Helper()
	return w.signed(t, d, "s3", method, path, "")
}

func (w *World) signed(t testing.TB, d Document, service, method, path, body string) int {
	t.Helper()
	req, err := http.NewRequest(method, w.STS.URL()+path, strings.NewReader(body))
	Must(t, err)
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	if service == "s3" {
		req.Header.Set("X-Amz-Content-Sha256", hash)
	}
	creds := aws.Credentials{AccessKeyID: d.AccessKeyId, SecretAccessKey: d.SecretAccessKey, SessionToken: d.SessionToken}
	Must(t, v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).
		SignHTTP(context.Background(), creds, req, hash, service, "eu-west-1", w.STS.Now()))
	resp, err := HTTPClient.Do(req)
	Must(t, err)
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	Must(t, err)
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusForbidden {
		t.Fatalf("%s %s %s: %d at %s", service, method, path, resp.StatusCode, w.STS.Now().Format(time.RFC3339))
	}
	return resp.StatusCode
}
