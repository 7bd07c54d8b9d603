package settings

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
)

// defaultRegion is asked where neither a setting nor an ARN names a region or partition. STS has an
// endpoint in each; the SDKs would refuse instead.
const defaultRegion = "us-east-1"

// stsEndpoint is where STS is asked: a region, and an endpoint URL or a variant of AWS's own.
type stsEndpoint struct {
	region, partition, endpoint string
	fips, dualStack             bool
	caBundle                    string
}

func (p stsEndpoint) fill(r *request.Request) {
	r.Region, r.Partition, r.Endpoint, r.FIPS, r.DualStack = p.region, p.partition, p.endpoint, p.fips, p.dualStack
	r.CABundle = p.caBundle
}

// stsEndpoint finds where the request itself is sent; p is the source profile, nil for none.
func (l *loader) stsEndpoint(p *awsconfig.Profile) (stsEndpoint, error) {
	var at stsEndpoint
	var err error
	if at.region, err = l.region(p); err != nil {
		return stsEndpoint{}, err
	}
	at.partition = awsname.PartitionOf(at.region).Name
	at.caBundle = l.caBundle(p)
	endpoint, from, err := l.endpoint(p)
	if err != nil {
		return stsEndpoint{}, err
	}
	at.endpoint = endpoint
	var fipsFrom, dualFrom string
	if at.fips, fipsFrom, err = l.variant(sFIPS, "AWS_USE_FIPS_ENDPOINT", p, "use_fips_endpoint"); err != nil {
		return stsEndpoint{}, err
	}
	if at.dualStack, dualFrom, err = l.variant(sDualStack, "AWS_USE_DUALSTACK_ENDPOINT", p, "use_dualstack_endpoint"); err != nil {
		return stsEndpoint{}, err
	}
	// The SDK's endpoint rules refuse both pairs, but only once STS is asked.
	if at.endpoint != "" && (at.fips || at.dualStack) {
		setting, other := sFIPS, fipsFrom
		if !at.fips {
			setting, other = sDualStack, dualFrom
		}
		kind := Config
		for _, g := range [...]*settingValue{l.value(setting), l.value(sEndpointURL)} {
			if g != nil && g.layer == fromFlag {
				kind = Usage
			}
		}
		return stsEndpoint{}, &Error{Kind: kind, Where: other, What: "does not go with the endpoint that " + from + " names", Do: "unset one of them"}
	}
	return at, nil
}

// sourceEndpoint finds where the request for the credentials underneath is sent; p is the profile
// they belong to, and fallback the region for where neither it nor the environment names one.
// Several requests share such credentials, so the endpoint of the request on top counts only
// as far as a setting named it for all: a role's own region must not cost another MFA
// code. It counts where the partitions differ, since credentials are good in one only.
func (l *loader) sourceEndpoint(p *awsconfig.Profile, fallback string) (stsEndpoint, error) {
	top := l.top
	at := top
	region, from := l.awsRegion(p)
	if region == "" && l.value(sRegion) == nil {
		region, from = fallback, named("region")
	}
	if region != "" {
		if err := checkRegion(region, from, Config); err != nil {
			return stsEndpoint{}, err
		}
		if awsname.PartitionOf(region).Name == top.partition {
			at.region = region
		}
	}
	if file := l.caBundle(p); file != "" {
		at.caBundle = file
	}
	if l.value(sEndpointURL) == nil && !l.endpointFromEnv() {
		endpoint, _, err := l.profileEndpoint("sts", p)
		if err != nil {
			return stsEndpoint{}, err
		}
		if endpoint != "" {
			at.endpoint = endpoint
		}
	}
	return at, nil
}

func (l *loader) region(p *awsconfig.Profile) (string, error) {
	if v := l.value(sRegion); v != nil {
		return v.text(), checkRegion(v.text(), v.from, v.kind())
	}
	if v, from := l.awsRegion(p); v != "" {
		return v, checkRegion(v, from, Config)
	}
	return l.defaultRegion(p), nil
}

// awsRegion is the region that AWS's own settings name, "" for none, and what names it. The
// profile comes before the variable, unlike in an SDK: AWS_REGION is inherited from whatever
// program wants the token and says where that one works. The token is good everywhere, and
// two programs in two regions shall have one, not two with an MFA code each.
func (l *loader) awsRegion(p *awsconfig.Profile) (string, origin) {
	if p != nil {
		if prop := p.Get(awsconfig.KeyRegion); prop != nil && prop.Value != "" {
			return prop.Value, prop.Where
		}
	}
	if v, name := l.env.first("AWS_REGION", "AWS_DEFAULT_REGION"); v != "" {
		return v, named(name)
	}
	return "", nil
}

