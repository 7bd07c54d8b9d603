package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// IdentityCenter is an instance of IAM Identity Center: who may sign in, and to which
// accounts with which permission set.
type IdentityCenter struct {
	StartURL string `json:"start_url"`
	Region   string `json:"region,omitempty"`
	// AccessTokenSeconds is how long an access token lasts, 3600 by default, and
	// SessionSeconds how long a session can be refreshed, 28800 by default.
	AccessTokenSeconds int `json:"access_token_seconds,omitempty"`
	SessionSeconds     int `json:"session_seconds,omitempty"`
	// PollSeconds is the least time between two questions of a device, 5 by default.
	PollSeconds int             `json:"poll_seconds,omitempty"`
	Users       []DirectoryUser `json:"users,omitempty"`
}

// DirectoryUser is a user of Identity Center's directory.
type DirectoryUser struct {
	Name        string       `json:"name"`
	Assignments []Assignment `json:"assignments,omitempty"`
}

// Assignment lets a user enter an account with a permission set, which is a role there.
type Assignment struct {
	Account       string `json:"account"`
	PermissionSet string `json:"permission_set"`
}

// reservedPath is where Identity Center keeps its roles.
const reservedPath = "/aws-reserved/sso.amazonaws.com/"

// identityCenter is an instance with what became of it.
type identityCenter struct {
	IdentityCenter
	clients  map[string]*ssoClient
	sessions []*ssoSession
	access   map[string]accessToken // by the token
	codes    map[string]*authCode   // by the code
	devices  map[string]*device     // by device code
	bucket   bucket
}

// ssoSession is one sign-in of a user, until it ends.
type ssoSession struct {
	user      string
	client    string // client id
	refresh   string // the refresh token that works; "" for none
	used      map[string]bool
	signedIn  time.Time
	ends      time.Time
	ended     bool
	refreshed int
}

type accessToken struct {
	session *ssoSession
	ends    time.Time
}

// AddIdentityCenter sets up IAM Identity Center. It may be called once, before or after
// Start.
func (e *Emulator) AddIdentityCenter(ic IdentityCenter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.addIdentityCenter(ic); err != nil {
		panic("emulator: " + err.Error())
	}
}

