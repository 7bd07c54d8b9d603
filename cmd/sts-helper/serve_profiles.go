package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/nodeagent"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/source"
)

// servePlan is what the settings say is to be served.
type servePlan struct {
	profiles  []imds.Profile
	providers []*broker.Provider
	instance  *imds.Instance
	ecs       string // the profile for ECS's address
	aliases   []netip.Addr
	uids      []uint32
	fleet     string           // the path of the fleet's file
	rules     *nodeagent.Rules // of a node's agent
	nodeFiles []string         // with the rules, and the profiles that they name
}

// refusal gives no credentials.
type refusal struct{ error }

func (r refusal) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials{}, r }

// refused is s with no credentials for any client.
func (s *servePlan) refused(why error) *servePlan {
	none := *s
	none.profiles = slices.Clone(s.profiles)
	for i := range none.profiles {
		none.profiles[i].Provider, none.profiles[i].Identity = refusal{why}, "refused" // an identity of its own has no credentials yet
	}
	return &none
}

// sharedSettings are the settings that may be flags beside several profiles, because they do not say
// what is asked for.
var sharedSettings = [...]string{"cache-dir", "no-cache", "wait", "verbose"}

// maxReads bounds how often settings that were replaced while they were read are read again.
const maxReads = 8

// load reads the settings of every profile, and returns how what they came from looked before
// it was read: what changes later must be seen to have changed. The files of a node's agent are of one time, for by
// the rules of another time a profile would be another pod's: the kubelet replaces them together.
func (e *endpoint) load() (s *servePlan, seen *watchState, err error) {
	for range maxReads {
		before := filesSeen{}
		s, seen, err = e.loadOnce(before)
		together := filesSeen{}
		if e.agent != nil {
			for _, name := range e.nodeFiles() {
				if f, ok := before[name]; ok {
					together[name] = f
				}
			}
		}
		if len(together.changed()) == 0 {
			return s, seen, err
		}
	}
	return nil, nil, failure.Configf("--node-pods: %s and %s are replaced each time that they are read", display.Safe(e.flags.nodePods), display.Safe(settings.ConfigPath(e.env)))
}

// nodeFiles are the list of a node's agent, and the profiles that it names.
func (e *endpoint) nodeFiles() []string {
	return []string{e.flags.nodePods, settings.ConfigPath(e.env)}
}

func (e *endpoint) loadOnce(before filesSeen) (*servePlan, *watchState, error) {
	env := e.env
	env.Reading = func(path string) {
		if _, ok := before[path]; !ok {
			before[path] = lookAt(path)
		}
		if e.env.Reading != nil {
			e.env.Reading(path)
		}
	}
	s, err := e.read(env)
	if err != nil {
		return nil, nil, err
	}
	if s.fleet, _, err = settings.FleetFile(env); err != nil {
		return nil, nil, err
	}
	if f := before[s.fleet]; f.info != nil {
		// What was got under another policy is not given under this one.
		for i := range s.profiles {
			s.profiles[i].Identity += " " + hex.EncodeToString(f.content[:])
		}
	}
	return s, s.watch(before), nil
}

// read reads the settings of every profile.
func (e *endpoint) read(env settings.Environment) (*servePlan, error) {
	s := &servePlan{}
	var err error
	if s.aliases, err = e.flags.loopbackAliases(); err != nil {
		return nil, err
	}
	if s.uids, err = e.flags.uids(); err != nil {
		return nil, err
	}
	names, imdsOnly := e.profileNames()
	if e.agent != nil {
		if s.rules, err = e.rules(env); err != nil {
			return nil, err
		}
		names, s.nodeFiles = s.rules.Profiles(), e.nodeFiles()
		if len(names) == 0 {
			e.log.Warn("no service account is named, so no pod gets credentials", "file", e.flags.nodePods)
		}
	}
	if err := e.settingsFit(len(names)); err != nil {
		return nil, err
	}
	env.OneOfMany = true // it never asks for a code
	for _, name := range names {
		req, err := settings.LoadNamed(name, e.settings, env)
		if err != nil {
			return nil, err
		}
		login := settings.LoginCommand(name, e.settings, req)
		prov, err := broker.New(req, broker.Options{Env: env, NonInteractive: true, LoginCommand: login, Log: e.log, Run: e.run})
		if err != nil {
			return nil, err
		}
		if name == "" {
			name = unnamed
		}
		s.providers = append(s.providers, prov)
		p := imds.Profile{
			Name:        imds.CleanName(name),
			Provider:    prov,
			Identity:    prov.Key().String(),
			RoleARN:     req.RoleARN,
			Lifetime:    prov.Lifetime(),
			LoginHint:   loginHint(req, login),
			NoContainer: name == imdsOnly,
			OnDemand:    e.agent != nil, // not every node has pods of every profile
		}
		if name == e.flags.imds {
			p.Provider = prov.WithAccount()
			s.instance = e.flags.instance(p.Name, req.Region)
		}
		if name == e.flags.ecs && !p.NoContainer {
			s.ecs = p.Name
		}
		s.profiles = append(s.profiles, p)
	}
	if e.flags.ecs != "" && s.ecs == "" {
		return nil, usageError{fmt.Errorf("--ecs-address: %q is not one of the profiles served as container credentials", display.Safe(e.flags.ecs))}
	}
	if e.flags.imds != "" && s.instance == nil {
		return nil, usageError{fmt.Errorf("--imds: %q is not one of the profiles served", display.Safe(e.flags.imds))}
	}
	return s, nil
}

