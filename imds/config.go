package imds

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Config says what a [Server] serves, and to whom. Profiles is required, a bearer token for every
// profile that is served on a container path, and Key if IMDS is set. Everything else has a default.
type Config struct {
	// Profiles are the identities to serve, each at /credentials/NAME. Required, at least one, but with Pods, of which none may be
	// meant to get anything at present.
	Profiles []Profile
	// IMDS makes one of the profiles the role of a pretended EC2 instance. Optional; without it
	// every metadata path is 404.
	IMDS *Instance
	// ECS names the one of the profiles that connections to [ECSAddress] get without a token, as from ECS's agent:
	// for clients that know AWS_CONTAINER_CREDENTIALS_RELATIVE_URI alone, and send none. The address counts as
	// loopback then, so it must be on the loopback device. Besides the other guards it refuses processes in
	// containers and sandboxes that run as the server's own user. Optional; only where peers are checked, else
	// refused with [ErrNoPeerCheck].
	ECS string
	// Pods makes the server the agent of a Kubernetes node. IMDS, ECS and AllowNonLoopback are not possible then, no
	// bearer token is needed, and the users of connections are not asked for. Optional.
	Pods *Pods
	// BearerToken is what a client must send as its Authorization header for profiles without a
	// token of their own: 16 to 512 characters of A-Z a-z 0-9 _ -, as [NewBearerToken] makes.
	BearerToken string
	// Key signs IMDSv2 session tokens: 32 bytes, the same after a restart, else clients that hold a
	// token for six hours are stranded. [LoadOrCreateKey] keeps one. Required with IMDS.
	Key []byte

	// AllowUIDs are users that may connect besides the server's own effective user. Not on Windows, where users have
	// no numbers; only where peers are checked.
	AllowUIDs []uint32
	// NoPeerCheck switches off the question whose socket is at the other end, which is asked on Linux, and on macOS
	// and Windows in builds with the tag peercheck. Every user of the machine can then try the bearer tokens, which a file of mode 0600
	// keeps from them. Instance metadata has no such secret: see IMDSWithoutPeerCheck.
	NoPeerCheck bool
	// IMDSWithoutPeerCheck permits IMDS where nothing tells users apart: with NoPeerCheck, and where the
	// question is not asked. It gives the credentials to every user of the machine, because every caller gets a
	// session token. Without it such a Config is refused with [ErrNoPeerCheck]. It changes nothing where
	// peers are checked.
	IMDSWithoutPeerCheck bool
	// Hosts are more values of the Host header to accept, each exactly as a client sends it, without
	// a port (the listener's is then accepted too) or with one. 127.0.0.1, [::1], localhost,
	// 169.254.169.254 and 169.254.170.2 always are.
	Hosts []string
	// Aliases are addresses of this machine that count as loopback, such as 169.254.169.254 on lo.
	Aliases []netip.Addr
	// AllowNonLoopback permits listeners on other addresses. Every machine that can reach such an address
	// can try the bearer tokens, and answers cross the network in the clear. Only the container
	// paths are served there.
	AllowNonLoopback bool
	// MaxConnsPerUID limits the connections of one user; 0 means 512. At the limit a new connection takes the place
	// of the longest idle one. Where users are not told apart it limits all connections together.
	MaxConnsPerUID int

	// LoginRequired reports whether a provider's error means that the user must log in first. Clients
	// are then told so with a status that they do not retry, and the provider is asked again every
	// 750 ms, so it should find that out cheaply. Optional; without it no error means that.
	LoginRequired func(error) bool
	// FetchTimeout ends a call of a provider; 0 means 30 seconds. It must respect its context.
	FetchTimeout time.Duration
	// DrainTimeout is how long [Server.Serve] lets answers finish at its end; 0 means 5 seconds.
	DrainTimeout time.Duration

	// Logger gets the access log (Info), refused connections and failed fetches (Warn). It never
	// gets a header's value, a query string or a secret. Optional.
	Logger *slog.Logger
	// Observe is called for every [Event], from many goroutines at once; it must be quick. Optional.
	Observe func(Event)
	// Given is called before credentials are sent, from many goroutines at once, and the client waits for
	// it: for a log of who got what. Optional.
	Given func(Handout)
}

