package cache

import (
	"time"

	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/token"
)

// The parts of the refresh policy that callers ask for; the whole of it, with the reasons, is
// in internal/record/window.go.
const (
	// HardFloor is the least life a token is handed out with: 10 seconds, or a quarter of its life.
	HardFloor = record.Floor
	// Mandatory is the life below which a token must be refreshed: 60 seconds, or half of its life.
	Mandatory = record.Mandatory
	// DefaultWait is how long a caller waits for another that refreshes: 25 seconds.
	DefaultWait = record.DefaultWait
	// DefaultWaitInteractive is DefaultWait where a user is asked for a code: 55 seconds.
	DefaultWaitInteractive = record.DefaultWaitInteractive
)

// Record is a token as the cache holds it.
type Record struct {
	Token  token.Token
	Inputs []Input // what the token was asked for with
	// Advisory is the remaining life below which the token is to be refreshed.
	Advisory time.Duration
	// Note is what was written beside the token when it was stored, "" for nothing.
	Note string

	file *record.Record
}

// Remaining is the life the record has left at this moment: the smaller of what the wall
// clock and the boot clock say.
func (r *Record) Remaining() time.Duration { return r.file.Remaining(record.Now()) }

// InMemory reports of a token that a process keeps to itself whether it may still be handed out, and
// whether it is due for a refresh: by the windows that it would have on the disk, without jitter.
func InMemory(t token.Token) (serves, due bool) {
	life, left := t.Lifetime(), t.Remaining(time.Now())
	return left > record.FloorOf(life), left <= max(record.AdvisoryWindow(life), record.MandatoryOf(life))
}

// OtherBoot reports whether the record was made on another machine, or on this one before it was started
// again; false where machines have no name for that (record.BootClock).
func (r *Record) OtherBoot() bool {
	_, id := record.BootClock()
	return id != "" && r.file.Issued.BootID != "" && id != r.file.Issued.BootID
}

// Serves reports whether the token has enough life left to be handed out.
func (r *Record) Serves() bool { return r.Remaining() > r.file.Floor() }

// Fresh reports whether the token needs no refresh yet.
func (r *Record) Fresh() bool { return r.file.Fresh(record.Now()) }

// Due is the remaining life below which the token is to be refreshed.
func (r *Record) Due() time.Duration { return r.file.Due() }

// End is when the token ends, or when the source of credentials without an end is asked again.
func (r *Record) End() time.Time { return r.file.Expires }

// newRecord is what a file holds, or the reason why it cannot be used.
func newRecord(f *record.Record) (*Record, *Miss) {
	r := &Record{
		Token: token.Token{
			Operation: token.Operation(f.Operation),
			Credentials: token.Credentials{
				AccessKeyID:     f.AccessKeyID,
				SecretAccessKey: f.SecretAccessKey,
				SessionToken:    f.SessionToken,
				CanExpire:       !f.Endless,
				Expires:         f.Expires,
				AccountID:       f.AccountID,
			},
			Issued:           f.Issued.Wall,
			PackedPolicySize: f.PackedPolicySize,
			SessionTokenSize: f.SessionTokenSize, SessionTokenUtilization: f.SessionTokenUtilization,
			FederatedUser:  (*token.Principal)(f.FederatedUser),
			AssumedRole:    (*token.Principal)(f.AssumedRole),
			ScopedSession:  (*token.Principal)(f.ScopedSession),
			ScopedPolicies: f.ScopedPolicies,
			Subject:        f.Subject,
			Audience:       f.Audience,
			Provider:       f.IdentityProvider,
			SourceIdentity: f.SourceIdentity,
			Signer:         (*token.Principal)(f.Signer),
		},
		Inputs:   f.Inputs,
		Advisory: f.Advisory,
		Note:     f.Note,
		file:     f,
	}
	if f.Endless {
		r.Token.Credentials.Expires = time.Time{}
	}
	if r.Token.Validate() != nil {
		return nil, miss("the record is incomplete")
	}
	return r, nil
}

// newFile is the content of the file of a token that was issued at that moment.
func newFile(key Key, t token.Token, note string, issued record.Moment) *record.Record {
	exact := issued.Wall.UTC()
	issued.Wall = exact.Truncate(time.Second)
	part := time.Duration(0)
	if issued.BootID == "" {
		part = exact.Sub(issued.Wall)
	}
	expires := t.Credentials.Expires
	if !t.Credentials.CanExpire {
		expires = issued.Wall.Add(record.LookAgain)
	}
	return &record.Record{
		Inputs:           key.Inputs(),
		Operation:        string(t.Operation),
		AccessKeyID:      t.Credentials.AccessKeyID,
		SecretAccessKey:  t.Credentials.SecretAccessKey,
		SessionToken:     t.Credentials.SessionToken,
		AccountID:        t.Credentials.AccountID,
		Expires:          expires.UTC().Truncate(time.Second),
		Endless:          !t.Credentials.CanExpire,
		PackedPolicySize: t.PackedPolicySize,
		SessionTokenSize: t.SessionTokenSize, SessionTokenUtilization: t.SessionTokenUtilization,
		FederatedUser:    (*record.Principal)(t.FederatedUser),
		AssumedRole:      (*record.Principal)(t.AssumedRole),
		ScopedSession:    (*record.Principal)(t.ScopedSession),
		ScopedPolicies:   t.ScopedPolicies,
		Subject:          t.Subject,
		Audience:         t.Audience,
		IdentityProvider: t.Provider,
		SourceIdentity:   t.SourceIdentity,
		Signer:           (*record.Principal)(t.Signer),
		Issued:           issued,
		IssuedPart:       part,
		Note:             note,
	}
}

func decodeRecord(data []byte) (*Record, *Miss) {
	f, reason := envelope.Decode(data)
	if reason != "" {
		return nil, miss(reason)
	}
	return newRecord(f)
}
