package settings

import (
	"slices"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

// DefaultCredentials are the variables that name those of AWS's files (AWS_CONFIG_FILE,
// AWS_SHARED_CREDENTIALS_FILE) whose default profile names credentials. SDKs prefer these to a container
// endpoint, though not to keys in variables.
func DefaultCredentials(env Environment) (variables []string, err error) {
	files := openAWSFiles(env)
	if err := unreadable(files); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		variable string
		alone    awsconfig.Files
	}{
		{"AWS_CONFIG_FILE", awsconfig.Files{Config: files.Config}},
		{"AWS_SHARED_CREDENTIALS_FILE", awsconfig.Files{Credentials: files.Credentials}},
	} {
		if p := f.alone.Profile("default"); p != nil && slices.ContainsFunc([]string{
			awsconfig.KeyAccessKeyID, awsconfig.KeyRoleARN, awsconfig.KeyProcess, awsconfig.KeyWebIdentity, awsconfig.KeySSOSession,
			awsconfig.KeySSOStartURL, awsconfig.KeyLoginSession, awsconfig.KeyCredSource, awsconfig.KeySourceProfile,
		}, p.Has) {
			variables = append(variables, f.variable)
		}
	}
	return variables, nil
}
