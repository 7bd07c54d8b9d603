package settings

import (
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

// NewStoredKey is the request for a session of a key that is, or is to be, stored under a name; serial is its MFA device,
// "" for none. No entry and no AWS profile has a say in it; flags are those that say where STS is.
func NewStoredKey(name, accessKeyID, serial string, flags Flags, env Environment) (*request.Request, error) {
	l := &loader{env: env}
	for _, s := range [...]id{sRegion, sEndpointURL, sFIPS, sDualStack} {
		if list := flags[settings[s].Flag]; len(list) > 0 {
			l.values[s] = &settingValue{setting: &settings[s], list: list, layer: fromFlag}
		} else if v := env.Getenv(settings[s].Env); v != "" {
			l.values[s] = &settingValue{setting: &settings[s], list: []string{v}, layer: fromVariable}
		}
	}
	at, err := l.stsEndpoint(nil)
	if err != nil {
		return nil, err
	}
	r := &request.Request{Name: name, Operation: opSession.String(), SerialNumber: serial,
		Source: request.Source{Kind: request.SourceKey, AccessKeyID: accessKeyID, Stored: &request.Stored{Name: name, File: storedkey.Path(KeysDir(env), name)}}}
	at.fill(r)
	r.Prompt = "auto"
	return r, nil
}
