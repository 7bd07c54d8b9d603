package settings

import (
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
)

// arnSettings are the settings that may be ARNs, and so name the partition that is meant.
var arnSettings = [...]id{sRoleARN, sMFASerial, sPrincipalARN, sTargetPrincipal, sTaskPolicyARN, sPolicyARN}

// defaultRegion is the region where no setting names one: that of the partition which the ARNs are of,
// else us-east-1. Keys and codes of one partition are never sent to another.
func (l *loader) defaultRegion(p *awsconfig.Profile) string {
	for _, setting := range arnSettings {
		for _, v := range l.list(setting) {
			if region := regionOfARN(v); region != "" {
				return region
			}
		}
	}
	if l.source.name == "default" && p == nil {
		if region := regionOfARN(l.env.Getenv("AWS_ROLE_ARN")); region != "" && l.env.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" {
			return region
		}
	}
	for met := []string{}; p != nil && !slices.Contains(met, p.Name); p = l.files().Profile(p.Value(awsconfig.KeySourceProfile)) {
		met = append(met, p.Name)
		for _, key := range [...]string{awsconfig.KeyRoleARN, awsconfig.KeyMFASerial} {
			if region := regionOfARN(p.Value(key)); region != "" {
				return region
			}
		}
		if p.Value(awsconfig.KeySourceProfile) == "" {
			break
		}
	}
	return defaultRegion
}

// regionOfARN is the region that speaks for an ARN's partition, "" where s is no ARN of a known one.
func regionOfARN(s string) string {
	if arn, ok := awsname.ParseARN(s); ok {
		if p := awsname.PartitionNamed(arn.Partition); p != nil {
			return p.IAMRegion
		}
	}
	return ""
}

// checkPartitions refuses a request that names something of another partition than its STS is of.
func (l *loader) checkPartitions(r *request.Request) error {
	for at := r; at != nil; at = at.Base {
		named := append([]string{at.RoleARN, at.SerialNumber, at.PrincipalARN, at.TargetPrincipal, at.TaskPolicyARN}, at.PolicyARNs...)
		for _, v := range named {
			arn, ok := awsname.ParseARN(v)
			if !ok || arn.Partition == at.Partition {
				continue
			}
			do := "set the region to one of " + display.Quote(arn.Partition)
			if region := regionOfARN(v); region != "" {
				do += ", such as " + region
			}
			where, kind := l.regionFrom()
			return &Error{Kind: kind, Where: where, What: display.Quote(v) + " is of partition " + display.Quote(arn.Partition) + ", and region " + at.Region + " of " + display.Quote(at.Partition), Do: do}
		}
	}
	return nil
}

// regionFrom is what named the region of the request, "" where nothing did.
func (l *loader) regionFrom() (string, ErrorKind) {
	if g := l.value(sRegion); g != nil {
		return g.from(), g.kind()
	}
	if _, from := l.awsRegion(l.source.profile); from != nil {
		return from(), Config
	}
	return "", Config
}

// regionOfZone is the region of an availability zone's name (eu-west-1a, us-west-2-lax-1a,
// us-east-1-wl1-bos-wlz-1), "" for any other.
func regionOfZone(s string) string {
	parts := strings.Split(s, "-")
	for i, part := range parts {
		digits := strings.TrimRight(part, "abcdefghijklmnopqrstuvwxyz")
		if i < 2 || digits == "" || strings.Trim(digits, "0123456789") != "" {
			continue
		}
		region := strings.Join(append(slices.Clone(parts[:i]), digits), "-")
		if region == s {
			return ""
		}
		last := parts[len(parts)-1]
		if part != digits || i < len(parts)-1 && strings.ContainsAny(last, "0123456789") {
			return region
		}
		return ""
	}
	return ""
}
