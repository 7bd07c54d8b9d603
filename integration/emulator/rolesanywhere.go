package emulator

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TrustAnchor is an authority that IAM Roles Anywhere trusts in an account, with a
// profile that lets its certificates take roles.
type TrustAnchor struct {
	ARN        string
	ProfileARN string

	account string
	region  string
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	roles   []string // ARNs that the profile lists
	next    int64    // serial number
}

// rolesAnywhereService is whom a role must trust.
const rolesAnywhereService = "rolesanywhere.amazonaws.com"

// AddTrustAnchor makes an authority that an account trusts, and a profile that lists
// roles by ARN. The roles must trust "rolesanywhere.amazonaws.com".
func (e *Emulator) AddTrustAnchor(account, region string, roleARNs ...string) *TrustAnchor {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	now := e.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "trust anchor"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca = sign509(ca, ca, &key.PublicKey, key)
	prefix := "arn:aws:rolesanywhere:" + region + ":" + account + ":"
	a := &TrustAnchor{ARN: prefix + "trust-anchor/" + newRequestID(), ProfileARN: prefix + "profile/" + newRequestID(),
		account: account, region: region, cert: ca, key: key, roles: roleARNs, next: 2}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.anchors = append(e.anchors, a)
	return a
}

func sign509(tmpl, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, key)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return cert
}

// Issue signs a certificate for a key, good from an hour ago until notAfter. With
// intermediate it comes from an authority below the anchor, whose certificate is chain.
func (a *TrustAnchor) Issue(name string, pub crypto.PublicKey, notAfter time.Time, intermediate bool) (cert, chain []byte) {
	issuer, key := a.cert, a.key
	if intermediate {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic("emulator: " + err.Error())
		}
		a.next++
		issuer = sign509(&x509.Certificate{SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: "intermediate"}, NotBefore: a.cert.NotBefore,
			NotAfter: a.cert.NotAfter, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, a.cert, &k.PublicKey, a.key)
		key, chain = k, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Raw})
	}
	a.next++
	leaf := sign509(&x509.Certificate{SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: name}, NotBefore: a.cert.NotBefore,
		NotAfter: notAfter, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature}, issuer, pub, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), chain
}

// createSession trades a signature made with a certificate's key for credentials. The
// rules are those of "The IAM Roles Anywhere authentication signing process" in its
// user guide.
func (e *Emulator) createSession(c *call) (*result, *apiError) {
	cert, err := e.authenticate509(c)
	if err != nil {
		return nil, err
	}
	anchor := e.anchor(c.form.Get("trustAnchorArn"))
	if anchor == nil {
		return nil, refuse(404, "ResourceNotFoundException", "Trust anchor not found")
	}
	if err := trusted509(c, cert, anchor); err != nil {
		return nil, err
	}
	role := e.roles[c.form.Get("roleArn")]
	switch {
	case c.region != anchor.region:
		return nil, refuse(403, "AccessDeniedException", "Credential should be scoped to a valid region. ")
	case c.form.Get("profileArn") != anchor.ProfileARN:
		return nil, refuse(404, "ResourceNotFoundException", "Profile not found")
	case role == nil || !slices.Contains(anchor.roles, role.ARN) || !slices.Contains(role.Trusted, rolesAnywhereService):
		return nil, refuse(403, "AccessDeniedException", "Unable to assume role for %s", c.form.Get("roleArn"))
	}
	seconds, bad := strconv.Atoi(cmp.Or(c.form.Get("durationSeconds"), "3600"))
	if bad != nil || seconds < 900 || seconds > 43200 {
		return nil, refuse(400, "ValidationException", "durationSeconds must be 900 to 43200")
	}
	life := min(seconds, role.MaxSessionDuration)
	name := cmp.Or(c.form.Get("roleSessionName"), cert.SerialNumber.Text(16))
	s := e.issue(c, &session{role: role, Identity: Identity{
		Account: role.Account, ARN: "arn:aws:sts::" + role.Account + ":assumed-role/" + role.Name + "/" + name,
		UserID: role.RoleID + ":" + name, RoleARN: role.ARN, RoleSessionName: name, SourceIdentity: "CN=" + cert.Subject.CommonName,
	}}, time.Duration(life)*time.Second)
	subject := "arn:aws:rolesanywhere:" + anchor.region + ":" + anchor.account + ":subject/" + newRequestID()
	return &result{Credentials: s.credentials(), status: 201, json: func(r *result) any { return sessionDocument(r, s, subject) }}, nil
}

