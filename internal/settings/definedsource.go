package settings

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
)

// The settings that together define what IAM Roles Anywhere is asked for; all but the chain are
// needed.
var certificateSettings = [...]id{sCertificate, sPrivateKey, sTrustAnchorARN, sAnywhereProfileARN, sAnywhereRoleARN, sCertificateChain}

// definesSource reports whether settings of ours define where the signing credentials come from,
// so that no AWS profile's are asked for.
func (l *loader) definesSource() bool {
	for _, s := range certificateSettings {
		if l.value(s) != nil {
			return true
		}
	}
	return l.value(sSourceCommand) != nil || l.value(sSourceKey) != nil
}

// definedSource is what they define.
func (l *loader) definedSource() (sourceChain, error) {
	if l.value(sSourceKey) != nil {
		for _, other := range append(certificateSettings[:], sSourceProfile, sCredentialsFile, sSourceCommand) {
			if err := l.atMostOne(other, sSourceKey); err != nil {
				return sourceChain{}, err
			}
		}
		return l.storedKey()
	}
	source, err := l.commandOrCertificate()
	return sourceChain{source: source}, err
}

func (l *loader) commandOrCertificate() (request.Source, error) {
	for _, other := range [...]id{sSourceProfile, sCredentialsFile} {
		if err := l.atMostOne(other, sSourceCommand); err != nil {
			return request.Source{}, err
		}
	}
	for _, s := range certificateSettings {
		for _, other := range [...]id{sSourceProfile, sCredentialsFile, sSourceCommand} {
			if err := l.atMostOne(other, s); err != nil {
				return request.Source{}, err
			}
		}
	}
	if g := l.value(sSourceCommand); g != nil {
		return request.Source{Kind: request.SourceCommand, Command: g.text(), Digest: digest(text("command", "command", g.text()))}, nil
	}
	return l.certificate()
}

// certificate is a role by IAM Roles Anywhere.
func (l *loader) certificate() (request.Source, error) {
	var given *settingValue
	var missing []string
	for _, s := range certificateSettings {
		if g := l.value(s); g != nil {
			given = g
		} else if s != sCertificateChain {
			missing = append(missing, "--"+settings[s].Flag)
		}
	}
	if len(missing) > 0 {
		return request.Source{}, given.wrong("IAM Roles Anywhere needs more than that", "add "+strings.Join(missing, ", "))
	}
	for _, s := range [...]id{sTrustAnchorARN, sAnywhereProfileARN, sAnywhereRoleARN} {
		service := "rolesanywhere"
		if s == sAnywhereRoleARN {
			service = "iam"
		}
		g := l.value(s)
		arn, ok := awsname.ParseARN(g.text())
		if !ok || arn.Service != service || service == "rolesanywhere" && !awsname.ValidRegion(arn.Region) {
			return request.Source{}, g.wrong(display.Quote(g.text())+" is no ARN of "+service, "")
		}
	}
	c := &request.Certificate{File: l.path(sCertificate), KeyFile: l.path(sPrivateKey), ChainFile: l.path(sCertificateChain),
		TrustAnchorARN: l.text(sTrustAnchorARN), ProfileARN: l.text(sAnywhereProfileARN), RoleARN: l.text(sAnywhereRoleARN)}
	var err error
	if c.Endpoint, _, err = l.serviceEndpoint("rolesanywhere", l.source.profile); err != nil {
		return request.Source{}, err
	}
	return request.Source{Kind: request.SourceCertificate, Certificate: c, Digest: digest(text("certificate", "file", c.File, "key", c.KeyFile, "chain", c.ChainFile,
		"anchor", c.TrustAnchorARN, "profile", c.ProfileARN, "role", c.RoleARN, "endpoint", c.Endpoint))}, nil
}
