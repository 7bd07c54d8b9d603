package kubernetes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"mime"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	issuer       = "https://kubernetes.default.svc.cluster.local"
	agentAccount = "system:serviceaccount:sts-helper:sts-helper"
	reviews      = "/apis/authentication.k8s.io/v1/tokenreviews"
)

// Server is the API server of a test.
type Server struct {
	dir        string
	host, port string
	signing    *ecdsa.PrivateKey
	ended      atomic.Bool
	asked      atomic.Int64
	delay      atomic.Int64
	forbidden  atomic.Bool

	mu       sync.Mutex
	accounts map[string]string // NAMESPACE/NAME and uid
	pods     map[string]pod    // NAMESPACE/NAME
	n        int
}

type pod struct{ uid, account, node string }

// New starts a server on a listener, which may be in another network, until the test ends.
func New(t testing.TB, ln net.Listener) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir(), accounts: map[string]string{}, pods: map[string]pod{}}
	s.host, s.port, _ = net.SplitHostPort(ln.Addr().String())
	s.signing = newKey(t)
	cert, ca := certificate(t, s.host)
	write(t, filepath.Join(s.dir, "ca.crt"), ca)
	s.Account(t, "sts-helper", "sts-helper")
	s.Rotate(t)
	hs := &http.Server{
		Handler: s, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
	}
	go func() { _ = hs.ServeTLS(ln, "", "") }()
	t.Cleanup(func() { _ = hs.Close() })
	return s
}

// Env, Dir, Account, Pod, Token, DeletePod and Forbid are those of [Cluster].
func (s *Server) Env() (host, port string) { return s.host, s.port }

// Dir is that of [Cluster].
func (s *Server) Dir() string { return s.dir }

// Reviews is how many reviews were asked for.
func (s *Server) Reviews() int { return int(s.asked.Load()) }

// Away makes the server answer nothing but 503, as one does whose etcd is gone, or ends that.
func (s *Server) Away(away bool) { s.ended.Store(away) }

// Slow makes each review take a time.
func (s *Server) Slow(d time.Duration) { s.delay.Store(int64(d)) }

// Forbid is that of [Cluster].
func (s *Server) Forbid(_ testing.TB, forbidden bool) { s.forbidden.Store(forbidden) }

// Rotate gives the agent another token, and takes the old one away, as after an hour.
func (s *Server) Rotate(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	s.n++
	s.accounts["sts-helper/sts-helper"] = fmt.Sprintf("uid-%d", s.n) // the old token is one of an account that was deleted
	s.mu.Unlock()
	write(t, filepath.Join(s.dir, "token"), []byte(s.Token(t, "sts-helper", "sts-helper", "", issuer, time.Hour)))
}

// Account is that of [Cluster].
func (s *Server) Account(_ testing.TB, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[namespace+"/"+name] == "" {
		s.n++
		s.accounts[namespace+"/"+name] = fmt.Sprintf("uid-%d", s.n)
	}
}

// Pod is that of [Cluster].
func (s *Server) Pod(t testing.TB, namespace, account, name, node string) {
	s.Account(t, namespace, account)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.pods[namespace+"/"+name] = pod{uid: fmt.Sprintf("uid-%d", s.n), account: account, node: node}
}

// DeletePod is that of [Cluster].
func (s *Server) DeletePod(_ testing.TB, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pods, namespace+"/"+name)
}

