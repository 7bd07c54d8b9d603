package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// oneCode shows eight roles that want MFA, for one code.
func oneCode(ctx context.Context, s *stage) error {
	const account, roles, each = "111122223333", 8, 5
	user := s.sts.AddUser(account, "bob")
	device := s.sts.AddMFADevice(user, "bob")
	keys := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user.AccessKeyID, user.SecretAccessKey)
	if err := s.home.Write("bob/credentials", keys); err != nil {
		return err
	}
	var config strings.Builder
	for i := range roles {
		role := s.sts.AddRole(account, fmt.Sprintf("team%d", i), emulator.RequireMFA())
		fmt.Fprintf(&config, "[profile.team%d]\nrole_arn = %q\nmfa_serial = %q\n", i, role.ARN, device.SerialNumber)
	}
	if err := s.home.Write("bob/config.toml", config.String()); err != nil {
		return err
	}
	entry, _, _ := strings.Cut(config.String(), "[profile.team1]")
	say("Bob's roles only take callers who have shown an MFA code. ~/.config/sts-helper/config.toml has eight like this:\n\n%s", indent(entry))
	environment := append(s.home.Environ(),
		"STS_HELPER_CONFIG="+filepath.Join(s.home.Dir, "bob/config.toml"),
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(s.home.Dir, "bob/credentials"))

	cmd := s.home.Command(ctx, "--profile", "team3", "--prompt", "never")
	cmd.Env = environment
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 8 {
		return fmt.Errorf("the user was not to be asked, and the helper ended with %v", err)
	}
	say("   Without a way to ask, a program gets exit code 8 at once, and reads: run \"sts-helper login team3\".")

	// A user would be asked at the terminal. Here a command gives the code, as ykman would.
	if err := s.home.Write("bob/code", device.Code(time.Now())+"\n"); err != nil {
		return err
	}
	s.sts.ResetCounts()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	documents := map[string]bool{}
	start := time.Now()
	for i := range roles * each {
		wg.Go(func() {
			var out, errs strings.Builder
			cmd := s.home.Command(ctx, "--profile", fmt.Sprintf("team%d", i%roles), "--mfa-process", "cat "+filepath.Join(s.home.Dir, "bob/code"))
			cmd.Env, cmd.Stdout, cmd.Stderr = environment, &out, &errs
			err := cmd.Run()
			mu.Lock()
			defer mu.Unlock()
			if documents[out.String()] = true; err != nil {
				failed = errors.New(errs.String())
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	sessions, assumed, used := s.sts.Count("GetSessionToken"), s.sts.Count("AssumeRole"), s.sts.MFA(device).Used
	say("   %d processes for %d roles, started together: %d code used, %d refused, %d GetSessionToken, %d AssumeRole, %s.",
		roles*each, roles, used, s.sts.RejectedCodes(), sessions, assumed, ms(time.Since(start)))
	if sessions != 1 || assumed != roles || used != 1 || len(documents) != roles {
		return errors.New("that is not one code for all")
	}
	return nil
}