// Handout is what a client gets.
type Handout struct {
	Profile     string
	Credentials aws.Credentials
	IMDS        bool  // by instance metadata, else as container credentials
	UID         int64 // of the user who gets them, -1 where that is not known
	Pod         *Pod  // that gets them; nil where it is none
}

// Profile is one identity to serve.
type Profile struct {
	// Name is the last part of the container path, 1 to 128 characters of A-Z a-z 0-9 _ + = , . @ -,
	// as [CleanName] makes them. Required.
	Name string
	// Provider gives the credentials. Required. It may be asked often, one call at a time; it must
	// respect its context, and give new credentials some time before the old ones end: in the last
	// 5 minutes if they live up to 20 minutes (the last third of less than 15), 15 up to 40, 20 up to 90, above
	// that 60. These are the windows of the cache too.
	Provider aws.CredentialsProvider
	// Identity stays the same for as long as Name means the same principal with the same
	// rights. Session tokens are bound to it: when it changes, old ones are refused with 401.
	// Optional; Name and RoleARN together if empty.
	Identity string
	// BearerToken is this profile's own token, in the form of [Config.BearerToken]. Optional.
	BearerToken string
	// RoleARN is shown in container answers. Optional.
	RoleARN string
	// AccountID is shown where the credentials do not name their account. Optional; else it is taken
	// from RoleARN.
	AccountID string
	// Lifetime is how long these credentials live when new. Optional: it sets the refresh window
	// right for credentials that were not new when they were first fetched.
	Lifetime time.Duration
	// LoginHint is what the client is told when a login is required, such as the command to run. One
	// line of ASCII. Optional.
	LoginHint string
	// NoContainer keeps the profile off the container path, so that only IMDS serves it.
	NoContainer bool
	// OnDemand leaves the credentials alone until a client asks for them, and again when none has asked for an hour.
	// Health checks then do not ask how the profile fares.
	OnDemand bool
}

// Instance is the EC2 instance that the metadata paths pretend: its role, its region and an identity document.
type Instance struct {
	// Profile names the one of [Config.Profiles] that is the instance's role. Required.
	Profile string
	// RoleName is the role's name; [CleanName] of the profile's if empty.
	RoleName string
	// Region, such as "eu-central-1"; the availability zone is its zone a. Without it placement and the identity
	// document are 404.
	Region string
}

const (
	defaultMaxConns     = 512
	defaultFetchTimeout = 30 * time.Second
	defaultDrainTimeout = 5 * time.Second
	minBearer           = 16
	maxBearer           = 512
	maxName             = 128
)

// ErrNoPeerCheck is why [New] and [Server.Reload] refuse IMDS where users are not told apart.
var ErrNoPeerCheck = errors.New("instance metadata has no secret, and nothing tells users apart here: every user of this machine would get the credentials; serve container credentials, or set IMDSWithoutPeerCheck")

// ECSAddress is where ECS's agent answers, and clients add AWS_CONTAINER_CREDENTIALS_RELATIVE_URI to
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
const ECSAddress = "169.254.170.2"

var ecsAddr = netip.AddrFrom4([4]byte{169, 254, 170, 2}) // tests take another

// errECSNoPeerCheck is ErrNoPeerCheck for ECS, which has no exception.
var errECSNoPeerCheck = fmt.Errorf("imds: no token is asked for at "+ECSAddress+", so it needs the peer check: %w", ErrNoPeerCheck)

// sandboxesKnown says whether processes in containers and sandboxes can be told from others, which ECS needs.
const sandboxesKnown = runtime.GOOS == "linux"

// checksPeers reports whether the kernel is asked whose connections come.
func (c *Config) checksPeers() bool { return peerCheckSupported && !c.NoPeerCheck && c.Pods == nil }

// CleanName makes s fit for a path and a role name: every character other than A-Z a-z 0-9
// _ + = , . @ - becomes "-", and the length is at most 128. Two names can become one.
func CleanName(s string) string {
	b := []byte(s[:min(len(s), maxName)])
	for i, c := range b {
		if !nameChar(c) {
			b[i] = '-'
		}
	}
	switch string(b) {
	case "", ".", "..":
		return "-"
	}
	return string(b)
}

func nameChar(c byte) bool { return alphanumeric(c) || strings.IndexByte("_+=,.@-", c) >= 0 }

