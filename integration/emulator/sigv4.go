package emulator

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	amzDate    = "20060102T150405Z"
	maxSkew    = 5 * time.Minute
	maxPresign = 7 * 24 * time.Hour
)

// signature is what a request says about how it was signed.
type signature struct {
	keyID    string
	scope    []string // key id, date, region, service, terminator
	headers  []string // SignedHeaders
	hex      string
	date     string        // X-Amz-Date
	token    string        // X-Amz-Security-Token
	presign  bool          // in the query string
	lifetime time.Duration // of a presigned request
}

// isSigned says whether a request carries any sign of a signature.
func isSigned(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.Header.Get("X-Amz-Security-Token") != "" || r.URL.Query().Has("X-Amz-Signature")
}

// scopeOf is the credential scope without any judgement; nil when there is none.
func scopeOf(r *http.Request) []string {
	if cred := r.URL.Query().Get("X-Amz-Credential"); cred != "" {
		return strings.Split(cred, "/")
	}
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if rest == "" {
		return nil
	}
	cred, _, _ := strings.Cut(rest, ",")
	return strings.Split(strings.TrimSpace(cred), "/")
}

// authenticate recomputes the signature and finds out who the caller is. The rules
// are those of "Signature Version 4 signing process" in the AWS General Reference.
func (e *Emulator) authenticate(c *call) *apiError {
	sig, err := readSignature(c)
	if err != nil {
		return err
	}
	if err := e.checkScope(c, sig); err != nil {
		return err
	}
	who, secret, err := e.lookupKey(c, sig)
	if err != nil {
		return err
	}
	if err := checkSigned(c.http, sig); err != nil {
		return err
	}
	hash, err := payloadHash(c, sig)
	if err != nil {
		return err
	}
	want := sign(secret, sig, canonicalRequest(c, sig, hash))
	if subtle.ConstantTimeCompare([]byte(want), []byte(sig.hex)) != 1 {
		return mismatch("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	if err := checkDate(c, sig); err != nil {
		return err
	}
	if who.session != nil && !c.now.Before(who.session.Expiration) {
		if c.service == "ec2" {
			return refuse(400, "RequestExpired", "Request has expired.")
		}
		return refuse(403, "ExpiredToken", "The security token included in the request is expired")
	}
	c.who = who
	return nil
}

func mismatch(format string, args ...any) *apiError {
	return refuse(403, "SignatureDoesNotMatch", format, args...)
}

func readSignature(c *call) (*signature, *apiError) {
	r := c.http
	q := r.URL.Query()
	if q.Has("X-Amz-Signature") {
		return readPresigned(q)
	}
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return nil, refuse(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	alg, rest, _ := strings.Cut(auth, " ")
	if alg != algorithm {
		return nil, refuse(400, "IncompleteSignature", "Unsupported AWS 'algorithm': '%s'.", alg)
	}
	return parseAuthorization(r, rest)
}

// parseAuthorization reads what follows the algorithm in the Authorization header.
func parseAuthorization(r *http.Request, rest string) (*signature, *apiError) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[k]; !ok || twice {
			return nil, refuse(400, "IncompleteSignature", "'%s' not a valid key=value pair (missing equal-sign) in Authorization header.", k)
		}
		fields[k] = v
	}
	var missing strings.Builder
	for _, k := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[k] == "" {
			missing.WriteString("Authorization header requires '" + k + "' parameter. ")
		}
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" {
		missing.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if missing.Len() > 0 {
		return nil, refuse(400, "IncompleteSignature", "%s", strings.TrimSpace(missing.String()))
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if len(r.Header.Values(name)) > 1 {
			return nil, refuse(400, "IncompleteSignature", "%s header is given more than once.", name)
		}
	}
	return finishSignature(&signature{
		scope:   strings.Split(fields["Credential"], "/"),
		headers: strings.Split(fields["SignedHeaders"], ";"),
		hex:     fields["Signature"],
		date:    date,
		token:   r.Header.Get("X-Amz-Security-Token"),
	})
}

// readPresigned reads a signature from the query string, as "aws eks get-token" makes it.
func readPresigned(q url.Values) (*signature, *apiError) {
	if alg := q.Get("X-Amz-Algorithm"); alg != algorithm {
		return nil, refuse(400, "IncompleteSignature", "Unsupported AWS 'algorithm': '%s'.", alg)
	}
	for _, k := range []string{"X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"} {
		if q.Get(k) == "" && k != "X-Amz-Expires" {
			return nil, refuse(400, "IncompleteSignature", "AWS query-string parameters must include '%s'. Re-examine the query-string parameters.", k)
		}
	}
	life := 15 * time.Minute
	if s := q.Get("X-Amz-Expires"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || time.Duration(n)*time.Second > maxPresign {
			return nil, refuse(400, "IncompleteSignature", "X-Amz-Expires must be between 1 and 604800 seconds")
		}
		life = time.Duration(n) * time.Second
	}
	return finishSignature(&signature{
		scope:    strings.Split(q.Get("X-Amz-Credential"), "/"),
		headers:  strings.Split(q.Get("X-Amz-SignedHeaders"), ";"),
		hex:      q.Get("X-Amz-Signature"),
		date:     q.Get("X-Amz-Date"),
		token:    q.Get("X-Amz-Security-Token"),
		presign:  true,
		lifetime: life,
	})
}

