package harness

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// Answer is one answer of the endpoint.
type Answer struct {
	Status int
	Body   string
	Header http.Header
}

// Document reads credentials as container clients and IMDS clients do.
func (a Answer) Document(t testing.TB) (d struct {
	Code, AccessKeyId, SecretAccessKey, Token, Expiration, AccountId, RoleArn string
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &d); err != nil {
		t.Fatalf("%d %q: %v", a.Status, a.Body, err)
	}
	return d
}

// HTTPClient asks no proxy and follows no redirect.
var HTTPClient = &http.Client{
	Transport:     &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       Patience,
}

// headerTime is how long the server waits for the headers of a request.
const headerTime = 2 * time.Second

// Do sends a request that must be answered; header has names and values in turn.
func (s *Server) Do(t testing.TB, method, url string, header ...string) Answer {
	t.Helper()
	start := time.Now()
	a, err := Request(method, url, header...)
	if errors.Is(err, io.EOF) && time.Since(start) >= headerTime {
		// On a very busy machine this process did not get to write its request in time. Clients try again, too. What
		// the server closes sooner, it closes for another reason.
		a, err = Request(method, url, header...)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

// Request sends a request; header has names and values in turn.
func Request(method, url string, header ...string) (Answer, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return Answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := HTTPClient.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, string(b), resp.Header}, err
}

// Bearer is what the token file holds.
func (s *Server) Bearer(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	Must(t, err)
	return string(b)
}

// Container asks the container path of a profile.
func (s *Server) Container(t testing.TB, name string) Answer {
	t.Helper()
	return s.Do(t, "GET", s.Base+"/credentials/"+name, "Authorization", s.Bearer(t))
}

// Creds are the credentials of a profile, which must be there, whole and alive.
func (s *Server) Creds(t testing.TB, name string) (id string) {
	t.Helper()
	a := s.Container(t, name)
	d := a.Document(t)
	if a.Status != 200 || !s.World.STS.Owns(d.AccessKeyId, d.SecretAccessKey, d.Token) {
		t.Fatalf("%d %.60q", a.Status, a.Body)
	}
	return d.AccessKeyId
}

// Session gets an IMDSv2 session token.
func (s *Server) Session(t testing.TB) string {
	t.Helper()
	a := s.Do(t, "PUT", s.Base+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "21600")
	if a.Status != 200 {
		t.Fatalf("no session token: %d %s", a.Status, a.Body)
	}
	return a.Body
}

// Metadata asks a path below /latest with a session token.
func (s *Server) Metadata(t testing.TB, session, path string) Answer {
	t.Helper()
	return s.Do(t, "GET", s.Base+"/latest/"+path, "X-aws-ec2-metadata-token", session)
}

// RolePath is where the metadata service lists its role, and below it the credentials.
const RolePath = "meta-data/iam/security-credentials/"
