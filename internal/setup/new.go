package setup

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// Key is the key of a profile: of a new one that is made from it, or one that is to be kept in a store under the
// profile's name.
type Key struct {
	Profile string // "" for default
	ProfileKey
	Region string // that the profile asks, "" for none
}

// CheckNew checks all of a new profile but the key, and gives it the name default where it has none.
func CheckNew(env settings.Environment, k *Key, opts Options) error {
	if k.Profile == "" {
		k.Profile = "default"
	}
	p, err := open(env, opts)
	if err != nil {
		return err
	}
	return p.checkNew(k.Profile, k.Region)
}

// checkNew refuses the name of a profile that is there, and what is no region.
func (p *Plan) checkNew(name, region string) error {
	quoted := display.Quote(name)
	switch {
	case command(p.opts.Program, name) == "":
		return failure.Configf("%s cannot be written into a command that every SDK reads", quoted).Do("choose another name with --profile")
	case p.files.Profile(name) != nil || slices.Contains(p.entries, entryName(name)) || p.private.edit.Has(name):
		return failure.Configf("there is a profile %s already", quoted).Do("choose another name with --profile, or take it over: sts-helper setup %s", display.ShellWord(name))
	case region != "" && !awsname.ValidRegion(region):
		return failure.Configf("%s is no region", display.Quote(region))
	}
	return nil
}

// NewKeyPlan plans a new profile. Its key goes into the credentials file that only this program is
// told of.
func NewKeyPlan(env settings.Environment, k Key, opts Options) (*Plan, error) {
	if err := CheckNew(env, &k, opts); err != nil {
		return nil, err
	}
	if err := k.Check(); err != nil {
		return nil, err
	}
	p, err := open(env, opts)
	if err != nil {
		return nil, err
	}
	q := &awsconfig.Profile{Name: k.Profile}
	p.keepInFile(k.Profile, k.ProfileKey)
	if k.Region != "" {
		q.Props = append(q.Props, awsconfig.Property{Key: awsconfig.KeyRegion, Value: k.Region})
	}
	e := entry{name: k.Profile}
	e.add("source_profile", k.Profile)
	e.add("credentials_file", filepath.Base(p.private.path))
	e.add("mfa_serial", k.MFASerial)
	p.takeOver(q, nil, e)
	p.Profiles = []Profile{{Name: k.Profile, Kind: kindKey, Action: New}}
	return p, p.check()
}

// Role is a role that IAM Identity Center lets the user enter.
type Role struct{ AccountID, AccountName, Name string }

// Center is IAM Identity Center, from which new profiles are made.
type Center struct {
	Session  string // name of the sso-session section
	StartURL string
	Region   string
	Profile  string // the name for a single role, "" for one made of its account's name and its own
	Roles    []Role
}

// CheckCenter completes and checks what can be known before the login.
func CheckCenter(env settings.Environment, c *Center, opts Options) error {
	u, err := url.Parse(c.StartURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || !display.Printable(c.StartURL) {
		return &failure.Error{Class: failure.Usage, Text: "--sso-start-url: " + display.Quote(c.StartURL) + " is no start URL; it looks like https://d-1234567890.awsapps.com/start"}
	}
	labels := strings.Split(u.Hostname(), ".")
	if c.Region == "" && len(labels) == 5 && labels[1] == "portal" && strings.HasSuffix(u.Host, ".app.aws") {
		c.Region = labels[2]
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if c.Region == "" {
			c.Region = env.Getenv(name)
		}
	}
	if c.Region == "" {
		return &failure.Error{Class: failure.Usage, Text: "the start URL does not say in which region Identity Center is; add --region"}
	}
	if c.Session == "" {
		c.Session = labels[0]
	}
	p, err := open(env, opts)
	if err != nil {
		return err
	}
	if other := p.files.Other(awsconfig.SSOSession, c.Session); other != nil && strings.TrimSuffix(other.Value(awsconfig.KeySSOStartURL), "/") != strings.TrimSuffix(c.StartURL, "/") {
		return failure.Configf("there is another sso-session %s already, of %s", display.Quote(c.Session), display.Safe(other.Value(awsconfig.KeySSOStartURL)))
	}
	if c.Profile != "" {
		return p.checkNew(c.Profile, c.Region)
	}
	return nil
}

// NewCenterPlan plans a profile for each role. Those that are there already are left alone.
func NewCenterPlan(env settings.Environment, c Center, opts Options) (*Plan, error) {
	p, err := open(env, opts)
	if err != nil {
		return nil, err
	}
	if len(c.Roles) == 0 {
		return nil, &failure.Error{Class: failure.Denied, Text: "Identity Center lets you enter no account", Next: "ask its administrator for a permission set", Final: true}
	}
	if c.Profile != "" && len(c.Roles) > 1 {
		var names []string
		for _, r := range c.Roles {
			names = append(names, r.AccountID+" "+r.Name)
		}
		return nil, &failure.Error{Class: failure.Usage, Text: "--profile names one profile, and there are several roles: " + display.Safe(strings.Join(names, ", ")), Next: "choose with --account and --role, or leave --profile out"}
	}
	if p.files.Other(awsconfig.SSOSession, c.Session) == nil {
		p.config.edit.Append(awsconfig.HeaderFor(awsconfig.SSOSession, c.Session), awsconfig.KeySSOStartURL+" = "+c.StartURL,
			awsconfig.KeySSORegion+" = "+c.Region, awsconfig.KeySSOScopes+" = sso:account:access")
	}
	for _, r := range c.Roles {
		name := c.Profile
		if name == "" {
			name = profileName(r, c.Roles)
		}
		if err := p.checkNew(name, c.Region); err != nil || p.files.Profile(name+"-sso") != nil {
			p.Profiles = append(p.Profiles, Profile{Name: name, Kind: kindSSO, Action: Leave, Reason: "there is a profile of that name already"})
			continue
		}
		p.config.edit.Append(awsconfig.HeaderFor("profile", name+"-sso"), awsconfig.KeySSOSession+" = "+c.Session,
			awsconfig.KeySSOAccountID+" = "+r.AccountID, awsconfig.KeySSORoleName+" = "+r.Name, awsconfig.KeyRegion+" = "+c.Region)
		e := entry{name: name}
		e.add("source_profile", name+"-sso")
		p.takeOver(&awsconfig.Profile{Name: name, Section: awsconfig.Section{Props: []awsconfig.Property{{Key: awsconfig.KeyRegion, Value: c.Region}}}}, nil, e)
		p.Profiles = append(p.Profiles, Profile{Name: name, Kind: kindSSO, Action: New})
	}
	return p, p.check()
}

// profileName is a name for a role's profile: that of its account, or its number where the name
// says nothing, and that of the role.
func profileName(r Role, all []Role) string {
	account := strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
			return c
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, r.AccountName), "-.")
	for _, other := range all {
		if other.AccountName == r.AccountName && other.AccountID != r.AccountID {
			account = ""
		}
	}
	if account == "" {
		account = r.AccountID
	}
	return account + "-" + r.Name
}