func finishSignature(s *signature) (*signature, *apiError) {
	if len(s.scope) != 5 {
		return nil, refuse(400, "IncompleteSignature", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", strings.Join(s.scope, "/"))
	}
	s.keyID = s.scope[0]
	return s, nil
}

func (e *Emulator) checkScope(c *call, s *signature) *apiError {
	at, err := time.Parse(amzDate, s.date)
	if err != nil {
		return refuse(400, "IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", s.date)
	}
	if s.scope[4] != "aws4_request" {
		return mismatch("Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", s.scope[4])
	}
	if s.scope[3] != c.service {
		return mismatch("Credential should be scoped to correct service: '%s'. ", c.service)
	}
	region := s.scope[2]
	if region == "" || strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || e.region != "" && region != e.region {
		return mismatch("Credential should be scoped to a valid region. ")
	}
	if day := at.Format("20060102"); s.scope[1] != day {
		return mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", s.scope[1], day, s.date)
	}
	return nil
}

func checkDate(c *call, s *signature) *apiError {
	at, _ := time.Parse(amzDate, s.date) // checkScope has parsed it
	now := c.now.UTC()
	if s.presign && now.After(at.Add(s.lifetime)) {
		return refuse(400, "RequestExpired", "Request has expired.")
	}
	if now.After(at.Add(maxSkew)) && !s.presign {
		if c.service == "ec2" {
			return refuse(400, "RequestExpired", "Request has expired.")
		}
		return mismatch("Signature expired: %s is now earlier than %s (%s - 5 min.)", s.date, now.Add(-maxSkew).Format(amzDate), now.Format(amzDate))
	}
	if at.After(now.Add(maxSkew)) {
		return mismatch("Signature not yet current: %s is still later than %s (%s + 5 min.)", s.date, now.Add(maxSkew).Format(amzDate), now.Format(amzDate))
	}
	return nil
}

// lookupKey finds the credentials that the signature names. A session's token must be
// the one that was given out with its key.
func (e *Emulator) lookupKey(c *call, s *signature) (principal, string, *apiError) {
	unknown := invalidClientToken()
	if c.service == "ec2" {
		unknown = refuse(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
	}
	if k, ok := e.keys[s.keyID]; ok {
		if s.token != "" || k.inactive {
			return principal{}, "", unknown
		}
		if k.unknownFor > 0 {
			k.unknownFor--
			return principal{}, "", unknown
		}
		return principal{keyID: s.keyID, user: k.user}, k.secret, nil
	}
	ses := e.sessions[s.keyID]
	if ses == nil || subtle.ConstantTimeCompare([]byte(ses.token), []byte(s.token)) != 1 {
		return principal{}, "", unknown
	}
	return principal{keyID: s.keyID, user: ses.user, session: ses}, ses.secret, nil
}

// checkSigned demands that the headers which matter are under the signature.
func checkSigned(r *http.Request, s *signature) *apiError {
	if !slices.IsSorted(s.headers) || len(slices.Compact(slices.Clone(s.headers))) != len(s.headers) {
		return mismatch("SignedHeaders '%s' must be sorted and without repetition.", strings.Join(s.headers, ";"))
	}
	if !slices.Contains(s.headers, "host") {
		return mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(s.headers, lower) {
			return mismatch("'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}

// canonicalRequest is step 1 of the signing process. S3's path is encoded once; the paths of
// other services that come this far need no encoding.
func canonicalRequest(c *call, s *signature, payloadHash string) string {
	path := strings.Split(c.http.URL.Path, "/")
	for i := range path {
		path[i] = uriEncode(path[i])
	}
	var b strings.Builder
	b.WriteString(c.http.Method + "\n" + strings.Join(path, "/") + "\n" + canonicalQuery(c.http.URL.Query()) + "\n")
	for _, name := range s.headers {
		b.WriteString(name + ":" + headerValue(c.http, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(s.headers, ";") + "\n" + payloadHash)
	return b.String()
}

// canonicalQuery sorts by encoded name, then by encoded value.
func canonicalQuery(q url.Values) string {
	type pair struct{ name, value string }
	var pairs []pair
	for k, vs := range q {
		if k == "X-Amz-Signature" {
			continue
		}
		for _, v := range vs {
			pairs = append(pairs, pair{uriEncode(k), uriEncode(v)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

func uriEncode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		ch := s[i]
		if ch < 0x80 && (isWord(rune(ch)) || ch == '-' || ch == '.' || ch == '~') {
			b.WriteByte(ch)
		} else {
			b.Write([]byte{'%', digits[ch>>4], digits[ch&15]})
		}
	}
	return b.String()
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host // net/http takes it out of the headers
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

// sign is steps 2 and 3: the string to sign, the derived key, the signature.
func sign(secret string, s *signature, canonical string) string {
	return signText(secret, s, textToSign(algorithm, s, canonical))
}

func signText(secret string, s *signature, text string) string {
	key := []byte("AWS4" + secret)
	for _, part := range s.scope[1:] {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func textToSign(algorithm string, s *signature, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return algorithm + "\n" + s.date + "\n" + strings.Join(s.scope[1:], "/") + "\n" + hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
