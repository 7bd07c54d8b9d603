// Command demo shows what sts-helper does, with a real configuration, a real AWS SDK and an
// STS of its own on loopback. It needs no AWS account and leaves nothing behind.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// chapter is one part of the demo.
type chapter struct {
	title string
	tell  func(context.Context, *stage) error
}

var chapters = []chapter{
	{"An SDK that knows nothing of sts-helper", whoAmI},
	{"A hundred programs at once", hundred},
	{"The second call", secondCall},
	{"One code for eight roles", oneCode},
	{"Credentials for another user", anotherUser},
	{"A server for containers and old programs", server},
}

// stage is what every chapter plays on.
type stage struct {
	sts    *emulator.Emulator
	user   *emulator.User
	home   *harness.Home
	whoami string
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "sts-helper-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if rerr := os.RemoveAll(dir); err == nil {
			err = rerr
		}
	}()
	s, err := newStage(dir)
	if err != nil {
		return err
	}
	defer s.sts.Close()
	for i, c := range chapters {
		say("\n%d. %s\n", i+1, c.title)
		if err := c.tell(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", c.title, err)
		}
	}
	say("\nThat was all on this machine; the home at %s is gone again.", dir)
	return nil
}

func newStage(dir string) (*stage, error) {
	bin, err := harness.Build(filepath.Join(dir, "bin"), "cmd/sts-helper")
	if err != nil {
		return nil, err
	}
	whoami, err := harness.Build(filepath.Join(dir, "bin"), "integration/cmd/whoami")
	if err != nil {
		return nil, err
	}
	s := &stage{sts: emulator.New(emulator.World{}), whoami: whoami}
	s.user = s.sts.AddUser("111122223333", "alice")
	if err := s.sts.Start(); err != nil {
		return nil, err
	}
	if s.home, err = harness.NewHome(filepath.Join(dir, "home"), bin, s.sts.URL()); err != nil {
		return nil, err
	}
	config := "[profile dev]\ncredential_process = sts-helper --source-profile base\nregion = eu-west-1\n"
	if err := s.home.Write(".aws/config", config); err != nil {
		return nil, err
	}
	keys := fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", s.user.AccessKeyID, s.user.SecretAccessKey)
	if err := s.home.Write(".aws/credentials", keys); err != nil {
		return nil, err
	}
	say("A home with two files, as a user would write them:\n\n~/.aws/config\n%s~/.aws/credentials\n  [base]\n  aws_access_key_id = %s\n  aws_secret_access_key = ...",
		indent(config), s.user.AccessKeyID)
	return s, nil
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func indent(s string) string {
	var out strings.Builder
	for line := range lines(s) {
		out.WriteString("  " + line + "\n")
	}
	return out.String() + "\n"
}

func ms(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
