package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// anotherUser shows how a user without an AWS account gets credentials for three hours,
// which may do one thing and not another.
func anotherUser(ctx context.Context, s *stage) error {
	zones, err := harness.Build(filepath.Dir(s.home.Bin), "integration/cmd/zones")
	if err != nil {
		return err
	}
	bob, err := harness.NewHome(filepath.Join(filepath.Dir(s.home.Dir), "bob"), s.home.Bin, s.sts.URL())
	if err != nil {
		return err
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	if err := bob.Write("bob.key", key.String()+"\n"); err != nil {
		return err
	}

	say("   Bob has no AWS account. He has a key pair, and tells Alice the public half. Alice:")
	args := []string{"grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:Describe*", "--deny", "ec2:DescribeImages",
		"--duration", "3h", "--region", "eu-west-1", "--to", key.Recipient().String()}
	command("sts-helper", args)
	granted := s.home.Run(ctx, args...)
	if granted.Code != 0 {
		return errors.New(granted.Stderr)
	}
	show(granted.Stderr)
	sealed := strings.Split(strings.TrimSpace(granted.Stdout), "\n")
	show(strings.Join([]string{sealed[0], sealed[1], fmt.Sprintf("... %d more lines ...", len(sealed)-3), sealed[len(sealed)-1]}, "\n"))

	say("   She mails that. Bob:")
	if err := bob.Write("mail.txt", "Hello Bob, here it is:\n\n"+granted.Stdout); err != nil {
		return err
	}
	args = []string{"accept", "mail.txt", "--identity", "bob.key", "--name", "guest"}
	command("sts-helper", args)
	accepted := bob.Run(ctx, args...)
	if accepted.Code != 0 {
		return errors.New(accepted.Stderr)
	}
	show(accepted.Stderr + accepted.Stdout)
	if err := bob.Write(".aws/config", accepted.Stdout); err != nil {
		return err
	}

	say("   From then on any AWS program of his works, as far as the policy goes:")
	for _, call := range []struct {
		action string
		works  bool
	}{{"DescribeAvailabilityZones", true}, {"DescribeImages", false}} {
		cmd := exec.CommandContext(ctx, zones, call.action)
		cmd.Env = bob.Environ("AWS_PROFILE=guest", "AWS_ENDPOINT_URL_EC2="+s.sts.URL())
		r := harness.Finish(cmd)
		command("AWS_PROFILE=guest ec2", []string{call.action})
		show(r.Stdout + r.Stderr)
		if (r.Code == 0) != call.works {
			return fmt.Errorf("%s: exit code %d", call.action, r.Code)
		}
	}
	return nil
}

// command shows a command line, the long word of a key cut.
func command(name string, args []string) {
	var line strings.Builder
	line.WriteString("   $ " + name)
	for _, a := range args {
		if len(a) > 40 {
			a = a[:12] + "..."
		}
		if strings.Contains(a, "*") {
			a = "'" + a + "'"
		}
		line.WriteString(" " + a)
	}
	say("%s", line.String())
}

func show(text string) {
	for line := range lines(text) {
		say("     %s", line)
	}
	say("")
}