func alphanumeric(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
}

// ValidBearerToken reports whether s has the form of [Config.BearerToken].
func ValidBearerToken(s string) bool {
	return len(s) >= minBearer && len(s) <= maxBearer &&
		!strings.ContainsFunc(s, func(r rune) bool { return r > '~' || !alphanumeric(byte(r)) && r != '_' && r != '-' })
}

// check reports the first thing in c that no server could be built from. It never shows a token.
func (c *Config) check() error {
	if len(c.Profiles) == 0 && c.Pods == nil {
		return errors.New("no profile to serve")
	}
	if c.BearerToken != "" && !ValidBearerToken(c.BearerToken) {
		return fmt.Errorf("the bearer token must be %d to %d characters of A-Z a-z 0-9 _ -", minBearer, maxBearer)
	}
	seen := make(map[string]bool, len(c.Profiles))
	for i := range c.Profiles {
		p := &c.Profiles[i]
		switch {
		case p.Name == "" || p.Name != CleanName(p.Name):
			return fmt.Errorf("profile name %q does not fit a path: use 1 to %d characters of A-Z a-z 0-9 _ + = , . @ -", p.Name, maxName)
		case seen[p.Name]:
			return fmt.Errorf("profile %q is named twice", p.Name)
		case p.Provider == nil:
			return fmt.Errorf("profile %q has no credentials provider", p.Name)
		case p.BearerToken != "" && !ValidBearerToken(p.BearerToken):
			return fmt.Errorf("the bearer token of profile %q must be %d to %d characters of A-Z a-z 0-9 _ -", p.Name, minBearer, maxBearer)
		case !p.NoContainer && c.Pods == nil && p.BearerToken == "" && c.BearerToken == "":
			return fmt.Errorf("profile %q has no bearer token", p.Name)
		case !printable(p.LoginHint):
			return fmt.Errorf("the login hint of profile %q is not one line of ASCII", p.Name)
		}
		seen[p.Name] = true
	}
	for _, h := range c.Hosts {
		if h == "" || !printable(h) {
			return fmt.Errorf("%q is not a Host header", h)
		}
	}
	if c.Pods != nil {
		switch {
		case c.Pods.Authorize == nil:
			return errors.New("imds: a server for pods needs Authorize")
		case c.IMDS != nil || c.ECS != "" || c.AllowNonLoopback:
			return errors.New("imds: a server for pods serves them alone: no IMDS, no ECS, no other addresses")
		}
	}
	if c.ECS != "" {
		if i := slices.IndexFunc(c.Profiles, func(p Profile) bool { return p.Name == c.ECS }); i < 0 || c.Profiles[i].NoContainer {
			return fmt.Errorf("imds: the ECS profile %q is not one of those served as container credentials", c.ECS)
		}
		if !c.checksPeers() || !sandboxesKnown {
			return errECSNoPeerCheck
		}
	}
	if c.IMDS == nil {
		return nil
	}
	if !seen[c.IMDS.Profile] {
		return fmt.Errorf("the instance's profile %q is not one of those served", c.IMDS.Profile)
	}
	if !c.checksPeers() && !c.IMDSWithoutPeerCheck {
		return ErrNoPeerCheck
	}
	if len(c.Key) != KeySize {
		return fmt.Errorf("the key for session tokens has %d bytes instead of %d", len(c.Key), KeySize)
	}
	return nil
}

// printable reports whether s is one line of ASCII.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventRequest EventKind = "request" // an answer was given; Status, Route, Guard if a guard refused
	EventConn    EventKind = "conn"    // a connection was closed unread; Guard says why
	EventFetch   EventKind = "fetch"   // a provider was asked; Err nil if it gave credentials
)

// Event is something to count. Its strings are from small fixed sets, or names from the [Config], so
// they can be labels of a metric.
type Event struct {
	Kind     EventKind
	Route    string // "container", "token", "metadata", "health" or "other"
	Profile  string // the profile asked for or fetched, where there is one
	Status   int    // HTTP status
	Guard    string // the guard that refused: address, peer, limit, form, host, browser, forwarded, body
	Duration time.Duration
	// Expires is when the credentials that were fetched end.
	Expires time.Time
	// Err is why the fetch failed, and Login whether the user must log in first.
	Err   error
	Login bool
}
