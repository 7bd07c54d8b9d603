package emulator

import (
	"strconv"
	"strings"
	"time"
)

// Identity says whose a pair of keys is; see [Emulator.Lookup].
type Identity struct {
	AccessKeyID string `json:"access_key_id"`
	Account     string `json:"account"` // of the principal: for a role, the role's
	ARN         string `json:"arn"`     // as GetCallerIdentity says it
	UserID      string `json:"user_id"` // as GetCallerIdentity says it

	Operation       string            `json:"operation,omitempty"` // that issued it; "" for a long-term key
	User            string            `json:"user,omitempty"`      // the IAM user's name, for keys, session and federation tokens
	RoleARN         string            `json:"role_arn,omitempty"`  // of the assumed role
	RoleSessionName string            `json:"role_session_name,omitempty"`
	FederatedName   string            `json:"federated_name,omitempty"`
	Policy          string            `json:"policy,omitempty"` // session policy
	PolicyARNs      []string          `json:"policy_arns,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	TransitiveTags  []string          `json:"transitive_tags,omitempty"`
	SourceIdentity  string            `json:"source_identity,omitempty"`
	Subject         string            `json:"subject,omitempty"`         // web identity and SAML
	IssuedTo        string            `json:"issued_to,omitempty"`       // access key id that asked for it
	Region          string            `json:"region,omitempty"`          // the request was signed for
	ScopedPolicies  []string          `json:"scoped_policies,omitempty"` // of GetScopedCredentials, in their order
	Description     string            `json:"description,omitempty"`     // of the scoped session
	MFA             bool              `json:"mfa,omitempty"`             // a code was given, here or in the session it came from
	Issued          time.Time         `json:"issued,omitzero"`
	Expiration      time.Time         `json:"expiration,omitzero"`
}

// session is a set of temporary credentials.
type session struct {
	Identity
	secret string
	token  string
	user   *User // behind a session or federation token; nil for roles
	role   *Role
	task   string // AssumeRoot: the task policy's name
	// origin is the operation that made the session which GetScopedCredentials narrowed, with scopes.
	origin string
	scopes []string

	packed int // PackedPolicySize
}

// principal is who signed a request: a user (root included), or a session of one,
// or of a role.
type principal struct {
	keyID   string
	user    *User
	session *session
}

func (p principal) account() string {
	switch {
	case p.session != nil:
		return p.session.Account
	case p.user != nil:
		return p.user.Account
	}
	return ""
}

func (p principal) arn() string {
	if p.session != nil {
		return p.session.ARN
	}
	return p.user.ARN
}

func (p principal) userID() string {
	if p.session != nil {
		return p.session.UserID
	}
	return p.user.UserID
}

// isRoot is the account's root user, by its key or by a session of its own.
func (p principal) isRoot() bool {
	return p.user != nil && p.user.Root && (p.session == nil || p.session.isUsers())
}

// isUser is an IAM user by key or by a session of its own, the one who owns MFA devices.
func (p principal) isUser() bool {
	return p.user != nil && (p.session == nil || p.session.isUsers())
}

// issuedBy is the operation that made the session, "" for a long-term key.
func (p principal) issuedBy() string {
	if p.session == nil {
		return ""
	}
	return p.session.issuedBy()
}

// issuedBy is the operation that made the session, in the first place where it was narrowed since.
func (s *session) issuedBy() string {
	if s.origin != "" {
		return s.origin
	}
	return s.Operation
}

// hasMFA is what aws:MultiFactorAuthPresent would be: role sessions do not carry it on.
func (p principal) hasMFA() bool { return p.session != nil && p.session.MFA && p.session.role == nil }

// issue makes temporary credentials for a session whose identity is filled in, and
// remembers them.
func (e *Emulator) issue(c *call, s *session, life time.Duration) *session {
	s.AccessKeyID = newKeyID("ASIA", s.Account)
	s.secret, s.token = newSecret(), newToken()
	least := max(s.packed*maxTokenSize/100, e.minimumToken) // what is packed is in it
	if n, err := strconv.Atoi(c.form.Get("MinimumSessionTokenSize")); err == nil {
		least = max(least, n)
	}
	if longer := least - len(s.token); longer > 0 {
		s.token += random64(longer)
	}
	s.Operation = c.op
	s.IssuedTo = c.who.keyID
	s.Region = c.region
	s.Issued = c.now
	s.Expiration = c.now.Add(life).Truncate(time.Millisecond)
	e.sessions[s.AccessKeyID] = s
	return s
}

// Lookup says whose an access key id is, long-term or temporary, expired or not.
func (e *Emulator) Lookup(accessKeyID string) (Identity, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if k, ok := e.keys[accessKeyID]; ok {
		u := k.user
		return Identity{AccessKeyID: accessKeyID, Account: u.Account, ARN: u.ARN, UserID: u.UserID, User: u.Name}, true
	}
	if s := e.sessions[accessKeyID]; s != nil {
		return s.Identity, true
	}
	return Identity{}, false
}

// Owns says whether the three parts belong together and which identity they are;
// a mixture of two answers is not owned.
func (e *Emulator) Owns(accessKeyID, secret, token string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if k, ok := e.keys[accessKeyID]; ok {
		return k.secret == secret && token == ""
	}
	s := e.sessions[accessKeyID]
	return s != nil && s.secret == secret && s.token == token
}

// arn is an ARN in its parts.
type arn struct {
	partition, service, region, account, resource string
}

func parseARN(s string) (arn, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[1] == "" || p[2] == "" || p[5] == "" {
		return arn{}, false
	}
	return arn{p[1], p[2], p[3], p[4], p[5]}, true
}
