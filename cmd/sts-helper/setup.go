package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/setup"
)

const setupHelp = `Set up profiles of ~/.aws/config to get their credentials from sts-helper, or undo that.

    sts-helper setup                          shows what would change, asks, writes, tries
    sts-helper setup dev ops --yes            these profiles only, without asking
    sts-helper setup --move-keys              long-term keys go where no SDK reads them
    sts-helper setup --move-keys --store system
    sts-helper setup --access-key --profile work
    sts-helper setup --sso-start-url https://d-1234567890.awsapps.com/start --region eu-west-1
    sts-helper setup --remove

Profiles keep their names, so programs need no change. What would win over sts-helper in
some SDK (role_arn, sso_*, login_session, keys) moves to config.toml, to a source profile
beside it; long-term keys move to the system's own store (see "sts-helper keys"), or to a
credentials file that only sts-helper is told of. No other byte changes.
A backup is kept beside each file; --remove gives the same bytes back, or, where a file has
been changed since, takes back setup's own lines and says so.

--access-key sets up the first profile from an access key, which is asked for on the
terminal, or read from standard input: the key id on one line, the secret on the next. --sso-start-url
logs in to IAM Identity Center and makes a profile for each role that you have there.`

// setupFlags are the flags of setup.
type setupFlags struct {
	profiles                             []string
	yes, dryRun, moveKeys, remove, noTry bool
	accessKey                            bool
	startURL, session, account, role     string
	web                                  webLogin
	region, mfaSerial, store             string
	output                               outputForm
}

