package record

import "time"

// Version is the version of the record; [VersionDir] carries it too.
const Version = 1

// Record is the content of a record's file. Its strings are UTF-8, the values of its inputs any
// bytes.
type Record struct {
	// Inputs are what the token was asked for with.
	Inputs []Input

	// The token: see package token for the meaning of each.
	Operation                                           string
	AccessKeyID, SecretAccessKey, SessionToken          string
	AccountID                                           string // "" where it is not known
	Expires                                             time.Time
	PackedPolicySize                                    *int32
	SessionTokenSize, SessionTokenUtilization           *int32
	ScopedPolicies                                      *int32
	FederatedUser, AssumedRole, ScopedSession           *Principal
	Subject, Audience, IdentityProvider, SourceIdentity string

	// Issued is when the token was issued, by both clocks. The wall time is kept in whole
	// seconds.
	Issued Moment
	// IssuedPart is what the wall time has beyond whole seconds, kept where there is no boot clock:
	// nothing else then separates what was issued since a call began from what was issued before.
	IssuedPart time.Duration
	// Advisory is the remaining life below which the token is to be refreshed, in whole
	// seconds.
	Advisory time.Duration
	// Note is what was written beside the token when it was stored, "" for nothing.
	Note string
	// Signer is who the source was that the token was made with, nil where it cannot become
	// another identity.
	Signer *Principal
	// Endless reports that the credentials came without an end. Expires is then when their
	// source is to be asked again.
	Endless bool
}

// Input is one thing that changes whose a token is or what it may do. A Value of nil means
// the input is absent, which is unlike an empty one. Inputs are written into the record next
// to the token, so they must not be secrets.
type Input struct {
	Name  string
	Value *string
}

// Principal is the identity a token acts as.
type Principal struct{ ID, ARN string }

// String names the record without its secrets.
func (r Record) String() string { return "record of " + r.AccessKeyID }

// GoString names the record without its secrets.
func (r Record) GoString() string { return r.String() }

// Lifetime is the life the token was given when it was issued.
func (r *Record) Lifetime() time.Duration { return r.Expires.Sub(r.Issued.Wall) }

// IssuedWithin reports whether the token was issued between start and end.
func (r *Record) IssuedWithin(start, end Moment) bool {
	m := r.Issued
	m.Wall = m.Wall.Add(r.IssuedPart)
	return m.Within(start, end)
}

// Remaining is the life the token has left at that moment: the smaller of what the wall clock
// and the boot clock say.
func (r *Record) Remaining(at Moment) time.Duration {
	rem := r.Expires.Round(0).Sub(at.Wall)
	if at.SameBoot(r.Issued) {
		rem = min(rem, r.Lifetime()-(at.Boot-r.Issued.Boot))
	}
	return rem
}

// FromFuture reports whether the record claims to be issued later than clocks that differ
// explain. It is not believed then. Within one boot the boot clock proves that it was issued
// before, however far the wall clock was set back since.
func (r *Record) FromFuture(at Moment) bool {
	if at.SameBoot(r.Issued) && at.Boot >= r.Issued.Boot {
		return false
	}
	return r.Issued.Wall.Sub(at.Wall) > futureSlack
}

// Ended reports whether it is certain that the token has ended: by the wall clock, which may be
// wrong, and by the boot clock as well. After a reboot that knows only that the token is no
// younger than the boot. It is for what cannot be undone; [Record.Remaining] says what may be
// handed out.
func (r *Record) Ended(at Moment) bool {
	if at.Wall.Before(r.Expires) {
		return false
	}
	age := at.Boot
	if at.SameBoot(r.Issued) {
		age -= r.Issued.Boot
	}
	return at.BootID == "" || age >= r.Lifetime()
}

// Floor is the least life that the token is handed out with.
func (r *Record) Floor() time.Duration { return FloorOf(r.Lifetime()) }

// Mandatory is the remaining life below which the token must be refreshed.
func (r *Record) Mandatory() time.Duration { return MandatoryOf(r.Lifetime()) }

// Due is the remaining life below which the token is to be refreshed: its advisory window, or where
// its life is that short the mandatory one.
func (r *Record) Due() time.Duration { return max(r.Advisory, r.Mandatory()) }

// Fresh reports whether the token needs no refresh at that moment.
func (r *Record) Fresh(at Moment) bool { return r.Remaining(at) > r.Due() }
