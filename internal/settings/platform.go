package settings

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
)

// environmentKeys are the keys in the environment, if both halves are there.
func (l *loader) environmentKeys() (request.Source, bool) {
	key, _ := l.env.first("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY")
	secret, _ := l.env.first("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")
	if key == "" || secret == "" {
		return request.Source{}, false
	}
	return request.Source{Kind: request.SourceEnvironment, AccessKeyID: key, Session: awsconfig.TokenOf(key, l.env.Getenv("AWS_SESSION_TOKEN"), l.env.Getenv("AWS_SECURITY_TOKEN")) != ""}, true
}

// ambient is what the platform offers where no profile defines anything.
func (l *loader) ambient() request.Source {
	if s, ok := l.container(); ok {
		return s
	}
	return request.Source{Kind: request.SourceDefault, Digest: digest(l.metadataService(nil))}
}

func (l *loader) container() (request.Source, bool) {
	relative, full := l.env.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), l.env.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative != "" {
		full = "" // the SDK prefers the relative one
	}
	return request.Source{Kind: request.SourceContainer, Digest: digest(text("container", "relative", relative, "full", full))}, relative != "" || full != ""
}

// metadataService is what decides which instance metadata service is asked.
func (l *loader) metadataService(p *awsconfig.Profile) *awsconfig.Profile {
	pairs := []string{}
	for _, key := range [...]string{"ec2_metadata_service_endpoint", "ec2_metadata_service_endpoint_mode"} {
		v := l.env.Getenv("AWS_" + strings.ToUpper(key))
		if v == "" && p != nil {
			v = p.Value(key)
		}
		pairs = append(pairs, key, v)
	}
	return text("instance", pairs...)
}

// credentialSource is a profile whose credentials the platform gives.
func (l *loader) credentialSource(p *awsconfig.Profile, s request.Source) (sourceChain, error) {
	wrong := func(what string) (sourceChain, error) {
		return sourceChain{}, &Error{Kind: Config, Where: p.Where(awsconfig.KeyCredSource), What: what}
	}
	switch v := p.Value(awsconfig.KeyCredSource); v {
	case "Environment":
		source, ok := l.environmentKeys()
		if !ok {
			return wrong("credential_source is Environment, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set")
		}
		return sourceChain{source: source, profile: p}, checkKeyID(source.AccessKeyID, named("AWS_ACCESS_KEY_ID"))
	case "EcsContainer":
		container, ok := l.container()
		if !ok {
			return wrong("credential_source is EcsContainer, and no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is set")
		}
		s.Kind, s.Digest = container.Kind, container.Digest
	case "Ec2InstanceMetadata":
		s.Kind, s.Digest = request.SourceInstance, digest(l.metadataService(p))
	default:
		return wrong("credential_source " + display.Quote(v) + " is none of Environment, EcsContainer, Ec2InstanceMetadata")
	}
	return sourceChain{source: s, profile: p}, nil
}