func (p *program) setupCommand() *cobra.Command {
	var f setupFlags
	cmd := &cobra.Command{
		Use:               "setup [PROFILE...] [flags]",
		Short:             "Let existing AWS profiles use sts-helper, or make a first one; undo it",
		Long:              setupHelp,
		ValidArgsFunction: p.completeAWSNames,
	}
	set := cmd.Flags()
	set.SortFlags = false
	set.StringArrayVar(&f.profiles, "profile", nil, "AWS profile to take over, or the new one's `NAME`; repeatable")
	set.BoolVarP(&f.yes, "yes", "y", false, "write without asking")
	set.BoolVarP(&f.dryRun, "dry-run", "n", false, "show what would change, and change nothing")
	set.BoolVar(&f.moveKeys, "move-keys", false, "move long-term keys out of ~/.aws/credentials")
	set.StringVar(&f.store, "store", "", "`STORE` for keys that move: plain (a file that only sts-helper is told of), auto, system, file, kernel; asked on a terminal, else plain")
	set.BoolVar(&f.remove, "remove", false, "undo all that setup has written")
	set.BoolVar(&f.accessKey, "access-key", false, "make a new profile from an access key, read from the terminal or standard input")
	set.StringVar(&f.startURL, "sso-start-url", "", "make new profiles from IAM Identity Center: `URL` of its access portal")
	set.StringVar(&f.session, "sso-session", "", "`NAME` of the sso-session to write (default the first part of the URL)")
	set.StringVar(&f.account, "account", "", "of the roles in Identity Center only those in the account with this `ID`")
	set.StringVar(&f.role, "role", "", "of the roles in Identity Center only this permission set, by its `NAME`")
	set.BoolVar(&f.web.noBrowser, "no-browser", false, "show where to log in, and open no browser")
	set.BoolVar(&f.web.deviceCode, "device-code", false, "log in by a code, in a browser on any device")
	set.StringVar(&f.region, "region", "", "`REGION` of the new profile, and of Identity Center")
	set.StringVar(&f.mfaSerial, "mfa-serial", "", "MFA device of the new profile: `SERIAL` number, ARN, or auto")
	set.BoolVar(&f.noTry, "no-try", false, "do not try the profiles afterwards")
	addOutput(cmd, &f.output)
	_ = cmd.RegisterFlagCompletionFunc("profile", p.completeAWSNames)
	_ = cmd.RegisterFlagCompletionFunc("store", cobra.FixedCompletions(setupStores(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.profiles = append(f.profiles, args...)
		return p.setup(cmd.Context(), &f)
	}
	return cmd
}

// completeAWSNames completes names of AWS profiles.
func (p *program) completeAWSNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	files, err := settings.SharedFiles(p.env)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return files.ProfileNames(), cobra.ShellCompDirectiveNoFileComp
}

func (f *setupFlags) check() error {
	switch {
	case f.yes && f.dryRun:
		return usageError{errors.New("--yes does not go with --dry-run")}
	case f.accessKey && f.startURL != "":
		return usageError{errors.New("--access-key does not go with --sso-start-url")}
	case f.store != "" && !slices.Contains(setupStores(), f.store):
		return usageError{fmt.Errorf("--store: there is no store %s, only %s", display.Quote(f.store), strings.Join(setupStores(), ", "))}
	case f.store != "" && (f.accessKey || f.startURL != ""):
		return usageError{errors.New("--store is for keys that move out of ~/.aws/credentials; to store another one, run: sts-helper keys add NAME")}
	case f.startURL == "" && (f.session != "" || f.account != "" || f.role != "" || f.web.noBrowser || f.web.deviceCode):
		return usageError{errors.New("--sso-session, --account, --role, --no-browser and --device-code are for Identity Center; add --sso-start-url")}
	case f.startURL != "" && f.mfaSerial != "":
		return usageError{errors.New("--mfa-serial is for an access key; Identity Center asks for its own second factor")}
	case f.remove && (f.accessKey || f.startURL != "" || f.moveKeys || f.store != "" || len(f.profiles) > 0):
		return usageError{errors.New("--remove undoes all that setup has written, and goes with --dry-run and --yes only")}
	case !f.accessKey && f.startURL == "" && (f.region != "" || f.mfaSerial != ""):
		return usageError{errors.New("--region and --mfa-serial are for a new profile; add --access-key or --sso-start-url")}
	case (f.accessKey || f.startURL != "") && len(f.profiles) > 1:
		return usageError{errors.New("a new profile has one name")}
	}
	return nil
}

func (p *program) setup(ctx context.Context, f *setupFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if !f.yes && !f.dryRun && !p.asksUser() {
		return usageError{errors.New("there is no terminal to ask on; add --yes to write, or --dry-run to see what would change")}
	}
	if f.remove {
		return p.removeSetup(ctx, f)
	}
	plan, kind, err := p.planWithStore(ctx, f)
	if err != nil {
		return err
	}
	r := setupResult{Profiles: plan.Profiles, Changes: plan.Changes(), DryRun: f.dryRun}
	if f.output == outputText {
		if err := p.showPlan(&r); err != nil {
			return err
		}
	}
	if len(r.Changes) == 0 || f.dryRun {
		return p.finish(f, &r)
	}
	if ok, err := p.agree(ctx, f, "Write this?"); !ok {
		return err
	}
	if r.Stored, err = p.storeMoved(ctx, plan, kind); err != nil {
		return err
	}
	if r.Backups, err = plan.Apply(); err != nil {
		return err
	}
	if f.output == outputText {
		for _, k := range r.Stored {
			if err := p.say("stored %s in %s as %s: %s", display.Safe(k.AccessKeyID), keystore.Name(kind), k.Name, display.Safe(k.Identity)); err != nil {
				return err
			}
		}
		for _, b := range r.Backups {
			if err := p.say("backup: %s", display.Safe(b)); err != nil {
				return err
			}
		}
	}
	for _, b := range plan.KeyBackups(r.Backups) {
		p.progress("%s still has the key that was moved; remove it once all works, after which --remove cannot undo that", display.Safe(b))
	}
	var tryErr error
	if !f.noTry {
		tryErr = p.try(ctx, f, plan.Taken(), &r)
	}
	if err := p.finish(f, &r); err != nil {
		return err
	}
	return tryErr
}

// setupResult is what setup says with --output json.
type setupResult struct {
	DryRun   bool            `json:"dry_run"`
	Profiles []setup.Profile `json:"profiles"`
	Changes  []setup.Change  `json:"changes"`
	Backups  []string        `json:"backups,omitempty"`
	Stored   []listedKey     `json:"stored,omitempty"`
	Tried    []tried         `json:"tried,omitempty"`
}

// tried is how a profile did.
type tried struct {
	Profile  string     `json:"profile"`
	Works    bool       `json:"works"`
	Identity string     `json:"identity,omitempty"`
	Expires  *time.Time `json:"expires,omitempty"` // RFC 3339, UTC
	Error    string     `json:"error,omitempty"`
}

func (p *program) plan(ctx context.Context, f *setupFlags, opts setup.Options) (*setup.Plan, error) {
	if f.startURL != "" {
		return p.centerPlan(ctx, f, opts)
	}
	if !f.accessKey {
		return setup.NewPlan(p.env, opts)
	}
	key := setup.Key{Region: f.region, ProfileKey: setup.ProfileKey{MFASerial: f.mfaSerial}}
	if len(f.profiles) > 0 {
		key.Profile = f.profiles[0]
	}
	if err := setup.CheckNew(p.env, &key, opts); err != nil {
		return nil, err // before a secret is asked for
	}
	var err error
	if key.AccessKeyID, key.SecretAccessKey, err = p.readKey(ctx); err != nil {
		return nil, err
	}
	return setup.NewKeyPlan(p.env, key, opts)
}

// ourselves is the path to run this program by: SDKs may have another PATH than the user.
func ourselves() string {
	const name = "sts-helper"
	self, err := os.Executable()
	if err != nil {
		return name
	}
	if found, err := exec.LookPath(name); err == nil && filepath.IsAbs(found) && sameFile(found, self) {
		return filepath.ToSlash(found) // which stays when a link leads to a new version
	}
	return filepath.ToSlash(self)
}

func (p *program) showPlan(r *setupResult) error {
	width := 0
	for _, q := range r.Profiles {
		width = max(width, len(display.Safe(q.Name)))
	}
	for _, q := range r.Profiles {
		line := fmt.Sprintf("%-*s  %s: %s", width, display.Safe(q.Name), q.Kind, q.Action)
		if q.Reason != "" {
			line += ": " + q.Reason
		}
		if err := p.say("%s", line); err != nil {
			return err
		}
	}
	for _, c := range r.Changes {
		if _, err := io.WriteString(p.stdout, c.Diff); err != nil {
			return err
		}
	}
	switch {
	case len(r.Profiles) == 0:
		return p.say("there is no AWS profile yet; to make one from an access key, run: sts-helper setup --access-key; from IAM Identity Center: sts-helper setup --sso-start-url URL")
	case len(r.Changes) == 0:
		return p.say("nothing to change")
	}
	return nil
}

// agree asks whether to go on, unless --yes was given.
func (p *program) agree(ctx context.Context, f *setupFlags, question string) (bool, error) {
	if f.yes {
		return true, nil
	}
	ok, err := p.yes(ctx, question)
	if err != nil || ok {
		return ok, err
	}
	return false, p.say("nothing was changed")
}

// yes asks a question whose answer is no unless it is yes.
func (p *program) yes(ctx context.Context, question string) (bool, error) {
	line, err := p.line(ctx, question+" [y/N] ")
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return err == nil, err
	}
	return false, err
}

