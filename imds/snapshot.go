package imds

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/token"
)

// expiryForm is the one form of a time that every SDK reads in every document: UTC, seconds, "Z".
const expiryForm = "2006-01-02T15:04:05Z"

// ErrNotTemporary is what a fetch fails with when a provider gives credentials that have no session
// token or do not end. Such keys are not for handing out, and most clients could not read them.
var ErrNotTemporary = errors.New("the provider gave credentials that are not temporary")

// bootEvery is how often the boot clock is asked at most.
const bootEvery = 10 * time.Millisecond

// snapshot is one set of credentials and every document made of it. It never changes, so an answer can
// never be half of one set and half of the next.
type snapshot struct {
	creds   aws.Credentials
	expires time.Time     // wall clock only
	fetched time.Time     // with the monotonic reading
	boot    time.Duration // when it was fetched by the boot clock, where there is one
	life    time.Duration // left when fetched
	window  time.Duration // left when to look for new ones

	askBoot atomic.Int64  // how long after the fetch to ask the boot clock again, in nanoseconds
	slept   atomic.Int64  // what it knew of time that the monotonic clock does not count
	floor   time.Duration // left when they are no longer handed out

	container []byte // the container answer
	role      []byte // security-credentials/ROLE
	extended  []byte // security-credentials-extended/ROLE
	info      []byte // iam/info; empty if the account is not known
	identity  []byte // instance-identity/document; empty if the region is not known
}

// left is what remains at now: the smaller of what the wall clock says and what has gone by since the
// fetch, which does not depend on whether the wall clock was set. The monotonic clock stops while the
// machine sleeps, so the boot clock is asked too; that is a system call, and not made for every request: a machine
// may fall asleep between a request and its answer, too.
func (s *snapshot) left(now time.Time) time.Duration {
	gone := now.Sub(s.fetched)
	if int64(gone) >= s.askBoot.Load() {
		if boot, id := record.BootClock(); id != "" {
			s.slept.Store(int64(max(0, boot-s.boot-gone)))
		}
		s.askBoot.Store(int64(gone + bootEvery))
	}
	return min(s.expires.Sub(now.Round(0)), s.life-gone-time.Duration(s.slept.Load()))
}

// serves reports whether they may still be handed out, and what is left of them.
func (s *snapshot) serves(now time.Time) (left time.Duration, ok bool) {
	if s != nil {
		left = s.left(now)
	}
	return left, s != nil && left >= s.floor
}

// newSnapshot checks what a provider gave and writes the documents. Its errors hold no secrets.
func newSnapshot(p *Profile, in *Instance, c aws.Credentials, now time.Time) (*snapshot, error) {
	if !c.CanExpire || c.SessionToken == "" {
		return nil, ErrNotTemporary
	}
	if !token.ValidAccessKeyID(c.AccessKeyID) || !token.ValidSecret(c.SecretAccessKey) || !token.ValidSecret(c.SessionToken) {
		return nil, errors.New("the provider gave credentials that are malformed or incomplete")
	}
	s := &snapshot{
		creds:   c,
		expires: c.Expires.UTC().Round(0).Truncate(time.Second),
		fetched: now,
	}
	s.boot, _ = record.BootClock()
	s.life = s.expires.Sub(now.Round(0))
	life := max(s.life, p.Lifetime)
	s.floor = record.Floor
	if p.Lifetime > 0 {
		s.floor = record.FloorOf(p.Lifetime)
	}
	if s.life < s.floor {
		return nil, fmt.Errorf("the provider gave credentials that ended at %s", s.expires.Format(expiryForm))
	}
	s.window = max(record.JitteredAdvisory(life), record.MandatoryOf(life), s.floor)

	account := c.AccountID
	if account == "" {
		account = p.AccountID
	}
	end := s.expires.Format(expiryForm)
	s.container = marshal(containerDoc{c.AccessKeyID, c.SecretAccessKey, c.SessionToken, end, account, p.RoleARN})
	if in == nil {
		return s, nil
	}
	doc := roleDoc{
		Code: "Success", LastUpdated: now.UTC().Format(expiryForm), Type: "AWS-HMAC",
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Token: c.SessionToken, Expiration: end,
	}
	s.role = marshal(doc)
	doc.AccountID = account
	s.extended = marshal(doc)
	if account != "" {
		s.info = marshal(infoDoc{"Success", doc.LastUpdated, "arn:" + awsname.PartitionOf(in.Region).Name + ":iam::" + account + ":instance-profile/" + in.RoleName})
	}
	s.identity = identityBody(in, account)
	return s, nil
}

// containerDoc is the container answer; it has no Code, and its session token is called Token.
type containerDoc struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
	AccountID       string `json:"AccountId,omitempty"`
	RoleARN         string `json:"RoleArn,omitempty"`
}

// roleDoc is the answer of security-credentials/ROLE.
type roleDoc struct {
	Code            string
	LastUpdated     string
	Type            string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
	AccountID       string `json:"AccountId,omitempty"`
}

// infoDoc is the answer of iam/info. The real one has an InstanceProfileId too, which is not known here.
type infoDoc struct {
	Code               string
	LastUpdated        string
	InstanceProfileARN string `json:"InstanceProfileArn"`
}

func marshal(v any) []byte {
	b, _ := json.Marshal(v) // structs of checked strings always marshal
	return b
}
