package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/setup"
	"github.com/sts-helper/sts-helper/internal/storedkey"
	"github.com/sts-helper/sts-helper/token"
)

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
	output                    outputForm
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
	_ = cmd.RegisterFlagCompletionFunc("store", cobra.FixedCompletions(keyStores(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("from-profile", p.completeAWSNames)
	addOutput(cmd, &f.output)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.addKey(cmd.Context(), args[0], &f)
	}
	return cmd
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
	return "", usageError{fmt.Errorf("--store: there is no store %s, only %s", display.Quote(name), strings.Join(keyStores(), ", "))}
}

// keyStores are the values of keys add --store.
func keyStores() []string {
	names := []string{"auto"}
	for _, s := range storedkey.Stores {
		names = append(names, string(s))
	}
	return names
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
	key.MFASerial = cmp.Or(f.mfaSerial, key.MFASerial)
	k := newStoredKey(name, key, kind)
	if err := p.keepKey(ctx, dir, keystore.Open(kind, o), k, key, f.region); err != nil {
		return err
	}
	done := keyDocument{Version: 1, Key: listed(k), Profile: f.profile}
	if old != nil {
		for _, id := range old.IDs() {
			if id == k.AccessKeyID && old.Store == kind {
				continue
			}
			if err := keystore.Open(old.Store, o).Remove(ctx, name, id); err != nil {
				p.progress("warning: the key that was replaced stays in its store: %s", err)
			}
		}
		if f.output == outputJSON {
			done.Stays = slices.DeleteFunc(old.IDs(), func(id string) bool { return old.Rotation == nil || id == k.AccessKeyID })
		} else if err := p.sayOther(old, k.AccessKeyID); err != nil {
			return err
		}
	}
	if plan != nil {
		if done.Backups, err = plan.Apply(); err != nil {
			return err
		}
		for _, b := range plan.KeyBackups(done.Backups) {
			p.progress("%s still has the key; remove it once all works, after which setup --remove cannot undo that", display.Safe(b))
		}
	}
	if f.output == outputJSON {
		return p.printJSON(done)
	}
	return p.sayAdded(k, &done)
}

// sayAdded says where a key was stored, and how it is used.
func (p *program) sayAdded(k *storedkey.Key, done *keyDocument) error {
	if err := p.say("stored %s in %s: %s", display.Safe(k.AccessKeyID), keystore.Name(k.Store), display.Safe(k.ARN)); err != nil {
		return err
	}
	if done.Profile == "" {
		return p.say("use it with: sts-helper --source-key %s, or source_key = %q in config.toml", k.Name, k.Name)
	}
	for _, b := range done.Backups {
		if err := p.say("backup: %s", display.Safe(b)); err != nil {
			return err
		}
	}
	return p.say("AWS profile %s gets its credentials with the stored key now", display.Quote(done.Profile))
}

// newStoredKey describes a key that is to be stored.
func newStoredKey(name string, key setup.ProfileKey, kind storedkey.Store) *storedkey.Key {
	return &storedkey.Key{Name: name, AccessKeyID: key.AccessKeyID, Store: kind, MFASerial: key.MFASerial, Added: time.Now().UTC().Truncate(time.Second)}
}

// keepKey tries a key, puts its secret into the store, and writes its description.
func (p *program) keepKey(ctx context.Context, dir string, store *keystore.Store, k *storedkey.Key, key setup.ProfileKey, region string) error {
	if err := p.tryKey(ctx, k, key, region); err != nil {
		return err
	}
	waited := p.waitsForStore(k.Store)
	err := store.Set(ctx, k.Name, k.AccessKeyID, key.SecretAccessKey)
	waited()
	if err != nil {
		return err
	}
	return keystore.Describe(dir, k)
}

// tryKey asks STS whose a key is, and writes it into k.
func (p *program) tryKey(ctx context.Context, k *storedkey.Key, key setup.ProfileKey, region string) error {
	if err := key.Check(); err != nil {
		return err
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
