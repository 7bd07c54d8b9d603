package cache

import (
	"time"

	"github.com/sts-helper/sts-helper/token"
)

// recordVersion is the version of the record; the directory's name carries it too.
const recordVersion = 1

// Record is a token as the cache holds it.
type Record struct {
	Token  token.Token
	Inputs []Input // what the token was asked for with
	// Advisory is the remaining life below which the token is to be refreshed.
	Advisory time.Duration
	// Note is what whoever stored the token wrote beside it, "" for nothing.
	Note string

	issued moment
}

// Remaining is the life the record has left at this moment: the smaller of what the wall
// clock and the boot clock say.
func (r *Record) Remaining() time.Duration { return r.remaining(now()) }

func (r *Record) remaining(at moment) time.Duration {
	rem := r.Token.Remaining(at.Wall)
	if at.sameBoot(r.issued) {
		rem = min(rem, r.Token.Lifetime()-(at.Boot-r.issued.Boot))
	}
	return rem
}

// recordFile is a record on disk. Times are UTC seconds, RFC 3339; the boot clock is in
// nanoseconds.
type recordFile struct {
	Version  int         `json:"version"`
	Inputs   []inputFile `json:"inputs"`
	Token    tokenFile   `json:"token"`
	Advisory int64       `json:"advisory_seconds"`
	Boot     int64       `json:"issued_boottime_ns"`
	BootID   string      `json:"boot_id"`
	Note     string      `json:"note"`
}

// inputFile is an input on disk. The value is in base64, since it need not be UTF-8 (a file's
// name, say) and JSON strings must; null is an absent one.
type inputFile struct {
	Name  string `json:"n"`
	Value []byte `json:"v"`
}

func toInputFiles(in []Input) []inputFile {
	out := make([]inputFile, len(in))
	for i, x := range in {
		out[i].Name = x.Name
		if x.Value != nil {
			out[i].Value = []byte(*x.Value)
		}
	}
	return out
}

func fromInputFiles(in []inputFile) []Input {
	out := make([]Input, len(in))
	for i, x := range in {
		if out[i] = Absent(x.Name); x.Value != nil {
			out[i] = Present(x.Name, string(x.Value))
		}
	}
	return out
}

type principalFile struct {
	ID  string `json:"id"`
	ARN string `json:"arn"`
}

type tokenFile struct {
	Operation        string         `json:"operation"`
	AccessKeyID      string         `json:"access_key_id"`
	SecretAccessKey  string         `json:"secret_access_key"` // this file exists to carry it
	SessionToken     string         `json:"session_token"`
	AccountID        string         `json:"account_id"`
	Issued           time.Time      `json:"issued"`
	Expires          time.Time      `json:"expires"`
	PackedPolicySize *int32         `json:"packed_policy_size"`
	FederatedUser    *principalFile `json:"federated_user"`
	AssumedRole      *principalFile `json:"assumed_role"`
	Subject          string         `json:"subject"`
	Audience         string         `json:"audience"`
	Provider         string         `json:"provider"`
	SourceIdentity   string         `json:"source_identity"`
}

func encodeRecord(r *Record) ([]byte, error) {
	t := r.Token
	return seal(recordFile{
		Version: recordVersion,
		Inputs:  toInputFiles(r.Inputs),
		Token: tokenFile{
			Operation:        string(t.Operation),
			AccessKeyID:      t.Credentials.AccessKeyID,
			SecretAccessKey:  t.Credentials.SecretAccessKey,
			SessionToken:     t.Credentials.SessionToken,
			AccountID:        t.Credentials.AccountID,
			Issued:           r.issued.Wall.UTC().Truncate(time.Second),
			Expires:          t.Credentials.Expires.UTC().Truncate(time.Second),
			PackedPolicySize: t.PackedPolicySize,
			FederatedUser:    (*principalFile)(t.FederatedUser),
			AssumedRole:      (*principalFile)(t.AssumedRole),
			Subject:          t.Subject,
			Audience:         t.Audience,
			Provider:         t.Provider,
			SourceIdentity:   t.SourceIdentity,
		},
		Advisory: int64(r.Advisory / time.Second),
		Boot:     int64(r.issued.Boot),
		BootID:   r.issued.BootID,
		Note:     r.Note,
	})
}

func decodeRecord(data []byte) (*Record, *Miss) {
	var f recordFile
	if m := unseal(data, &f); m != nil {
		return nil, m
	}
	if f.Version != recordVersion {
		return nil, miss("the record has another version")
	}
	t := f.Token
	r := &Record{
		Token: token.Token{
			Operation: token.Operation(t.Operation),
			Credentials: token.Credentials{
				AccessKeyID:     t.AccessKeyID,
				SecretAccessKey: t.SecretAccessKey,
				SessionToken:    t.SessionToken,
				CanExpire:       true,
				Expires:         t.Expires,
				AccountID:       t.AccountID,
			},
			Issued:           t.Issued,
			PackedPolicySize: t.PackedPolicySize,
			FederatedUser:    (*token.Principal)(t.FederatedUser),
			AssumedRole:      (*token.Principal)(t.AssumedRole),
			Subject:          t.Subject,
			Audience:         t.Audience,
			Provider:         t.Provider,
			SourceIdentity:   t.SourceIdentity,
		},
		Inputs:   fromInputFiles(f.Inputs),
		Note:     f.Note,
		Advisory: time.Duration(f.Advisory) * time.Second,
		issued:   moment{Wall: t.Issued, Boot: time.Duration(f.Boot), BootID: f.BootID},
	}
	if r.Token.Validate() != nil || r.Token.Lifetime() <= 0 || f.Advisory < 0 || f.Advisory > int64(r.Token.Lifetime()/time.Second) {
		return nil, miss("the record is incomplete")
	}
	return r, nil
}
