package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/nodeagent"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const (
	defaultListen = "127.0.0.1:9911"
	// unnamed is what settings without --profile are served as.
	unnamed = "default"
	// serveVariable begins the names of variables for serve's own flags.
	serveVariable = "STS_HELPER_SERVE_"
)

// serveFlags are the flags that serve has besides the settings.
type serveFlags struct {
	profiles, listen    []string
	imds, ecs           string
	envFile, tokenFile  string
	envFormat, envToken string
	allowUIDs           []uint
	noUIDCheck          bool
	allowNonLoopback    bool
	imdsForAll          bool
	aliases, hosts      []string
	metricsListen       string
	logFormat, logLevel string
	roleName, region    string
	node                bool
	nodeName, nodePods  string
	nodeAudience        string
	nodeDir             string
}

func (f *serveFlags) add(set *pflag.FlagSet) {
	set.StringArrayVar(&f.profiles, "profile", nil, "serve this entry of config.toml, or AWS profile; repeatable")
	set.StringVar(&f.imds, "imds", "", "serve this profile as an EC2 instance's role too, by IMDSv2")
	set.StringVar(&f.ecs, "ecs-address", "", "give this `PROFILE` at "+imds.ECSAddress+" without a token, to programs that know AWS_CONTAINER_CREDENTIALS_RELATIVE_URI alone (Linux)")
	set.StringArrayVar(&f.listen, "listen", nil, "`ADDR:PORT` to listen on; port 0 for any; repeatable (default "+defaultListen+")")
	set.StringVar(&f.envFile, "env-file", "", "`FILE` to write the variables for clients to, removed at the end")
	set.StringVar(&f.envFormat, "env-format", formatEnv, "`FORMAT` of --env-file: env (docker, systemd and shells read it alike), systemd or json")
	set.StringVar(&f.envToken, "env-token", tokenAsFile, "how --env-file gives the token: file, variable (for programs that know nothing else) or both")
	set.StringVar(&f.tokenFile, "token-file", "", "`FILE` with the bearer token, made if it is not there (default in the runtime directory)")
	set.UintSliceVar(&f.allowUIDs, "allow-uid", nil, "`UID` that may ask besides yourself; repeatable")
	set.BoolVar(&f.noUIDCheck, "no-uid-check", false, "do not ask whose connections come: every user of this machine can try the token")
	set.BoolVar(&f.imdsForAll, "imds-for-every-user", false, "permit --imds where users are not told apart (--no-uid-check, macOS, Windows): every user of this machine gets the credentials, without a secret")
	set.StringArrayVar(&f.aliases, "loopback-alias", nil, "`ADDR` on the loopback device to take for loopback, such as 169.254.169.254; repeatable")
	set.StringArrayVar(&f.hosts, "allow-host", nil, "`HOST` that clients may name in the Host header too; repeatable")
	set.BoolVar(&f.allowNonLoopback, "expose-credentials-to-the-network", false, "permit --listen on other addresses: every machine that reaches them can try tokens and read answers on the way")
	set.StringVar(&f.metricsListen, "metrics-listen", "", "`ADDR:PORT` on loopback for metrics in Prometheus form")
	set.StringVar(&f.logFormat, "log-format", "text", "text or json")
	set.StringVar(&f.logLevel, "log-level", "info", "debug, info (with one line a request), warn or error")
	set.StringVar(&f.roleName, "imds-role-name", "", "the instance's role `NAME` (default: the profile's)")
	set.StringVar(&f.region, "imds-region", "", "the instance's `REGION` (default: the profile's)")
	set.BoolVar(&f.node, "node", false, "be the agent of a Kubernetes node: give pods credentials at "+imds.PodAddress+" as EKS Pod Identity does")
	set.StringVar(&f.nodeName, "node-name", "", "`NAME` of this node; pods of others are refused")
	set.StringVar(&f.nodePods, "node-pods", "", "`FILE` with a line NAMESPACE/SERVICEACCOUNT PROFILE for each service account that gets credentials")
	set.StringVar(&f.nodeAudience, "node-audience", defaultAudience, "`AUDIENCE` that pods' tokens must be for")
	set.StringVar(&f.nodeDir, "node-service-account", nodeagent.DefaultDir, "`DIR` with ca.crt and token, by which the API server is asked")
}