// nothingToServe is the error for a server that was told nothing, where nothing is found either. What was
// named may come back later, and is waited for.
func (e *endpoint) nothingToServe(ctx context.Context, s *servePlan) error {
	if e.agent != nil {
		return nil
	}
	prov := s.providers[0]
	req := prov.Request().Bottom()
	if len(e.flags.profiles) > 0 || req.Source.Kind != request.SourceDefault || req.Source.Profile != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if _, err := prov.Token(ctx); err != nil && failure.ClassOf(err) == failure.Source {
		return &failure.Error{Class: failure.Configuration, Err: err, Run: "sts-helper setup",
			Text: "there is nothing to serve: no --profile was given, and neither config.toml nor AWS's variables and files name credentials",
			Next: "name a profile, as in: sts-helper serve --profile dev; to make one"}
	}
	return nil
}

// settingsFit refuses settings that would hold for several profiles at once: two names for
// the same credentials are hardly what was meant.
func (e *endpoint) settingsFit(profiles int) error {
	for name := range e.settings {
		if (profiles > 1 || e.agent != nil) && !slices.Contains(sharedSettings[:], name) {
			return usageError{fmt.Errorf("--%s would hold for every profile; with more than one, or --node, put it into config.toml", name)}
		}
	}
	return nil
}

// loginHint is what clients are told when the user is needed: one line of ASCII.
func loginHint(req *request.Request, command string) string {
	hint := "log in first, run: " + command
	if req.Granted != "" {
		hint = "the token that was accepted as " + req.Granted + " has ended; ask for another"
	}
	if strings.ContainsFunc(hint, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "log in first, run: sts-helper login"
	}
	return hint
}

func (e *endpoint) config(s *servePlan) imds.Config {
	c := imds.Config{
		Profiles:             s.profiles,
		IMDS:                 s.instance,
		ECS:                  s.ecs,
		BearerToken:          e.bearer,
		Key:                  e.key,
		AllowUIDs:            s.uids,
		NoPeerCheck:          e.flags.noUIDCheck,
		IMDSWithoutPeerCheck: e.flags.imdsForAll,
		Hosts:                e.flags.hosts,
		Aliases:              s.aliases,
		AllowNonLoopback:     e.flags.allowNonLoopback,
		LoginRequired:        broker.LoginRequired,
		FetchTimeout:         fetchTimeout,
		Logger:               e.log,
	}
	if e.metrics != nil {
		c.Observe = e.metrics.observe
	}
	if e.agent != nil {
		c.Pods = &imds.Pods{Authorize: e.agent.Authorizer(s.rules), Ready: e.agent.Ready}
		c.MaxConnsPerUID = maxConnsOfPod
	}
	e.audited(s, &c)
	return c
}

// selfReference refuses to be its own source: a shell that has read the env-file of an earlier
// run, or of this one, passes its variables on.
func selfReference(s *servePlan, listeners []net.Listener, env settings.Environment) error {
	for _, p := range s.providers {
		req := p.Request().Bottom()
		kind := req.Source.Kind
		if s.ecs != "" && (kind == request.SourceContainer || kind == request.SourceDefault) && env.Getenv(varRelative) != "" {
			return referenceError(varRelative)
		}
		endpoint, variable := source.Endpoint(req.Source, env.Getenv)
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" {
			continue
		}
		for _, ln := range listeners {
			if host, port, err := net.SplitHostPort(ln.Addr().String()); err == nil && cmp.Or(u.Port(), "80") == port && (u.Hostname() == host || awsname.IsLoopback(u.Hostname())) {
				return referenceError(variable)
			}
		}
	}
	return nil
}

func referenceError(variable string) error {
	return &failure.Error{Class: failure.Configuration, Text: fmt.Sprintf(
		"%s leads back to this server; unset it, or name the profile that holds the keys with --source-profile", variable)}
}
