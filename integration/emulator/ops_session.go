package emulator

import (
	"strconv"
	"time"
)

// getSessionToken needs no permission and cannot be denied, only the right kind of
// caller: a long-term key.
func (e *Emulator) getSessionToken(c *call) (*result, *apiError) {
	if c.who.session != nil {
		return nil, denied("Cannot call GetSessionToken with session credentials")
	}
	u := c.who.user
	life := duration(c, 43200)
	if u.Root {
		life = rootLife(c)
	}
	mfa, err := e.checkMFA(c)
	if err != nil {
		return nil, err
	}
	s := e.issue(c, &session{
		Identity: Identity{Account: u.Account, ARN: u.ARN, UserID: u.UserID, User: u.Name, MFA: mfa},
		user:     u,
	}, life)
	return &result{Credentials: s.credentials()}, nil
}

// getCallerIdentity works for everybody with valid credentials, whatever a policy says.
func (e *Emulator) getCallerIdentity(c *call) (*result, *apiError) {
	return &result{Arn: c.who.arn(), UserId: c.who.userID(), Account: c.who.account()}, nil
}

// duration is DurationSeconds, whose bounds are checked by now, or the default.
func duration(c *call, def int) time.Duration {
	if s := c.form.Get("DurationSeconds"); s != "" {
		n, _ := strconv.Atoi(s)
		return time.Duration(n) * time.Second
	}
	return time.Duration(def) * time.Second
}

// rootLife is the duration of a root user's tokens: an hour by default, and silently
// at most.
func rootLife(c *call) time.Duration { return min(duration(c, 3600), time.Hour) }
