package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// The emulated S3 has every bucket and every object that is named: it is there to show what credentials
// may do.

// s3Operation is what a REST request asks S3 for: its operation, the action that IAM knows it by, and the
// resource. Addresses are of the path style.
func s3Operation(method, path string) (op, action, resource string) {
	bucket, key, object := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	object = object && key != ""
	switch {
	case method == "GET" && bucket == "":
		return "ListBuckets", "s3:ListAllMyBuckets", "*"
	case method == "GET" && !object:
		return "ListObjectsV2", "s3:ListBucket", "arn:aws:s3:::" + bucket
	case method == "GET" && object:
		return "GetObject", "s3:GetObject", "arn:aws:s3:::" + bucket + "/" + key
	case method == "PUT" && object:
		return "PutObject", "s3:PutObject", "arn:aws:s3:::" + bucket + "/" + key
	case method == "DELETE" && object:
		return "DeleteObject", "s3:DeleteObject", "arn:aws:s3:::" + bucket + "/" + key
	}
	return "", "", ""
}

// isS3 reports whether a request is signed for S3, in its header or in its query.
func isS3(scope []string) bool { return len(scope) == 5 && scope[3] == "s3" }

// serveS3 answers a request of S3, whose caller is known.
func (e *Emulator) serveS3(c *call) (*result, *apiError) {
	_, action, resource := s3Operation(c.http.Method, c.http.URL.Path)
	if action == "" {
		return nil, refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	if err := e.authorizeOn(c, action, resource); err != nil {
		return nil, err
	}
	const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	switch c.op {
	case "ListBuckets":
		return &result{raw: head + `<ListAllMyBucketsResult><Buckets><Bucket><Name>bucket</Name></Bucket></Buckets></ListAllMyBucketsResult>`}, nil
	case "ListObjectsV2":
		return &result{raw: head + `<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>`}, nil
	case "GetObject":
		return &result{raw: "content of " + escape(resource) + "\n"}, nil
	case "DeleteObject":
		return &result{raw: " ", status: 204}, nil
	}
	return &result{raw: " "}, nil
}

// payloadHash is the hash of the body that a signature is about. S3 has it in a header, where it may also
// say that the body is not signed.
func payloadHash(c *call, s *signature) (string, *apiError) {
	sum := sha256.Sum256(c.body)
	hash := hex.EncodeToString(sum[:])
	if c.service != "s3" {
		return hash, nil
	}
	const unsigned = "UNSIGNED-PAYLOAD"
	if s.presign {
		return unsigned, nil
	}
	if c.chunks && c.http.Header.Get("X-Amz-Content-Sha256") == signedChunks {
		return signedChunks, nil
	}
	switch said := c.http.Header.Get("X-Amz-Content-Sha256"); said {
	case hash, unsigned:
		return said, nil
	case "":
		return "", refuse(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	}
	return "", refuse(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
}

func s3Error(code, message, requestID string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + message + "</Message><RequestId>" + requestID + "</RequestId></Error>"
}
