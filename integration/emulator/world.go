package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// World is what exists before the first request. As JSON it is the file that the
// sts-emulator command reads. Everything in it is literal: a user without a policy
// may do nothing but what needs no permission.
type World struct {
	// Region, when set, is the only one that requests may be signed for.
	Region string `json:"region,omitempty"`
	// MFALockout is the number of wrong codes in a row after which a device refuses
	// every code; 0 means 10, negative means never.
	MFALockout int `json:"mfa_lockout,omitempty"`
	// MinimumTokenSize is how long every session token is at least, in bytes; see
	// [Emulator.SetMinimumTokenSize].
	MinimumTokenSize int `json:"minimum_token_size,omitempty"`

	Accounts      []Account           `json:"accounts,omitempty"`
	Users         []User              `json:"users,omitempty"`
	Roles         []Role              `json:"roles,omitempty"`
	OIDCProviders []OIDCProvider      `json:"oidc_providers,omitempty"`
	SAMLProviders []SAMLProvider      `json:"saml_providers,omitempty"`
	Policies      map[string]Document `json:"managed_policies,omitempty"` // by ARN
	// IdentityCenter is the instance of IAM Identity Center; nil for none.
	IdentityCenter *IdentityCenter `json:"identity_center,omitempty"`
}

// Account is needed only where it differs from an ordinary one: accounts that users
// and roles name exist by being named.
type Account struct {
	ID string `json:"id"`
	// Management marks the Organizations management account, whose users and roles
	// may call AssumeRoot on the other accounts.
	Management bool `json:"management,omitempty"`
	// OutboundFederation says that GetWebIdentityToken is enabled.
	OutboundFederation bool `json:"outbound_federation,omitempty"`
	// DisabledRegions are those where STS answers RegionDisabledException.
	DisabledRegions []string `json:"disabled_regions,omitempty"`
}

// User is an IAM user, or an account's root user, with one long-term key.
type User struct {
	Account         string      `json:"account"`
	Name            string      `json:"name"` // empty for root
	Path            string      `json:"path,omitempty"`
	Root            bool        `json:"root,omitempty"`
	ARN             string      `json:"arn,omitempty"`
	UserID          string      `json:"user_id,omitempty"` // AIDA…, root: the account id
	AccessKeyID     string      `json:"access_key_id,omitempty"`
	SecretAccessKey string      `json:"secret_access_key,omitempty"`
	Policy          Document    `json:"policy,omitempty"`
	MFADevices      []MFADevice `json:"mfa_devices,omitempty"`

	devices []*MFADevice
}

// Role is an IAM role with its trust policy as data.
type Role struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	Path    string `json:"path,omitempty"` // begins and ends with a slash; default "/"
	ARN     string `json:"arn,omitempty"`
	RoleID  string `json:"role_id,omitempty"` // AROA…

	// Trusted are the principals that may assume it: ARNs of users, roles, sessions
	// and identity providers, "arn:aws:iam::ACCOUNT:root" or a bare account id for
	// everybody in an account whose own policy allows it, "*" for every caller.
	Trusted []string `json:"trusted,omitempty"`
	// TrustedActions are what Trusted may do; nil means sts:AssumeRole*, sts:TagSession
	// and sts:SetSourceIdentity.
	TrustedActions []string `json:"trusted_actions,omitempty"`
	// ExternalID, RequireMFA and the two lists are conditions of the trust policy.
	ExternalID string   `json:"external_id,omitempty"`
	RequireMFA bool     `json:"require_mfa,omitempty"`
	Subjects   []string `json:"subjects,omitempty"`  // web identity sub, wildcards allowed
	Audiences  []string `json:"audiences,omitempty"` // web identity aud

	MaxSessionDuration int      `json:"max_session_duration,omitempty"` // seconds; 0 means 3600
	Policy             Document `json:"policy,omitempty"`

	permissionSet string // of a role that Identity Center keeps
}

// Document is a JSON policy. In a world file it may be an object or a string.
type Document string

// UnmarshalJSON accepts the policy itself or a string that holds it.
func (d *Document) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*d = Document(s)
		return nil
	}
	*d = Document(b)
	return nil
}

// AllowAll is the policy that [Emulator.AddUser] and [Emulator.AddRole] give unless told otherwise.
const AllowAll Document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// UserOption and RoleOption adjust what AddUser and AddRole make.
type (
	UserOption func(*User)
	RoleOption func(*Role)
)