func (e *Emulator) addIdentityCenter(ic IdentityCenter) error {
	if e.center != nil {
		return fmt.Errorf("identity center %q: there is one already", ic.StartURL)
	}
	if ic.StartURL == "" {
		return fmt.Errorf("identity center without a start_url")
	}
	ic.AccessTokenSeconds = orDefault(ic.AccessTokenSeconds, 3600)
	ic.SessionSeconds = orDefault(ic.SessionSeconds, 8*3600)
	ic.PollSeconds = orDefault(ic.PollSeconds, 5)
	users := ic.Users
	ic.Users = nil
	e.center = &identityCenter{
		IdentityCenter: ic,
		clients:        map[string]*ssoClient{},
		access:         map[string]accessToken{},
		codes:          map[string]*authCode{},
		devices:        map[string]*device{},
	}
	for _, u := range users {
		for _, a := range u.Assignments {
			if err := e.assign(u.Name, a); err != nil {
				return err
			}
		}
		if len(u.Assignments) == 0 {
			e.center.user(u.Name)
		}
	}
	return nil
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

// Assign lets a user of the directory, made if need be, enter an account with a
// permission set.
func (e *Emulator) Assign(user, account, permissionSet string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.assign(user, Assignment{account, permissionSet}); err != nil {
		panic("emulator: " + err.Error())
	}
}

// Unassign takes an assignment away.
func (e *Emulator) Unassign(user, account, permissionSet string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	u := e.center.user(user)
	u.Assignments = slices.DeleteFunc(u.Assignments, func(a Assignment) bool { return a == Assignment{account, permissionSet} })
}

func (e *Emulator) assign(user string, a Assignment) error {
	if e.center == nil {
		return fmt.Errorf("user %q of a directory that is not there: call AddIdentityCenter first", user)
	}
	if user == "" || a.PermissionSet == "" {
		return fmt.Errorf("an assignment needs a user and a permission set")
	}
	if err := e.account(a.Account); err != nil {
		return fmt.Errorf("assignment of %q: %w", user, err)
	}
	u := e.center.user(user)
	if !slices.Contains(u.Assignments, a) {
		u.Assignments = append(u.Assignments, a)
	}
	if e.reservedRole(a) != nil {
		return nil
	}
	var tail [8]byte
	rand.Read(tail[:])
	_, err := e.addRole(Role{
		Account: a.Account, Name: "AWSReservedSSO_" + a.PermissionSet + "_" + hex.EncodeToString(tail[:]),
		Path: reservedPath, Policy: AllowAll, MaxSessionDuration: 43200, permissionSet: a.PermissionSet,
	})
	return err
}

// reservedRole is the role that a permission set is in an account; nil before the
// first assignment.
func (e *Emulator) reservedRole(a Assignment) *Role {
	for _, r := range e.roles {
		if r.Account == a.Account && r.permissionSet == a.PermissionSet && r.Path == reservedPath {
			return r
		}
	}
	return nil
}

// user finds a user or makes one.
func (ic *identityCenter) user(name string) *DirectoryUser {
	for i := range ic.Users {
		if ic.Users[i].Name == name {
			return &ic.Users[i]
		}
	}
	ic.Users = append(ic.Users, DirectoryUser{Name: name})
	return &ic.Users[len(ic.Users)-1]
}

func (ic *identityCenter) known(name string) bool {
	return slices.ContainsFunc(ic.Users, func(u DirectoryUser) bool { return u.Name == name })
}

// grant starts the tokens of a session, or renews them.
func (ic *identityCenter) grant(s *ssoSession, now time.Time, refresh bool) *result {
	if s.refresh != "" {
		s.used[s.refresh] = true
		s.refreshed++
	}
	s.refresh = ""
	if refresh {
		s.refresh = "aorAAAAA" + canary + random64(300)
	}
	token := "aoaAAAAA" + canary + random64(300)
	life := min(time.Duration(ic.AccessTokenSeconds)*time.Second, s.ends.Sub(now)).Truncate(time.Second)
	ic.access[token] = accessToken{s, now.Add(life)}
	doc := map[string]any{"accessToken": token, "expiresIn": int64(life / time.Second), "tokenType": "Bearer"}
	if refresh {
		doc["refreshToken"] = s.refresh
	}
	return &result{json: func(*result) any { return doc }}
}

// signIn starts a session of a user.
func (ic *identityCenter) signIn(user, client string, now time.Time) *ssoSession {
	s := &ssoSession{user: user, client: client, used: map[string]bool{}, signedIn: now,
		ends: now.Add(time.Duration(ic.SessionSeconds) * time.Second)}
	ic.sessions = append(ic.sessions, s)
	return s
}

// SSOTokens are the tokens of an Identity Center session, as a token file holds them.
type SSOTokens struct {
	AccessToken, RefreshToken, ClientID, ClientSecret string
	ExpiresAt, RegistrationExpiresAt                  time.Time
}

// SignInSSO signs a user in without any page, and gives the tokens a login would have
// brought.
func (e *Emulator) SignInSSO(user string) SSOTokens {
	e.mu.Lock()
	defer e.mu.Unlock()
	ic := e.center
	if !ic.known(user) {
		panic("emulator: no user of the directory is called " + user)
	}
	now := e.Now()
	id, c := ic.register(&ssoClient{grants: []string{grantCode, grantRefresh}, scopes: []string{accountAccess}, issued: now})
	s := ic.signIn(user, id, now)
	doc := ic.grant(s, now, true).json(nil).(map[string]any)
	access := doc["accessToken"].(string)
	return SSOTokens{access, s.refresh, id, c.secret, ic.access[access].ends, c.expires()}
}

// EndSSO ends every session of a user ("" for all), as the user's own logout elsewhere
// or an administrator does.
func (e *Emulator) EndSSO(user string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.center.sessions {
		if user == "" || s.user == user {
			s.ended = true
		}
	}
}

// ExpireSSO lets every access token end now; the sessions and their refresh tokens live on.
func (e *Emulator) ExpireSSO() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for token, a := range e.center.access {
		a.ends = e.Now()
		e.center.access[token] = a
	}
}

// SSOSessionsEnded is how many sessions ended before their time, by logout or by a
// refresh token that was used twice.
func (e *Emulator) SSOSessionsEnded() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, s := range e.center.sessions {
		if s.ended {
			n++
		}
	}
	return n
}

func (e *Emulator) adminBrowser(r *http.Request) (any, error) {
	e.SetBrowserUser(r.URL.Query().Get("user"))
	return done, nil
}

var errNoCenter = errors.New("there is no identity center in this world")

func (e *Emulator) adminSSOExpire(*http.Request) (any, error) {
	if !e.hasCenter() {
		return nil, errNoCenter
	}
	e.ExpireSSO()
	return done, nil
}

func (e *Emulator) adminSSOEnd(r *http.Request) (any, error) {
	if !e.hasCenter() {
		return nil, errNoCenter
	}
	e.EndSSO(r.URL.Query().Get("user"))
	return done, nil
}

func (e *Emulator) hasCenter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.center != nil
}