// try gets credentials for each profile, as a program would.
func (p *program) try(ctx context.Context, f *setupFlags, names []string, r *setupResult) error {
	var first error
	failures := 0
	for _, name := range names {
		one := tried{Profile: name}
		t, answer, err := p.tokenOf(ctx, name, settings.Flags{})
		line := ""
		switch {
		case err == nil:
			one.Works, one.Expires = true, utc(answer.Token.Credentials.Expires)
			if id := answer.Token.Principal(); id != nil {
				one.Identity = id.ARN
			}
			line = fmt.Sprintf("%s works: good until %s", t.name, moment(answer.Token.Credentials.Expires))
			for _, w := range broker.Warnings(answer) {
				p.progress("%s: warning: %s", t.name, w)
			}
		case ctx.Err() != nil:
			return err
		default:
			one.Error = display.Safe(err.Error())
			line = display.Safe(name) + " is set up, and does not work yet: " + one.Error
			if failure.ClassOf(err) != failure.InteractionRequired {
				if failures++; first == nil {
					first = err
				}
			}
		}
		r.Tried = append(r.Tried, one)
		if f.output == outputText {
			if err := p.say("%s", line); err != nil {
				return err
			}
		}
	}
	if first != nil {
		return summary{fmt.Errorf("%d of %d profiles do not work; to undo the changes, run: sts-helper setup --remove", failures, len(names)), first}
	}
	return nil
}

// finish writes the JSON document, where one is wanted.
func (p *program) finish(f *setupFlags, v any) error {
	if f.output != outputJSON {
		return nil
	}
	return p.printJSON(v)
}

// removeSetup undoes what setup has written.
func (p *program) removeSetup(ctx context.Context, f *setupFlags) error {
	all, err := setup.Remove(p.env, true)
	if err != nil {
		return err
	}
	if len(all) > 0 && !f.dryRun {
		if !f.yes {
			if err := p.showUndone(all, "would be "); err != nil {
				return err
			}
		}
		if ok, err := p.agree(ctx, f, "Undo this?"); !ok {
			return err
		}
		if all, err = setup.Remove(p.env, false); err != nil {
			return err
		}
	}
	if f.output == outputJSON {
		return p.finish(f, struct {
			DryRun bool           `json:"dry_run"`
			Files  []setup.Undone `json:"files"`
		}{f.dryRun, append([]setup.Undone{}, all...)})
	}
	if len(all) == 0 {
		return p.say("there is nothing to undo")
	}
	verb := ""
	if f.dryRun {
		verb = "would be "
	}
	if err := p.showUndone(all, verb); err != nil || f.dryRun {
		return err
	}
	return p.sayStored()
}

func (p *program) showUndone(all []setup.Undone, verb string) error {
	for _, u := range all {
		line := display.Safe(u.Path) + ": " + verb + u.State
		if u.State == "edited" {
			line += ": it was changed since, so only setup's own lines are taken back"
			if u.Left > 0 {
				line += fmt.Sprintf(", and %d changes stay, because other lines are there now", u.Left)
			}
			line += "; the backup stays: " + display.Safe(u.Backup)
		}
		if err := p.say("%s", line); err != nil {
			return err
		}
	}
	return nil
}