// fromEnvironment gives the flags of own that were not given the values of their variables. Where
// a flag can be repeated, values are lines, or are separated by commas.
func fromEnvironment(own *pflag.FlagSet, env settings.Environment) (err error) {
	var known []string
	own.VisitAll(func(flag *pflag.Flag) {
		known = append(known, serveVariable+strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")))
	})
	for _, name := range env.OwnNames() {
		if strings.HasPrefix(name, serveVariable) && !slices.Contains(known, name) {
			return &settings.Error{Kind: settings.Config, Where: display.Safe(name), What: "there is no such variable", Do: display.DidYouMean(name, known)}
		}
	}
	own.VisitAll(func(flag *pflag.Flag) {
		variable := serveVariable + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value := env.Getenv(variable)
		if value == "" || flag.Changed || err != nil {
			return
		}
		values := []string{value}
		if _, many := flag.Value.(pflag.SliceValue); many {
			cut := ","
			if strings.Contains(value, "\n") {
				cut = "\n"
			}
			values = strings.Split(strings.TrimSpace(value), cut)
		}
		for _, v := range values {
			if cause := own.Set(flag.Name, strings.TrimSpace(v)); cause != nil {
				err = &settings.Error{Kind: settings.Config, Where: variable, What: display.Safe(v) + " does not fit", Err: cause}
				return
			}
		}
	})
	return err
}

// logger is the server's log, on stderr.
func (f *serveFlags) logger(w io.Writer, settings settings.Flags) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level: %q is none of debug, info, warn and error", display.Safe(f.logLevel))}
	}
	if _, verbose := settings["verbose"]; verbose {
		level = slog.LevelDebug
	}
	opts := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format: %q is neither text nor json", display.Safe(f.logFormat))}
}

// check refuses what can be seen to be wrong before anything is read or made.
func (f *serveFlags) check() error {
	for _, a := range f.listen {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return usageError{fmt.Errorf("--listen: want an address and a port, such as %s, not %q", defaultListen, display.Safe(a))}
		}
	}
	if !slices.Contains(envFormats, f.envFormat) {
		return usageError{fmt.Errorf("--env-format: %q is none of %s", display.Safe(f.envFormat), strings.Join(envFormats, ", "))}
	}
	if !slices.Contains(tokenWays, f.envToken) {
		return usageError{fmt.Errorf("--env-token: %q is none of %s", display.Safe(f.envToken), strings.Join(tokenWays, ", "))}
	}
	if f.ecs != "" && !onLoopback(ecsAddress.Addr()) {
		return usageError{fmt.Errorf("--ecs-address: %[1]s is not an address of the loopback device; add it with: ip addr add %[1]s/32 dev lo", imds.ECSAddress)}
	}
	return f.checkNode()
}

// ecsAddress is where clients look for ECS's agent.
var ecsAddress = netip.AddrPortFrom(netip.AddrFrom4([4]byte{169, 254, 170, 2}), 80)

// loopbackAliases checks the addresses of --loopback-alias: each must be on a loopback
// device of this machine, where no other machine can have it.
func (f *serveFlags) loopbackAliases() ([]netip.Addr, error) {
	var all []netip.Addr
	for _, s := range f.aliases {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, usageError{fmt.Errorf("--loopback-alias: %q is not an IP address", display.Safe(s))}
		}
		if !onLoopback(a) {
			return nil, usageError{fmt.Errorf("--loopback-alias: %s is not an address of the loopback device; add it with: ip addr add %s/%d dev lo", a, a, a.BitLen())}
		}
		all = append(all, a)
	}
	return all, nil
}

func onLoopback(a netip.Addr) bool {
	devices, err := net.Interfaces()
	if err != nil {
		return false
	}
	for _, d := range devices {
		addrs, err := d.Addrs()
		if d.Flags&net.FlagLoopback == 0 || err != nil {
			continue
		}
		for _, x := range addrs {
			if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr().Unmap() == a.Unmap() {
				return true
			}
		}
	}
	return false
}

func (f *serveFlags) uids() ([]uint32, error) {
	var all []uint32
	for _, u := range f.allowUIDs {
		if u >= 1<<32-1 {
			return nil, usageError{fmt.Errorf("--allow-uid: %d is not a user id", u)}
		}
		all = append(all, uint32(u))
	}
	return all, nil
}

// instance is what the metadata paths pretend.
func (f *serveFlags) instance(name, region string) *imds.Instance {
	if f.region != "" {
		region = f.region
	}
	return &imds.Instance{Profile: name, RoleName: f.roleName, Region: region}
}
