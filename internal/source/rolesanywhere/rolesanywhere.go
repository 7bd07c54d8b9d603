// Package rolesanywhere gets a role's credentials from IAM Roles Anywhere for a certificate and
// its private key, both from PEM files.
//
// The request is signed as the page "The IAM Roles Anywhere authentication signing process" of
// its user guide says: Signature Version 4's canonical form under the certificate's key.
package rolesanywhere

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
	"github.com/sts-helper/sts-helper/token"
)

// maxFile bounds a PEM file, maxChain the certificates of a chain, which AWS allows.
const (
	maxFile  = 1 << 20
	maxChain = 5
)

// Identity is a certificate with its private key, and the certificates between it and the trust
// anchor's authority.
type Identity struct {
	cert  *x509.Certificate
	chain []*x509.Certificate
	key   crypto.Signer
}

// NotAfter is the certificate's end.
func (id *Identity) NotAfter() time.Time { return id.cert.NotAfter }

// Load reads a certificate, its key (PKCS #8, SEC 1 or PKCS #1, unencrypted) and, where chain is
// not empty, the certificates between. Certificates that follow the first in its own file are
// taken for the chain, too. Errors name the file and never what it holds.
func Load(cert, key, chain string) (*Identity, error) {
	certs, err := readCertificates(cert)
	if err != nil {
		return nil, err
	}
	id := &Identity{cert: certs[0], chain: certs[1:]}
	if chain != "" {
		more, err := readCertificates(chain)
		if err != nil {
			return nil, err
		}
		id.chain = append(id.chain, more...)
	}
	if len(id.chain) > maxChain {
		return nil, fmt.Errorf("%s: %d certificates between, IAM Roles Anywhere takes at most %d", cert, len(id.chain), maxChain)
	}
	if id.key, err = readKey(key); err != nil {
		return nil, err
	}
	if pub, ok := id.key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(id.cert.PublicKey) {
		return nil, fmt.Errorf("%s is not the key of the certificate %s", key, cert)
	}
	return id, nil
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	data, _, err := safefile.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue // a file may hold the key, too
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d cannot be read", path, len(certs)+1)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s: holds no PEM certificate", path)
	}
	return certs, nil
}

func readKey(path string) (crypto.Signer, error) {
	data, _, err := safefile.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, fmt.Errorf("%s: the private key is encrypted, which is not supported", path)
		default:
			continue // certificates, EC PARAMETERS
		}
		switch {
		case block.Headers["DEK-Info"] != "":
			return nil, fmt.Errorf("%s: the private key is encrypted, which is not supported", path)
		case err != nil:
			return nil, fmt.Errorf("%s: the private key cannot be read", path)
		}
		switch k := key.(type) {
		case *rsa.PrivateKey:
			return k, nil
		case *ecdsa.PrivateKey:
			return k, nil
		}
		return nil, fmt.Errorf("%s: the private key is neither RSA nor ECDSA", path)
	}
	return nil, fmt.Errorf("%s: holds no PEM private key", path)
}

// Request is what to ask for. AWS names the role session after the certificate's serial number, and lets it live for an
// hour, or as long as the role and the profile allow.
type Request struct{ TrustAnchorARN, ProfileARN, RoleARN string }

// Region is that of the trust anchor, where the request must be sent.
func (r Request) Region() string {
	a, _ := awsname.ParseARN(r.TrustAnchorARN)
	return a.Region
}

// Endpoint is where AWS has Roles Anywhere in a region.
func Endpoint(region string) string {
	return "https://rolesanywhere." + region + "." + awsname.PartitionOf(region).DNSSuffix
}

// CreateSession asks for a role's credentials. Refusals are an [*oauth.Error].
func CreateSession(ctx context.Context, transport http.RoundTripper, endpoint, userAgent string, id *Identity, r Request) (token.Credentials, error) {
	text, err := json.Marshal(map[string]string{"trustAnchorArn": r.TrustAnchorARN, "profileArn": r.ProfileARN, "roleArn": r.RoleARN})
	if err != nil {
		return token.Credentials{}, err
	}
	header, err := id.sign(endpoint, r.Region(), text, time.Now())
	if err != nil {
		return token.Credentials{}, err
	}
	header["User-Agent"] = userAgent
	var out struct {
		CredentialSet []struct {
			Credentials struct {
				AccessKeyID     string    `json:"accessKeyId"`
				SecretAccessKey string    `json:"secretAccessKey"`
				SessionToken    string    `json:"sessionToken"`
				Expiration      time.Time `json:"expiration"`
			} `json:"credentials"`
		} `json:"credentialSet"`
	}
	req := oauth.Request{URL: endpoint + "/sessions", Header: header, Body: json.RawMessage(text)}
	if err := req.Do(ctx, transport, &out); err != nil {
		return token.Credentials{}, err
	}
	if len(out.CredentialSet) == 1 {
		got := out.CredentialSet[0].Credentials
		c := token.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken,
			CanExpire: true, Expires: got.Expiration.UTC(), AccountID: token.AccountFromARN(r.RoleARN)}
		if c.ValidSession() && !got.Expiration.IsZero() {
			return c, nil
		}
	}
	return token.Credentials{}, errors.New("the answer of IAM Roles Anywhere has no whole credentials")
}

// sign makes the headers of a signed request.
func (id *Identity) sign(endpoint, region string, body []byte, now time.Time) (map[string]string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, errors.New("the endpoint is not a URL")
	}
	algorithm := "AWS4-X509-ECDSA-SHA256"
	if _, ok := id.key.(*rsa.PrivateKey); ok {
		algorithm = "AWS4-X509-RSA-SHA256"
	}
	date := now.UTC().Format("20060102T150405Z")
	signed := []struct{ name, value string }{ // sorted
		{"content-type", "application/json"}, {"host", u.Host}, {"x-amz-date", date},
		{"x-amz-x509", base64.StdEncoding.EncodeToString(id.cert.Raw)},
	}
	if len(id.chain) > 0 {
		var b strings.Builder
		for i, c := range id.chain {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(base64.StdEncoding.EncodeToString(c.Raw))
		}
		signed = append(signed, struct{ name, value string }{"x-amz-x509-chain", b.String()})
	}
	var canonical bytes.Buffer
	canonical.WriteString("POST\n" + u.EscapedPath() + "/sessions\n\n")
	var names []string
	header := map[string]string{}
	for _, h := range signed {
		canonical.WriteString(h.name + ":" + h.value + "\n")
		names = append(names, h.name)
		if h.name != "host" {
			header[h.name] = h.value
		}
	}
	canonical.WriteString("\n" + strings.Join(names, ";") + "\n" + hash(body))
	scope := date[:8] + "/" + region + "/rolesanywhere/aws4_request"
	sum := sha256.Sum256([]byte(algorithm + "\n" + date + "\n" + scope + "\n" + hash(canonical.Bytes())))
	sig, err := id.key.Sign(rand.Reader, sum[:], crypto.SHA256) // PKCS #1 v1.5, or ASN.1
	if err != nil {
		return nil, errors.New("the private key could not sign")
	}
	header["Authorization"] = algorithm + " Credential=" + id.cert.SerialNumber.String() + "/" + scope +
		", SignedHeaders=" + strings.Join(names, ";") + ", Signature=" + hex.EncodeToString(sig)
	return header, nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
