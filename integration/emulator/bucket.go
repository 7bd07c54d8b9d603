package emulator

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxObject is the largest body that S3 takes here.
const maxObject = 16 << 20

// S3 is a little of Amazon S3 that keeps what it is given, as strict about who asks as the rest: buckets in one
// region, whose objects are in memory. It answers to an [Emulator]'s keys and sessions, by path only, writes every
// request into the emulator's log, and is an [http.Handler] with a listener of its own, because a
// request without a signature does not say for which service it is.
type S3 struct {
	e      *Emulator
	region string

	mu      sync.Mutex
	buckets map[string]map[string]object
}

type object struct {
	body []byte
	at   time.Time
}

// NewS3 makes an S3 with these empty buckets in a region.
func (e *Emulator) NewS3(region string, buckets ...string) *S3 {
	s := &S3{e: e, region: region, buckets: map[string]map[string]object{}}
	for _, b := range buckets {
		s.buckets[b] = map[string]object{}
	}
	return s
}

// Put puts an object into a bucket, as PutObject does.
func (s *S3) Put(bucket, key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[bucket][key] = object{body, s.e.Now()}
}

// bucketCall is a request that is known to be one of S3's operations.
type bucketCall struct {
	*call
	bucket, key string
	w           http.ResponseWriter
}

// bucketOperation is what a request asks for, and the permission that it takes.
type bucketOperation struct {
	name, action string
	run          func(*S3, *bucketCall) *apiError
}

// operation finds it by method and path; subresources that are not here are unknown, not something else.
func (s *S3) operation(c *bucketCall) (bucketOperation, bool) {
	q := c.http.URL.Query()
	what, sub := c.http.Method+" service", ""
	switch {
	case c.key != "":
		what = c.http.Method + " object"
	case c.bucket != "":
		what = c.http.Method + " bucket"
	}
	for _, k := range []string{"acl", "delete", "location", "policy", "tagging", "uploads", "uploadId", "versioning", "versions"} {
		if q.Has(k) {
			sub = "?" + k
		}
	}
	switch what + sub {
	case "GET service":
		return bucketOperation{"ListBuckets", "s3:ListAllMyBuckets", (*S3).listBuckets}, true
	case "HEAD bucket":
		return bucketOperation{"HeadBucket", "s3:ListBucket", func(*S3, *bucketCall) *apiError { return nil }}, true
	case "GET bucket?location":
		return bucketOperation{"GetBucketLocation", "s3:GetBucketLocation", (*S3).location}, true
	case "GET bucket":
		return bucketOperation{"ListObjects", "s3:ListBucket", (*S3).list}, true
	case "GET object":
		return bucketOperation{"GetObject", "s3:GetObject", (*S3).get}, true
	case "HEAD object":
		return bucketOperation{"HeadObject", "s3:GetObject", (*S3).get}, true
	case "PUT object":
		return bucketOperation{"PutObject", "s3:PutObject", (*S3).put}, true
	case "DELETE object":
		return bucketOperation{"DeleteObject", "s3:DeleteObject", (*S3).remove}, true
	}
	return bucketOperation{}, false
}

func (s *S3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxObject))
	if err != nil {
		http.Error(w, "request body: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	c := &bucketCall{call: &call{http: r, body: body, now: s.e.Now(), requestID: newRequestID(), service: "s3", chunks: true}, w: w}
	c.bucket, c.key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	op, known := s.operation(c)
	c.op = op.name
	if scope := scopeOf(r); len(scope) == 5 {
		c.region = scope[2]
	}
	c.entry = s.e.book.arrive(c.call)
	defer s.e.book.leave(c.entry)
	w.Header().Set("X-Amz-Request-Id", c.requestID)
	w.Header().Set("Date", c.now.UTC().Format(http.TimeFormat))
	refusal := s.serve(c, op, known)
	if refusal == nil {
		s.e.book.settle(c.entry, reply{status: http.StatusOK})
		return
	}
	s.e.book.settle(c.entry, reply{status: refusal.status, err: refusal})
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(refusal.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, s3Error(escape(refusal.code), escape(refusal.message), c.requestID))
	}
}