// ServeHTTP answers as the API server does: who is not known 401, who may not 403, what is no review 400.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.ended.Load() {
		status(w, http.StatusServiceUnavailable, meta.StatusReasonServiceUnavailable, "the server is currently unable to handle the request")
		return
	}
	own, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	who, _, err := s.authenticate(own, []string{issuer})
	switch {
	case own == "":
		forbid(w, "system:anonymous")
		return
	case err != nil:
		status(w, http.StatusUnauthorized, meta.StatusReasonUnauthorized, "Unauthorized")
		return
	case r.URL.Path != reviews:
		status(w, http.StatusNotFound, meta.StatusReasonNotFound, "the server could not find the requested resource")
		return
	case r.Method != http.MethodPost:
		status(w, http.StatusMethodNotAllowed, meta.StatusReasonMethodNotAllowed, "the server does not allow this method on the requested resource")
		return
	case s.forbidden.Load() || who.Username != agentAccount:
		forbid(w, who.Username)
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		status(w, http.StatusUnsupportedMediaType, meta.StatusReasonUnsupportedMediaType, "the body of the request was in an unknown format")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 3<<20))
	var review authentication.TokenReview
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	switch {
	case err != nil:
		status(w, http.StatusBadRequest, meta.StatusReasonBadRequest, "the object provided is unrecognized: "+err.Error())
		return
	case review.APIVersion != "authentication.k8s.io/v1" || review.Kind != "TokenReview":
		status(w, http.StatusBadRequest, meta.StatusReasonBadRequest, fmt.Sprintf("%s in version %q cannot be handled as a TokenReview", review.Kind, review.APIVersion))
		return
	case review.Spec.Token == "":
		status(w, http.StatusBadRequest, meta.StatusReasonBadRequest, "token is required for TokenReview in authentication")
		return
	}
	s.asked.Add(1)
	time.Sleep(time.Duration(s.delay.Load()))
	wanted := review.Spec.Audiences
	if len(wanted) == 0 {
		wanted = []string{issuer}
	}
	review.Status = authentication.TokenReviewStatus{}
	user, audiences, err := s.authenticate(review.Spec.Token, wanted)
	if err != nil {
		review.Status.Error = err.Error()
	} else {
		review.Status = authentication.TokenReviewStatus{Authenticated: true, User: user, Audiences: audiences}
	}
	answer(w, http.StatusCreated, review)
}

// authenticate is what the authenticator for tokens of service accounts does (k8s.io/kubernetes: pkg/serviceaccount, jwt.go
// and claims.go).
func (s *Server) authenticate(token string, wanted []string) (u authentication.UserInfo, common []string, err error) {
	c, ok := verify(&s.signing.PublicKey, token)
	if !ok || c.Issuer != issuer {
		return u, nil, fmt.Errorf("invalid bearer token")
	}
	for _, a := range c.Audience {
		if slices.Contains(wanted, a) {
			common = append(common, a)
		}
	}
	k := c.Kubernetes
	s.mu.Lock()
	defer s.mu.Unlock()
	switch now := time.Now(); {
	case len(common) == 0:
		return u, nil, fmt.Errorf("[invalid bearer token, token audiences %q is invalid for the target audiences %q]", c.Audience, wanted)
	case now.After(time.Unix(c.Expiry, 0).Add(time.Minute)):
		return u, nil, fmt.Errorf("[invalid bearer token, service account token has expired]")
	case s.accounts[k.Namespace+"/"+k.Account.Name] != k.Account.UID:
		return u, nil, fmt.Errorf("[invalid bearer token, serviceaccounts %q not found]", k.Account.Name)
	case k.Pod.Name != "" && s.pods[k.Namespace+"/"+k.Pod.Name].uid != k.Pod.UID:
		return u, nil, fmt.Errorf("[invalid bearer token, service account token has been invalidated]")
	}
	u = authentication.UserInfo{
		Username: c.Subject, UID: k.Account.UID,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + k.Namespace, "system:authenticated"},
		Extra:  map[string]authentication.ExtraValue{"authentication.kubernetes.io/credential-id": {"JTI=" + c.ID}},
	}
	if k.Pod.Name != "" {
		u.Extra["authentication.kubernetes.io/pod-name"] = authentication.ExtraValue{k.Pod.Name}
		u.Extra["authentication.kubernetes.io/pod-uid"] = authentication.ExtraValue{k.Pod.UID}
		u.Extra["authentication.kubernetes.io/node-name"] = authentication.ExtraValue{k.Node.Name}
		u.Extra["authentication.kubernetes.io/node-uid"] = authentication.ExtraValue{k.Node.UID}
	}
	return u, common, nil
}

func forbid(w http.ResponseWriter, user string) {
	status(w, http.StatusForbidden, meta.StatusReasonForbidden, fmt.Sprintf(`tokenreviews.authentication.k8s.io is forbidden: User %q cannot create resource "tokenreviews" in API group "authentication.k8s.io" at the cluster scope`, user))
}

func status(w http.ResponseWriter, code int, reason meta.StatusReason, message string) {
	answer(w, code, meta.Status{
		TypeMeta: meta.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   meta.StatusFailure, Message: message, Reason: reason, Code: int32(code),
	})
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// certificate is one for an address, and the authority that signed it, in PEM.
func certificate(t testing.TB, host string) (tls.Certificate, []byte) {
	t.Helper()
	caKey, key := newKey(t), newKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.ParseIP(host)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// write replaces a file as the kubelet does: by another of that name.
func write(t testing.TB, path string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(path+".new", data, 0o644))
	must(t, os.Rename(path+".new", path))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
