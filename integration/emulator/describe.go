package emulator

import "sort"

// Description is what a script needs to know of a running emulator: where it is and
// which keys work there.
type Description struct {
	URL           string            `json:"url"`
	Region        string            `json:"region"` // one to sign for
	Env           map[string]string `json:"env"`    // for a program that shall use the first user's key
	Users         []UserDescription `json:"users"`
	Roles         []string          `json:"roles"`
	OIDCProviders []string          `json:"oidc_providers,omitempty"`
	SAMLProviders []string          `json:"saml_providers,omitempty"`
}

// UserDescription is a user with everything needed to be that user.
type UserDescription struct {
	Account         string              `json:"account"`
	Name            string              `json:"name"`
	Root            bool                `json:"root,omitempty"`
	ARN             string              `json:"arn"`
	AccessKeyID     string              `json:"access_key_id"`
	SecretAccessKey string              `json:"secret_access_key"`
	MFADevices      []DeviceDescription `json:"mfa_devices,omitempty"`
}

// DeviceDescription is a device with its TOTP seed in base32.
type DeviceDescription struct {
	SerialNumber string `json:"serial_number"`
	Secret       string `json:"secret"`
}

// Describe says what a driver of the emulator needs to know.
func (e *Emulator) Describe() Description {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := Description{URL: e.url, Region: e.region, Env: map[string]string{
		"AWS_ENDPOINT_URL_STS":      e.url,
		"AWS_ENDPOINT_URL_EC2":      e.url,
		"AWS_ENDPOINT_URL_IAM":      e.url,
		"AWS_ENDPOINT_URL_S3":       e.url,
		"AWS_ENDPOINT_URL_SSO":      e.url,
		"AWS_ENDPOINT_URL_SSO_OIDC": e.url,
		"AWS_ENDPOINT_URL_SIGNIN":   e.url,

		"AWS_ENDPOINT_URL_ROLESANYWHERE": e.url,
	}, Users: []UserDescription{}, Roles: []string{}}
	if d.Region == "" {
		d.Region = "us-east-1"
	}
	d.Env["AWS_REGION"], d.Env["AWS_DEFAULT_REGION"] = d.Region, d.Region // AWS CLI 1 reads only the second
	for _, u := range e.users {
		ud := UserDescription{Account: u.Account, Name: u.Name, Root: u.Root, ARN: u.ARN, AccessKeyID: u.AccessKeyID, SecretAccessKey: u.SecretAccessKey}
		for _, m := range u.devices {
			ud.MFADevices = append(ud.MFADevices, DeviceDescription{m.SerialNumber, m.Secret})
		}
		d.Users = append(d.Users, ud)
	}
	if len(d.Users) > 0 {
		d.Env["AWS_ACCESS_KEY_ID"] = d.Users[0].AccessKeyID
		d.Env["AWS_SECRET_ACCESS_KEY"] = d.Users[0].SecretAccessKey
	}
	for arn := range e.roles {
		d.Roles = append(d.Roles, arn)
	}
	for arn := range e.oidc {
		d.OIDCProviders = append(d.OIDCProviders, arn)
	}
	for arn := range e.saml {
		d.SAMLProviders = append(d.SAMLProviders, arn)
	}
	sort.Strings(d.Roles)
	sort.Strings(d.OIDCProviders)
	sort.Strings(d.SAMLProviders)
	return d
}