// checkRegion keeps everything out of the host name that is no region.
func checkRegion(region string, from origin, kind ErrorKind) error {
	if !awsname.ValidRegion(region) {
		return &Error{Kind: kind, Where: from(), What: display.Quote(region) + " is not a region", Do: "write it like eu-west-1"}
	}
	if of := regionOfZone(region); of != "" {
		return &Error{Kind: kind, Where: from(), What: display.Quote(region) + " is a zone, not a region", Do: "write " + of}
	}
	return nil
}

// endpoint finds the configured STS endpoint, "" for none, and what named it. The order of
// AWS's own settings is that of config v1.33.15 and sts v1.51.8 resolveBaseEndpoint.
func (l *loader) endpoint(p *awsconfig.Profile) (endpoint, from string, err error) {
	if v := l.value(sEndpointURL); v != nil {
		endpoint, err = checkEndpoint(v.text(), v.from(), v.kind())
		return endpoint, v.from(), err
	}
	return l.serviceEndpoint("sts", p)
}

// serviceEndpoint finds the endpoint that AWS's own settings give for a service, "" for none, and
// what named it. The service is named as in a services section, "sso_oidc".
func (l *loader) serviceEndpoint(service string, p *awsconfig.Profile) (endpoint, from string, err error) {
	if ignore, err := l.ignoreEndpoints(p); err != nil || ignore {
		return "", "", err
	}
	if v, name := l.env.first("AWS_ENDPOINT_URL_"+strings.ToUpper(service), "AWS_ENDPOINT_URL"); v != "" {
		endpoint, err = checkEndpoint(v, name, Config)
		return endpoint, name, err
	}
	return l.profileEndpoint(service, p)
}

// caBundle is the file of certificates that a profile trusts, "" for none. AWS_CA_BUNDLE comes before
// it, and is read where it is needed.
func (l *loader) caBundle(p *awsconfig.Profile) string {
	if p == nil || p.Value("ca_bundle") == "" {
		return ""
	}
	return l.env.expand(p.Value("ca_bundle"), "")
}

func (l *loader) endpointFromEnv() bool {
	v, _ := l.env.first("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL")
	return v != ""
}

// profileEndpoint is the endpoint that a profile or its services section names for a service.
func (l *loader) profileEndpoint(service string, p *awsconfig.Profile) (endpoint, from string, err error) {
	if p == nil {
		return "", "", nil
	}
	if ignore, err := l.ignoreEndpoints(p); err != nil || ignore {
		return "", "", err
	}
	prop := p.Get(awsconfig.KeyEndpointURL)
	if p.Value(awsconfig.KeyServices) != "" {
		services, err := l.other(awsconfig.Services, p, awsconfig.KeyServices)
		if err != nil {
			return "", "", err
		}
		if own := services.Get(service).Nested(awsconfig.KeyEndpointURL); own != nil && own.Value != "" {
			prop = own
		}
	}
	if prop == nil || prop.Value == "" {
		return "", "", nil
	}
	endpoint, err = checkEndpoint(prop.Value, prop.Where(), Config)
	return endpoint, prop.Where(), err
}

func (l *loader) ignoreEndpoints(p *awsconfig.Profile) (bool, error) {
	const variable = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
	if v := l.env.Getenv(variable); v != "" {
		return awsBool(v, variable)
	}
	ignore, _ := p.Bool(awsconfig.KeyIgnoreEndpoints)
	return ignore, nil
}

// variant reads a switch that chooses among AWS's own endpoints, and what set it.
func (l *loader) variant(setting id, variable string, p *awsconfig.Profile, key string) (on bool, from string, err error) {
	if v := l.value(setting); v != nil {
		on, err = v.bool()
		return on, v.from(), err
	}
	if v := l.env.Getenv(variable); v != "" {
		on, err = awsBool(v, variable)
		return on, variable, err
	}
	if on, ok := p.Bool(key); ok && on {
		return true, p.Where(key), nil
	}
	return false, "", nil
}

func awsBool(v, variable string) (bool, error) {
	switch {
	case strings.EqualFold(v, "true"):
		return true, nil
	case strings.EqualFold(v, "false"):
		return false, nil
	}
	return false, &Error{Kind: Config, Where: variable, What: display.Quote(v) + " is neither true nor false"}
}

// checkEndpoint takes what [awsname.CheckEndpoint] takes.
func checkEndpoint(endpoint, from string, kind ErrorKind) (string, error) {
	if what, do := awsname.CheckEndpoint(endpoint, false); what != "" {
		return "", &Error{Kind: kind, Where: from, What: "the endpoint " + what, Do: do}
	}
	return endpoint, nil
}
