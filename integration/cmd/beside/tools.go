package main

import (
	"errors"
	"os"
	"path/filepath"
)

// tool is one of those that are compared.
type tool struct {
	name, version string
	program       string
	env           []string
	// prepare is what a distribution or an installer does for every user; nil for nothing.
	prepare func(*home) error
	// store gives it the access key, in an empty home.
	store func(h *home) error
	// adopt makes it know the profile of a classic home; nil where it does by itself.
	adopt func(h *home) error
	// show is the command line that prints the key id of a profile's credentials.
	show func(profile string) []string
	// code is the flag for an MFA code.
	code string
	// list is the command line that lists profiles; nil where there is only a picker.
	list []string
	// atRest is where the key is after store.
	atRest string
}

// printKey prints which credentials a command was given.
const printKey = "echo $AWS_ACCESS_KEY_ID"

func stsHelper(program string) *tool {
	return &tool{
		name: "sts-helper", version: "this checkout", program: program,
		store: func(h *home) error {
			_, err := h.run(h.user.AccessKeyID+"\n"+h.user.SecretAccessKey+"\n", "setup", "--access-key", "--profile", "base", "--region", "us-east-1", "--yes")
			return err
		},
		show: func(profile string) []string { return []string{"exec", profile, "--", "sh", "-c", printKey} },
		code: "--mfa-code", list: []string{"status"}, atRest: "a file that no SDK reads, 0600",
	}
}

func awsVault(program string) *tool {
	add := func(h *home) error {
		cmd := h.command("add", "base", "--env")
		cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID="+h.user.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+h.user.SecretAccessKey)
		h.typed++
		if out, err := cmd.CombinedOutput(); err != nil {
			return errors.New(string(out))
		}
		return nil
	}
	return &tool{
		name: "aws-vault", version: "7.2.0", program: program,
		env:   []string{"AWS_VAULT_BACKEND=file", "AWS_VAULT_FILE_PASSPHRASE=CANARY", "AWS_VAULT_PROMPT=terminal"},
		store: add, adopt: add,
		show: func(profile string) []string { return []string{"exec", profile, "--", "sh", "-c", printKey} },
		code: "--mfa-token", list: []string{"list"}, atRest: "an encrypted file (or a keychain)",
	}
}

func granted(program string) *tool {
	return &tool{
		name: "granted", version: "0.39.0", program: program,
		env: []string{"GRANTED_ALIAS_CONFIGURED=true", "FORCE_NO_ALIAS=true"},
		prepare: func(h *home) error { // what its first run asks for
			const config = "DefaultBrowser = \"STDOUT\"\nDisableUsageTips = true\n[Keyring]\nBackend = \"file\"\n"
			var errs []error
			for _, name := range []string{".granted", ".dgranted"} { // a release's, and that of one built from source
				dir := filepath.Join(h.dir, name)
				errs = append(errs, os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600))
			}
			return errors.Join(errs...)
		},
		show:   func(profile string) []string { return []string{profile, "--exec", "sh -c '" + printKey + "'"} },
		code:   "--mfa-token",
		atRest: "where it was; its own store asks at a terminal",
	}
}
