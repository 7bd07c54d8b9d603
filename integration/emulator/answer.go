package emulator

import (
	"bytes"
	"encoding/xml"
	"strings"
	"time"
)

const (
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
	ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
)

// timeFormat is how STS writes Expiration: milliseconds, UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// result holds every element that an STS answer can have; each operation fills its own.
type result struct {
	Credentials                 *xmlCredentials
	AssumedRoleUser             *xmlRoleUser
	FederatedUser               *xmlFederatedUser
	PackedPolicySize            *int
	SessionTokenSize            *int
	SessionTokenUtilization     *int
	SessionInfo                 *xmlScopedSession
	ScopedPoliciesCount         *int
	WebIdentityToken            string `xml:",omitempty"`
	Expiration                  string `xml:",omitempty"`
	SubjectFromWebIdentityToken string `xml:",omitempty"`
	Provider                    string `xml:",omitempty"`
	Subject                     string `xml:",omitempty"`
	SubjectType                 string `xml:",omitempty"`
	Issuer                      string `xml:",omitempty"`
	NameQualifier               string `xml:",omitempty"`
	Audience                    string `xml:",omitempty"`
	SourceIdentity              string `xml:",omitempty"`
	UserId                      string `xml:",omitempty"`
	Account                     string `xml:",omitempty"`
	Arn                         string `xml:",omitempty"`

	raw  string            // a body ready made, for IAM and EC2
	json func(*result) any // the document of a JSON service; nil for the others

	status int // 0 is 200
}

type xmlCredentials struct {
	AccessKeyId     string
	SecretAccessKey string
	SessionToken    string `xml:",omitempty"`
	Expiration      string
}

type xmlRoleUser struct {
	AssumedRoleId string
	Arn           string
}

type xmlScopedSession struct {
	ScopedSessionId string
	Arn             string
}

type xmlFederatedUser struct {
	FederatedUserId string
	Arn             string
}

func (r *result) document(op, requestID string) string {
	if r.raw != "" {
		return r.raw
	}
	if r.json != nil {
		if doc := r.json(r); doc != nil {
			return jsonText(doc)
		}
		return ""
	}
	if r.Credentials != nil && r.Credentials.SessionToken != "" {
		size := len(r.Credentials.SessionToken)
		percent := (size*100 + maxTokenSize - 1) / maxTokenSize
		r.SessionTokenSize, r.SessionTokenUtilization = &size, &percent
	}
	var b bytes.Buffer
	b.WriteString("<" + op + `Response xmlns="` + stsNamespace + `">` + "\n")
	enc := xml.NewEncoder(&b)
	enc.Indent("  ", "  ")
	if err := enc.EncodeElement(r, xml.StartElement{Name: xml.Name{Local: op + "Result"}}); err != nil {
		panic("emulator: " + err.Error())
	}
	b.WriteString("\n  <ResponseMetadata>\n    <RequestId>" + requestID + "</RequestId>\n  </ResponseMetadata>\n</" + op + "Response>\n")
	return b.String()
}

func (s *session) credentials() *xmlCredentials {
	return &xmlCredentials{
		AccessKeyId:     s.AccessKeyID,
		SecretAccessKey: s.secret,
		SessionToken:    s.token,
		Expiration:      s.Expiration.UTC().Format(timeFormat),
	}
}

func formatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