// serve does what is asked, or refuses in S3's words.
func (s *S3) serve(c *bucketCall, op bucketOperation, known bool) *apiError {
	if !known {
		return refuse(http.StatusNotImplemented, "NotImplemented", "A header or query you provided requested a function that is not implemented.")
	}
	if err := s.authenticate(c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.buckets[c.bucket]; !ok && c.bucket != "" {
		return refuse(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	c.w.Header().Set("X-Amz-Bucket-Region", s.region)
	return op.run(s, c)
}

// authenticate is the emulator's own check of the signature, with what S3 has otherwise: its codes, the hash of
// the body that the client names, and the region, which is the bucket's.
func (s *S3) authenticate(c *bucketCall) *apiError {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	if !isSigned(c.http) {
		return denied("Access Denied")
	}
	if c.region != s.region {
		return refuse(http.StatusBadRequest, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region '%s' is wrong; expecting '%s'", c.region, s.region)
	}
	if err := s.e.authenticate(c.call); err != nil {
		if code := map[string]string{"InvalidClientTokenId": "InvalidAccessKeyId", "MissingAuthenticationToken": "AccessDenied", "IncompleteSignature": "AuthorizationHeaderMalformed"}[err.code]; code != "" {
			err.code = code
		}
		if err.code == "ExpiredToken" {
			err.status = http.StatusBadRequest
		}
		return err
	}
	if err := c.unchunk(s.e); err != nil {
		return err
	}
	op, _ := s.operation(c)
	return s.e.authorizeOn(c.call, op.action, "arn:aws:s3:::"+strings.TrimSuffix(c.bucket+"/"+c.key, "/"))
}

// signedChunks is what is said of a body in chunks, each of which is signed.
const signedChunks = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

// unchunk verifies and takes out of its chunks what came in such.
func (c *bucketCall) unchunk(e *Emulator) *apiError {
	if c.http.Header.Get("X-Amz-Content-Sha256") != signedChunks {
		return nil
	}
	sig, err := readSignature(c.call)
	if err != nil {
		return err
	}
	_, secret, err := e.lookupKey(c.call, sig)
	if err != nil {
		return err
	}
	body, ok := readChunks(c.body, secret, sig)
	if !ok || c.http.Header.Get("X-Amz-Decoded-Content-Length") != strconv.Itoa(len(body)) {
		return mismatch("The chunk signature we calculated does not match the signature you provided.")
	}
	c.body = body
	return nil
}

// emptyHash is SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// readChunks verifies each chunk's signature, which is over the one before ("Signature calculations for the
// Authorization header: transferring payload in multiple chunks" in the S3 API Reference).
func readChunks(text []byte, secret string, s *signature) (body []byte, ok bool) {
	for before := s.hex; ; {
		head, rest, found := bytes.Cut(text, []byte("\r\n"))
		size, sign, signed := strings.Cut(string(head), ";chunk-signature=")
		n, err := strconv.ParseUint(size, 16, 31)
		if !found || !signed || err != nil || uint64(len(rest)) < n+2 || string(rest[n:n+2]) != "\r\n" {
			return nil, false
		}
		chunk := rest[:n]
		sum := sha256.Sum256(chunk)
		want := signText(secret, s, algorithm+"-PAYLOAD\n"+s.date+"\n"+strings.Join(s.scope[1:], "/")+"\n"+before+"\n"+emptyHash+"\n"+hex.EncodeToString(sum[:]))
		if sign != want {
			return nil, false
		}
		if body, before, text = append(body, chunk...), sign, rest[n+2:]; n == 0 {
			return body, len(text) == 0
		}
	}
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

const s3Namespace = `xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`

func (c *bucketCall) send(xml string) *apiError {
	c.w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(c.w, xmlHead+xml)
	return nil
}

func (s *S3) listBuckets(c *bucketCall) *apiError {
	var b strings.Builder
	for name := range s.buckets {
		b.WriteString("<Bucket><Name>" + escape(name) + "</Name><CreationDate>" + c.now.UTC().Format(time.RFC3339) + "</CreationDate></Bucket>")
	}
	return c.send("<ListAllMyBucketsResult " + s3Namespace + "><Buckets>" + b.String() + "</Buckets></ListAllMyBucketsResult>")
}

func (s *S3) location(c *bucketCall) *apiError {
	return c.send("<LocationConstraint " + s3Namespace + ">" + s.region + "</LocationConstraint>")
}

// list is ListObjects and ListObjectsV2, for few objects: it never cuts off.
func (s *S3) list(c *bucketCall) *apiError {
	q := c.http.URL.Query()
	prefix, delimiter := q.Get("prefix"), q.Get("delimiter")
	var keys, common []string
	for key := range s.buckets[c.bucket] {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if head, _, ok := strings.Cut(key[len(prefix):], delimiter); ok && delimiter != "" {
			common = append(common, prefix+head+delimiter)
		} else {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	slices.Sort(common)
	common = slices.Compact(common)
	var b strings.Builder
	for _, key := range keys {
		o := s.buckets[c.bucket][key]
		b.WriteString("<Contents><Key>" + escape(key) + "</Key><LastModified>" + o.at.UTC().Format("2006-01-02T15:04:05.000Z") + "</LastModified><ETag>" +
			escape(o.etag()) + "</ETag><Size>" + strconv.Itoa(len(o.body)) + "</Size><StorageClass>STANDARD</StorageClass></Contents>")
	}
	for _, p := range common {
		b.WriteString("<CommonPrefixes><Prefix>" + escape(p) + "</Prefix></CommonPrefixes>")
	}
	count := ""
	if q.Get("list-type") == "2" {
		count = "<KeyCount>" + strconv.Itoa(len(keys)+len(common)) + "</KeyCount>"
	}
	return c.send("<ListBucketResult " + s3Namespace + "><Name>" + escape(c.bucket) + "</Name><Prefix>" + escape(prefix) + "</Prefix><Delimiter>" + escape(delimiter) +
		"</Delimiter><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>" + count + b.String() + "</ListBucketResult>")
}

func (o object) etag() string {
	sum := md5.Sum(o.body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (s *S3) get(c *bucketCall) *apiError {
	o, ok := s.buckets[c.bucket][c.key]
	if !ok {
		return refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	h := c.w.Header()
	h.Set("ETag", o.etag())
	h.Set("Content-Type", "binary/octet-stream")
	http.ServeContent(c.w, c.http, "", o.at, bytes.NewReader(o.body)) // ranges, conditions
	return nil
}

func (s *S3) put(c *bucketCall) *apiError {
	o := object{c.body, c.now}
	s.buckets[c.bucket][c.key] = o
	c.w.Header().Set("ETag", o.etag())
	return nil
}

func (s *S3) remove(c *bucketCall) *apiError {
	delete(s.buckets[c.bucket], c.key)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
