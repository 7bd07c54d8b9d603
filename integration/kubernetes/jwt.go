package kubernetes

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

// claims are those of a token of a service account (k8s.io/kubernetes: pkg/serviceaccount/claims.go).
type claims struct {
	Audience   []string `json:"aud"`
	Expiry     int64    `json:"exp"`
	IssuedAt   int64    `json:"iat"`
	ID         string   `json:"jti"`
	Issuer     string   `json:"iss"`
	NotBefore  int64    `json:"nbf"`
	Subject    string   `json:"sub"`
	Kubernetes struct {
		Namespace string `json:"namespace"`
		Node      ref    `json:"node,omitzero"`
		Pod       ref    `json:"pod,omitzero"`
		Account   ref    `json:"serviceaccount"`
	} `json:"kubernetes.io"`
}

type ref struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// Token is that of [Cluster].
func (s *Server) Token(t testing.TB, namespace, account, podName, audience string, life time.Duration) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.n++
	c := claims{
		Audience: []string{audience}, Expiry: now.Add(life).Unix(), IssuedAt: now.Unix(), NotBefore: now.Unix(), Issuer: issuer,
		ID: fmt.Sprintf("CANARY-%d", s.n), Subject: "system:serviceaccount:" + namespace + ":" + account,
	}
	c.Kubernetes.Namespace = namespace
	c.Kubernetes.Account = ref{account, s.accounts[namespace+"/"+account]}
	if podName != "" {
		p, ok := s.pods[namespace+"/"+podName]
		if !ok || p.account != account {
			t.Fatalf("there is no pod %s of %s/%s", podName, namespace, account)
		}
		c.Kubernetes.Pod = ref{podName, p.uid}
		c.Kubernetes.Node = ref{p.node, "uid-of-" + p.node}
	}
	return sign(t, s.signing, []byte(`{"alg":"ES256","kid":"test"}`), c)
}

// sign is a token with claims, under a header that says by which key.
func sign(t testing.TB, key *ecdsa.PrivateKey, header []byte, c any) string {
	t.Helper()
	body, err := json.Marshal(c)
	must(t, err)
	text := encode(header) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, key, sum[:])
	must(t, err)
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return text + "." + encode(signature)
}

// verify reads a token that was signed with the key.
func verify(key *ecdsa.PublicKey, token string) (c claims, ok bool) {
	end := strings.LastIndexByte(token, '.')
	if end < 0 {
		return c, false
	}
	_, body, _ := strings.Cut(token[:end], ".")
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	sum := sha256.Sum256([]byte(token[:end]))
	if err != nil || len(signature) != 64 || !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return c, false
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	return c, err == nil && json.Unmarshal(b, &c) == nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