func sessionDocument(r *result, s *session, subject string) any {
	set := []any{}
	if c := r.Credentials; c != nil {
		expiration := c.Expiration
		if at, err := time.Parse(timeFormat, expiration); err == nil {
			expiration = at.Format(time.RFC3339)
		}
		set = append(set, map[string]any{
			"assumedRoleUser": map[string]string{"arn": s.ARN, "assumedRoleId": s.UserID},
			"credentials": map[string]string{"accessKeyId": c.AccessKeyId, "secretAccessKey": c.SecretAccessKey,
				"sessionToken": c.SessionToken, "expiration": expiration},
			"packedPolicySize": 10, "roleArn": s.RoleARN, "sourceIdentity": s.SourceIdentity,
		})
	}
	return map[string]any{"credentialSet": set, "subjectArn": subject}
}

func (e *Emulator) anchor(arn string) *TrustAnchor {
	for _, a := range e.anchors {
		if a.ARN == arn {
			return a
		}
	}
	return nil
}

// authenticate509 checks the signature against the certificate that comes with it.
func (e *Emulator) authenticate509(c *call) (*x509.Certificate, *apiError) {
	certs, ok := read509(c.http, "X-Amz-X509")
	if !ok || len(certs) != 1 {
		return nil, refuse(403, "AccessDeniedException", "X-Amz-X509 must hold one certificate")
	}
	cert := certs[0]
	alg, rest, _ := strings.Cut(c.http.Header.Get("Authorization"), " ")
	want := map[x509.PublicKeyAlgorithm]string{x509.RSA: "AWS4-X509-RSA-SHA256", x509.ECDSA: "AWS4-X509-ECDSA-SHA256"}[cert.PublicKeyAlgorithm]
	if alg != want {
		return nil, refuse(403, "AccessDeniedException", "the algorithm must be %s", want)
	}
	sig, err := parseAuthorization(c.http, rest)
	if err != nil {
		return nil, err
	}
	if sig.keyID != cert.SerialNumber.String() {
		return nil, refuse(403, "AccessDeniedException", "Credential must begin with the certificate's serial number, in decimal")
	}
	if err := e.checkScope(c, sig); err != nil {
		return nil, err
	}
	if err := checkSigned(c.http, sig); err != nil {
		return nil, err
	}
	if !slices.Contains(sig.headers, "content-type") {
		return nil, mismatch("content-type must be signed")
	}
	raw, bad := hex.DecodeString(sig.hex)
	hash, _ := payloadHash(c, sig) // fails for S3 only
	if bad != nil || !verify509(cert, textToSign(alg, sig, canonicalRequest(c, sig, hash)), raw) {
		return nil, mismatch("The request signature we calculated does not match the signature you provided.")
	}
	if err := checkDate(c, sig); err != nil {
		return nil, err
	}
	return cert, nil
}

func verify509(cert *x509.Certificate, text string, sig []byte) bool {
	sum := sha256.Sum256([]byte(text))
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], sig)
	}
	return false
}

// trusted509 follows the chain from a certificate to the anchor's.
func trusted509(c *call, cert *x509.Certificate, anchor *TrustAnchor) *apiError {
	between, ok := read509(c.http, "X-Amz-X509-Chain")
	if !ok || len(between) > 5 {
		return refuse(403, "AccessDeniedException", "X-Amz-X509-Chain holds at most 5 certificates")
	}
	opts := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: c.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	opts.Roots.AddCert(anchor.cert)
	for _, b := range between {
		opts.Intermediates.AddCert(b)
	}
	if _, err := cert.Verify(opts); err != nil || cert.IsCA || cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return refuse(403, "AccessDeniedException", "Untrusted signing certificate")
	}
	return nil
}

// read509 reads a header of certificates in base64, with commas between them.
func read509(r *http.Request, header string) ([]*x509.Certificate, bool) {
	text := r.Header.Get(header)
	if text == "" {
		return nil, true
	}
	var certs []*x509.Certificate
	for part := range strings.SplitSeq(text, ",") {
		der, err := base64.StdEncoding.DecodeString(part)
		if err != nil {
			return nil, false
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, false
		}
		certs = append(certs, cert)
	}
	return certs, true
}