// UserPolicy replaces the user's policy; "" takes every permission away.
func UserPolicy(doc string) UserOption { return func(u *User) { u.Policy = Document(doc) } }

// UserPath sets the user's path, such as "/team/".
func UserPath(path string) UserOption { return func(u *User) { u.Path = path } }

// Trust replaces the principals that may assume the role; see [Role.Trusted].
func Trust(principals ...string) RoleOption { return func(r *Role) { r.Trusted = principals } }

// TrustActions replaces what they may do; see [Role.TrustedActions].
func TrustActions(actions ...string) RoleOption {
	return func(r *Role) { r.TrustedActions = actions }
}

// RequireExternalID makes the trust policy ask for this ExternalId.
func RequireExternalID(id string) RoleOption { return func(r *Role) { r.ExternalID = id } }

// RequireMFA makes the trust policy ask for aws:MultiFactorAuthPresent.
func RequireMFA() RoleOption { return func(r *Role) { r.RequireMFA = true } }

// MaxSessionDuration sets the role's maximum in seconds, 3600 to 43200.
func MaxSessionDuration(seconds int) RoleOption {
	return func(r *Role) { r.MaxSessionDuration = seconds }
}

// RolePolicy replaces the role's permissions.
func RolePolicy(doc string) RoleOption { return func(r *Role) { r.Policy = Document(doc) } }

// RolePath sets the role's path, such as "/service/".
func RolePath(path string) RoleOption { return func(r *Role) { r.Path = path } }

// AddUser makes an IAM user who may do everything. The emulator may be running.
func (e *Emulator) AddUser(account, name string, opts ...UserOption) *User {
	u := User{Account: account, Name: name, Policy: AllowAll}
	for _, o := range opts {
		o(&u)
	}
	return e.mustUser(u)
}

// AddRoot makes the account's root user, with a key of its own.
func (e *Emulator) AddRoot(account string) *User {
	return e.mustUser(User{Account: account, Root: true})
}

func (e *Emulator) mustUser(u User) *User {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.addUser(u)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return p
}

// AddRole makes a role that its own account trusts, with all permissions and a
// maximum of one hour.
func (e *Emulator) AddRole(account, name string, opts ...RoleOption) *Role {
	r := Role{Account: account, Name: name, Policy: AllowAll, Trusted: []string{"arn:aws:iam::" + account + ":root"}}
	for _, o := range opts {
		o(&r)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.addRole(r)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return p
}

// SetAccount adds or replaces an account's settings.
func (e *Emulator) SetAccount(a Account) {
	if a.OutboundFederation {
		signingKey() // not while a client waits
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accounts[a.ID] = &a
}

// SetUserPolicy replaces a user's policy; it acts at once, also on sessions.
func (e *Emulator) SetUserPolicy(u *User, doc string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	u.Policy = Document(doc)
}

// DeleteKey makes an access key id, long-term or of a session, unknown.
func (e *Emulator) DeleteKey(accessKeyID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.keys, accessKeyID)
	delete(e.sessions, accessKeyID)
}

// longTermKey is one of a user's access keys.
type longTermKey struct {
	user       *User
	secret     string
	created    time.Time
	inactive   bool
	unknownFor int // requests that are still refused
}

// AddKey gives a user another access key beside the first, as one does to rotate
// keys; [Emulator.DeleteKey] takes one away.
func (e *Emulator) AddKey(u *User) (accessKeyID, secretAccessKey string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id, secret := newKeyID("AKIA", u.Account), newSecret()
	e.keys[id] = &longTermKey{user: u, secret: secret, created: e.Now()}
	return id, secret
}

// Users are the users of the world in the order they came.
func (e *Emulator) Users() []*User {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.users)
}

// Roles are the roles of the world by ARN.
func (e *Emulator) Roles() []*Role {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.SortedFunc(maps.Values(e.roles), func(a, b *Role) int { return strings.Compare(a.ARN, b.ARN) })
}

// Devices are a user's MFA devices.
func (e *Emulator) Devices(u *User) []*MFADevice {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(u.devices)
}

