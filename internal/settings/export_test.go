package settings

import "time"

// ParseDuration is for the duration tests.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// Read is a profile as our reader sees it, for comparison with the SDK's.
type Read struct {
	Exists, Partial bool
	Values          map[string]string
	STSEndpoint     string // of the services section
	HasSSOSession   bool   // the sso-session section exists
}

// ReadProfile reads one profile of two files.
func ReadProfile(configFile, credentialsFile, name string) Read {
	files := openAWSFiles(Environment{
		Getenv: func(v string) string {
			return map[string]string{"AWS_CONFIG_FILE": configFile, "AWS_SHARED_CREDENTIALS_FILE": credentialsFile}[v]
		},
		HomeDir: func() string { return "" },
	})
	p := files.profile(name)
	if p == nil {
		return Read{}
	}
	r := Read{Exists: true, Partial: p.partial != nil, Values: map[string]string{}}
	for _, prop := range p.props {
		r.Values[prop.key] = prop.value
	}
	if name := p.value(keyServices); name != "" {
		if services := files.other("services " + name); services != nil {
			if sts := services.get("sts"); sts != nil {
				nested := section{props: sts.sub}
				r.STSEndpoint = nested.value(keyEndpointURL)
			}
		}
	}
	r.HasSSOSession = files.other("sso-session "+p.value(keySSOSession)) != nil
	return r
}

// MaxFile is the size limit of settings files.
const MaxFile = maxFile
