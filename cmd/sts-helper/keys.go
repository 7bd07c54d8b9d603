package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/rotation"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/setup"
	"github.com/sts-helper/sts-helper/internal/storedkey"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

const keysHelp = `Keep long-term keys in the system's own store, where no other program reads them:
the Secret Service (Linux, BSD), the keychain (macOS), Windows credentials; where there
is none, a file encrypted under a passphrase; on request the kernel's keyring (Linux).

    sts-helper keys add work
    sts-helper --source-key work
    sts-helper keys list
    sts-helper keys rotate work
    sts-helper keys remove work`

func (p *program) keysCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "Keep long-term keys in the system's own store, and rotate them", Long: keysHelp, Args: noArguments}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(p.keysAddCommand(), p.keysListCommand(), p.keysRemoveCommand(), p.keysRotateCommand())
	return cmd
}

// completeKeys completes names of stored keys.
func (p *program) completeKeys(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, err := keystore.Names(settings.KeysDir(p.env))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

const keysAddHelp = `Store an access key under a name. Its id and secret are asked for on the terminal, or read
from standard input: the id on one line, the secret on the next. --from-profile takes them out of
an AWS profile, which gets its credentials with the stored key then; a backup is kept, and
"sts-helper setup --remove" undoes it. Before it is stored the key is tried.

    sts-helper keys add work
    sts-helper keys add work --from-profile base`

// keysAdd are the flags of keys add.
type keysAdd struct {
	profile, store, mfaSerial string
	replace                   bool
	region                    string
}

func (p *program) keysAddCommand() *cobra.Command {
	var f keysAdd
	cmd := &cobra.Command{Use: "add NAME [flags]", Short: "Store an access key", Long: keysAddHelp, Args: oneArgument("NAME, under which the key is stored,")}
	set := cmd.Flags()
	set.SortFlags = false
	set.StringVar(&f.profile, "from-profile", "", "take the key out of this AWS `PROFILE`")
	set.StringVar(&f.store, "store", "auto", "`STORE` to keep it in: auto, system, file, kernel (until the machine restarts)")
	set.StringVar(&f.mfaSerial, "mfa-serial", "", "the key's MFA device: `SERIAL` number, ARN, or auto")
	set.StringVar(&f.region, "region", "", "`REGION` whose STS tries the key")
	set.BoolVar(&f.replace, "replace", false, "replace the key that is stored under the name")
	_ = cmd.RegisterFlagCompletionFunc("store", cobra.FixedCompletions([]string{"auto", "system", "file", "kernel"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("from-profile", p.completeAWSNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return p.addKey(cmd.Context(), args[0], &f) }
	return cmd
}

// keysDir is the directory of the descriptions, and the options of stores.
func (p *program) keysDir() (string, keystore.Options, error) {
	dir := settings.KeysDir(p.env)
	if dir == "" {
		return "", keystore.Options{}, failure.Configf("without a home directory no key can be stored").Do("set HOME")
	}
	return dir, keystore.Options{Dir: dir, Getenv: p.env.Getenv}, nil
}

// storeFor is the store that --store names.
func storeFor(name string, o keystore.Options) (storedkey.Store, error) {
	if name == "auto" {
		return keystore.Default(o), nil
	}
	for _, s := range storedkey.Stores {
		if name == string(s) {
			return s, nil
		}
	}
	return "", usageError{fmt.Errorf("--store: there is no store %s, only auto, system, file and kernel", display.Quote(name))}
}

// lockKey keeps others from changing the key at the same time.
func (p *program) lockKey(ctx context.Context, dir, name, purpose string) (*lock.Held, error) {
	if !storedkey.ValidName(name) {
		return nil, usageError{fmt.Errorf("%s can be no name of a key: it has letters, digits, - _ . in it, at most 64", display.Quote(name))}
	}
	if err := keystore.MakeDir(dir); err != nil {
		return nil, err
	}
	held, err := lock.Try(filepath.Join(dir, name+".lock"), lock.Holder{Purpose: purpose})
	if errors.Is(err, lock.ErrBusy) {
		return nil, &failure.Error{Class: failure.Locked, Err: err, Text: "another process is changing key " + display.Quote(name), Next: "try again when it is done"}
	}
	if err != nil {
		return nil, &failure.Error{Class: failure.Configuration, Err: err, Text: display.Safe(err.Error())}
	}
	return held, ctx.Err()
}

func (p *program) addKey(ctx context.Context, name string, f *keysAdd) error {
	dir, o, err := p.keysDir()
	if err != nil {
		return err
	}
	kind, err := storeFor(f.store, o)
	if err != nil {
		return err
	}
	held, err := p.lockKey(ctx, dir, name, "adding a key")
	if err != nil {
		return err
	}
	defer held.Release()
	old, err := keystore.Described(dir, name)
	if err != nil && !f.replace {
		return err
	}
	if old != nil && !f.replace {
		return failure.Configf("there is a stored key %s already (%s)", display.Quote(name), old.AccessKeyID).Do("choose another name, or add --replace")
	}
	var plan *setup.Plan
	var key setup.ProfileKey
	if f.profile != "" {
		if plan, key, err = setup.TakeKey(p.env, f.profile, name, setup.Options{Program: ourselves()}); err != nil {
			return err
		}
	} else if key.AccessKeyID, key.SecretAccessKey, err = p.readKey(ctx); err != nil {
		return err
	}
	k := &storedkey.Key{Name: name, AccessKeyID: key.AccessKeyID, Store: kind, MFASerial: cmp.Or(f.mfaSerial, key.MFASerial), Added: time.Now().UTC().Truncate(time.Second)}
	if err := p.tryKey(ctx, k, key, f.region); err != nil {
		return err
	}
	store := keystore.Open(kind, o)
	if err := store.Set(ctx, name, k.AccessKeyID, key.SecretAccessKey); err != nil {
		return err
	}
	if err := keystore.Describe(dir, k); err != nil {
		return err
	}
	if old != nil && (old.AccessKeyID != k.AccessKeyID || old.Store != kind) {
		if err := keystore.Open(old.Store, o).Remove(ctx, name, old.AccessKeyID); err != nil {
			p.progress("warning: the key that was replaced stays in its store: %s", err)
		}
	}
	if err := p.say("stored %s in %s: %s", display.Safe(k.AccessKeyID), keystore.Name(kind), display.Safe(k.ARN)); err != nil {
		return err
	}
	if plan == nil {
		return p.say("use it with: sts-helper --source-key %s, or source_key = %q in config.toml", name, name)
	}
	backups, err := plan.Apply()
	if err != nil {
		return err
	}
	for _, b := range backups {
		if err := p.say("backup: %s", display.Safe(b)); err != nil {
			return err
		}
	}
	for _, b := range plan.KeyBackups(backups) {
		p.progress("%s still has the key; remove it once all works, after which setup --remove cannot undo that", display.Safe(b))
	}
	return p.say("AWS profile %s gets its credentials with the stored key now", display.Quote(f.profile))
}

// tryKey asks STS whose a key is, and writes it into k.
func (p *program) tryKey(ctx context.Context, k *storedkey.Key, key setup.ProfileKey, region string) error {
	switch {
	case !token.ValidAccessKeyID(key.AccessKeyID):
		return usageError{errors.New("that is no access key id; it has 20 letters and digits and begins with AKIA")}
	case strings.HasPrefix(key.AccessKeyID, "ASIA"):
		return usageError{errors.New("that is the id of temporary credentials; only a long-term key is stored")}
	case key.SecretAccessKey == "" || !token.ValidSecret(key.SecretAccessKey):
		return usageError{errors.New("that is no secret access key")}
	}
	prov, err := p.keyProvider(k, "", region)
	if err != nil {
		return err
	}
	who, err := prov.Caller(ctx, token.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey})
	if err != nil {
		return err
	}
	if k.ARN = who.ARN; strings.HasSuffix(who.ARN, ":root") {
		p.progress("warning: this is a key of the root user, which nothing limits; use one of an IAM user")
	}
	return nil
}

// keyProvider is the provider of a session of a key, with MFA where serial is its device.
func (p *program) keyProvider(k *storedkey.Key, serial, region string) (*broker.Provider, error) {
	flags := settings.Flags{}
	if region != "" {
		flags.Set("region", region)
	}
	req, err := settings.NewStoredKey(k.Name, k.AccessKeyID, serial, flags, p.env)
	if err != nil {
		return nil, err
	}
	return broker.New(req, broker.Options{Env: p.env, Login: true, LoginCommand: "sts-helper keys rotate " + k.Name})
}

func (p *program) keysListCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{Use: "list [flags]", Short: "Show the stored keys, without their secrets", Args: noArguments,
		Long: "Show the stored keys: name, id, store, how old they are, and when they were rotated.\n\n    sts-helper keys list\n    sts-helper keys list --output json"}
	addOutput(cmd, &output)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := checkOutput(output); err != nil {
			return err
		}
		return p.listKeys(output == "json")
	}
	return cmd
}

// listedKey is one stored key of keys list --output json. Times are RFC 3339, UTC.
type listedKey struct {
	Name        string     `json:"name"`
	AccessKeyID string     `json:"access_key_id"`
	Store       string     `json:"store"`
	Identity    string     `json:"identity"`
	MFASerial   string     `json:"mfa_serial,omitempty"`
	Added       time.Time  `json:"added"`
	Created     *time.Time `json:"created,omitempty"` // absent where it is not known
	Rotated     *time.Time `json:"rotated,omitempty"`
	Rotating    string     `json:"rotating,omitempty"` // the step at which a rotation was ended
	Problem     string     `json:"problem,omitempty"`
}

func (p *program) listKeys(asJSON bool) error {
	dir, _, err := p.keysDir()
	if err != nil {
		return err
	}
	names, err := keystore.Names(dir)
	if err != nil {
		return err
	}
	all := []listedKey{}
	for _, name := range names {
		k, err := keystore.Described(dir, name)
		switch {
		case err != nil:
			all = append(all, listedKey{Name: name, Problem: display.Safe(err.Error())})
		case k != nil:
			one := listedKey{Name: name, AccessKeyID: k.AccessKeyID, Store: string(k.Store), Identity: k.ARN, MFASerial: k.MFASerial, Added: k.Added, Created: k.Created, Rotated: k.Rotated}
			if k.Rotation != nil {
				one.Rotating = string(k.Rotation.Step)
			}
			all = append(all, one)
		}
	}
	if asJSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"version": 1, "keys": all})
	}
	if len(all) == 0 {
		return p.say("no key is stored; store one: sts-helper keys add NAME")
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKEY ID\tSTORE\tAGE\tROTATED\tIDENTITY")
	for _, k := range all {
		if k.Problem != "" {
			fmt.Fprintf(w, "%s\t%s\n", k.Name, k.Problem)
			continue
		}
		since, rotated := k.Added, "never"
		if k.Created != nil {
			since = *k.Created
		}
		if k.Rotated != nil {
			rotated = display.Remaining(time.Since(*k.Rotated)) + " ago"
		}
		if k.Rotating != "" {
			rotated = "begun: run sts-helper keys rotate " + k.Name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Name, display.Safe(k.AccessKeyID), k.Store, display.Remaining(time.Since(since)), rotated, display.Safe(k.Identity))
	}
	return w.Flush()
}