func (e *Emulator) load(w World) error {
	for _, a := range w.Accounts {
		if !isAccount(a.ID) {
			return fmt.Errorf("account %q is not 12 digits", a.ID)
		}
		e.accounts[a.ID] = &a
	}
	for _, u := range w.Users {
		if _, err := e.addUser(u); err != nil {
			return err
		}
	}
	for _, r := range w.Roles {
		if _, err := e.addRole(r); err != nil {
			return err
		}
	}
	for _, p := range w.OIDCProviders {
		if _, err := e.addOIDC(p); err != nil {
			return err
		}
	}
	for _, p := range w.SAMLProviders {
		if _, err := e.addSAML(p); err != nil {
			return err
		}
	}
	if w.IdentityCenter != nil {
		if err := e.addIdentityCenter(*w.IdentityCenter); err != nil {
			return err
		}
	}
	for arn, doc := range w.Policies {
		if _, err := parsePolicy(string(doc)); err != nil {
			return fmt.Errorf("managed policy %s: %w", arn, err)
		}
		e.managed[arn] = doc
	}
	return nil
}

func (e *Emulator) addUser(u User) (*User, error) {
	if err := e.account(u.Account); err != nil {
		return nil, fmt.Errorf("user %q: %w", u.Name, err)
	}
	path, err := cleanPath(u.Path)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", u.Name, err)
	}
	if u.Policy != "" {
		if _, err := parsePolicy(string(u.Policy)); err != nil {
			return nil, fmt.Errorf("user %q: policy: %w", u.Name, err)
		}
	}
	u.Path = path
	if u.Root {
		u.ARN, u.UserID = "arn:aws:iam::"+u.Account+":root", u.Account
	} else {
		if u.Name == "" {
			return nil, errors.New("a user without a name")
		}
		u.ARN = "arn:aws:iam::" + u.Account + ":user" + path + u.Name
		if u.UserID == "" {
			u.UserID = uniqueID("AIDA")
		}
	}
	if u.AccessKeyID == "" {
		u.AccessKeyID = newKeyID("AKIA", u.Account)
	}
	if u.SecretAccessKey == "" {
		u.SecretAccessKey = newSecret()
	}
	p := &u
	if _, twice := e.keys[p.AccessKeyID]; twice {
		return nil, fmt.Errorf("user %q: access key id %s is taken", u.Name, u.AccessKeyID)
	}
	e.users = append(e.users, p)
	e.keys[p.AccessKeyID] = &longTermKey{user: p, secret: p.SecretAccessKey, created: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, d := range u.MFADevices {
		if _, err := e.addDevice(p, d); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (e *Emulator) addRole(r Role) (*Role, error) {
	if err := e.account(r.Account); err != nil {
		return nil, fmt.Errorf("role %q: %w", r.Name, err)
	}
	path, err := cleanPath(r.Path)
	if err != nil {
		return nil, fmt.Errorf("role %q: %w", r.Name, err)
	}
	if r.Name == "" {
		return nil, errors.New("a role without a name")
	}
	if r.Policy != "" {
		if _, err := parsePolicy(string(r.Policy)); err != nil {
			return nil, fmt.Errorf("role %q: policy: %w", r.Name, err)
		}
	}
	if r.MaxSessionDuration == 0 {
		r.MaxSessionDuration = 3600
	}
	if r.MaxSessionDuration < 3600 || r.MaxSessionDuration > 43200 {
		return nil, fmt.Errorf("role %q: max session duration %d is not 3600 to 43200 seconds", r.Name, r.MaxSessionDuration)
	}
	r.Path = path
	r.ARN = "arn:aws:iam::" + r.Account + ":role" + path + r.Name
	if r.RoleID == "" {
		r.RoleID = uniqueID("AROA")
	}
	if r.TrustedActions == nil {
		r.TrustedActions = []string{"sts:AssumeRole*", "sts:TagSession", "sts:SetSourceIdentity"}
	}
	p := &r
	e.roles[p.ARN] = p
	return p, nil
}

func (e *Emulator) account(id string) error {
	if !isAccount(id) {
		return fmt.Errorf("account %q is not 12 digits", id)
	}
	if e.accounts[id] == nil {
		e.accounts[id] = &Account{ID: id}
	}
	return nil
}

func isAccount(id string) bool {
	return len(id) == 12 && strings.Trim(id, "0123456789") == ""
}

func cleanPath(p string) (string, error) {
	if p == "" {
		return "/", nil
	}
	if !strings.HasPrefix(p, "/") || !strings.HasSuffix(p, "/") {
		return "", fmt.Errorf("path %q must begin and end with a slash", p)
	}
	return p, nil
}