func (p *program) keysRemoveCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "remove NAME [flags]", Short: "Delete a stored key here; at AWS it stays", Args: oneArgument("NAME of the stored key"), ValidArgsFunction: p.completeKeys,
		Long: "Delete a stored key here. At AWS it stays as it is, and works wherever else it is known.\n\n    sts-helper keys remove work --yes"}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "delete without asking")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return p.removeKey(cmd.Context(), args[0], yes) }
	return cmd
}

// theKey is the description of a key that must be there.
func theKey(dir, name string) (*storedkey.Key, error) {
	k, err := keystore.Described(dir, name)
	if err == nil && k == nil {
		names, _ := keystore.Names(dir)
		return nil, failure.Configf("there is no stored key %s", display.Quote(name)).Do("%s", cmp.Or(display.DidYouMean(name, names), "sts-helper keys list shows what there is"))
	}
	return k, err
}

func (p *program) removeKey(ctx context.Context, name string, yes bool) error {
	dir, o, err := p.keysDir()
	if err != nil {
		return err
	}
	held, err := p.lockKey(ctx, dir, name, "removing a key")
	if err != nil {
		return err
	}
	defer held.Release()
	k, err := theKey(dir, name)
	if err != nil {
		return err
	}
	if !yes && (!p.terminal(os.Stdin) || !p.terminal(p.stderr)) {
		return usageError{errors.New("there is no terminal to ask on; add --yes")}
	}
	if ok, err := p.agree(ctx, &setupFlags{yes: yes}, fmt.Sprintf("Delete key %s (%s)? Its secret cannot be had again.", name, k.AccessKeyID)); !ok {
		return err
	}
	store := keystore.Open(k.Store, o)
	ids := []string{k.AccessKeyID}
	if n := k.Rotation; n != nil {
		ids = append(ids, n.Old, n.New)
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		if err := store.Remove(ctx, name, id); err != nil {
			return err
		}
	}
	if err := keystore.Forget(dir, name); err != nil {
		return err
	}
	return p.say("removed %s; at AWS the key stays: to delete it there, run: aws iam delete-access-key --access-key-id %s", name, display.Safe(k.AccessKeyID))
}

const keysRotateHelp = `Make a new access key at AWS, try it, use it in the place of the old one, then deactivate and
delete the old one. Ended at any place, the same line goes on from there; at no time is
there no working key. It takes iam:ListAccessKeys, CreateAccessKey, UpdateAccessKey and
DeleteAccessKey for the user's own keys. --mfa-serial makes the requests with a session with MFA.

    sts-helper keys rotate work
    sts-helper keys rotate work --mfa-serial auto`

func (p *program) keysRotateCommand() *cobra.Command {
	var serial, region string
	cmd := &cobra.Command{Use: "rotate NAME [flags]", Short: "Put a new access key in the place of a stored one", Long: keysRotateHelp,
		Args: oneArgument("NAME of the stored key"), ValidArgsFunction: p.completeKeys}
	cmd.Flags().StringVar(&serial, "mfa-serial", "", "MFA device for the session that asks IAM: `SERIAL` number, ARN, or auto")
	cmd.Flags().StringVar(&region, "region", "", "`REGION` whose STS tries the key")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.rotateKey(cmd.Context(), args[0], serial, region)
	}
	return cmd
}

func (p *program) rotateKey(ctx context.Context, name, serial, region string) error {
	dir, o, err := p.keysDir()
	if err != nil {
		return err
	}
	held, err := p.lockKey(ctx, dir, name, "rotating a key")
	if err != nil {
		return err
	}
	defer held.Release()
	k, err := theKey(dir, name)
	if err != nil {
		return err
	}
	prov, err := p.keyProvider(k, "", region)
	if err != nil {
		return err
	}
	iam, err := prov.IAM()
	if err != nil {
		return err
	}
	serial = cmp.Or(serial, k.MFASerial)
	r := &rotation.Rotation{Key: k, Dir: dir, Store: keystore.Open(k.Store, o), IAM: iam, Caller: prov.Caller,
		Say: func(line string) { p.progress("%s", line) },
		Signer: func(ctx context.Context, id, secret string) (aws.Credentials, error) {
			if serial == "" {
				return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
			}
			session, err := p.keyProvider(k, serial, region)
			if err != nil {
				return aws.Credentials{}, err
			}
			return session.Retrieve(ctx)
		}}
	old := k.AccessKeyID
	if n := k.Rotation; n != nil {
		old = n.Old
		p.progress("going on with a rotation that was begun %s", n.Began.Local().Format(time.DateTime))
	}
	if err := r.Run(ctx); err != nil {
		return err
	}
	return p.say("rotated %s: %s is in use, and %s is deleted", name, display.Safe(k.AccessKeyID), display.Safe(old))
}
