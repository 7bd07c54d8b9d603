package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/storedkey"
	"github.com/sts-helper/sts-helper/lock"
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

// keysDir is the directory of the descriptions, and the options of stores.
func (p *program) keysDir() (string, keystore.Options, error) {
	dir := settings.KeysDir(p.env)
	if dir == "" {
		return "", keystore.Options{}, failure.Configf("without a home directory no key can be stored").Do("set HOME")
	}
	return dir, keystore.Options{Dir: dir, Getenv: p.env.Getenv}, nil
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

// theKey is the description of a key that must be there.
func theKey(dir, name string) (*storedkey.Key, error) {
	k, err := keystore.Described(dir, name)
	if err == nil && k == nil {
		names, _ := keystore.Names(dir)
		return nil, failure.Configf("there is no stored key %s", display.Quote(name)).Do("%s", cmp.Or(display.DidYouMean(name, names), "sts-helper keys list shows what there is"))
	}
	return k, err
}

// heldKey is a stored key that no other process changes meanwhile.
type heldKey struct {
	*storedkey.Key
	*lock.Held
	dir     string
	options keystore.Options
}

func (h *heldKey) store() *keystore.Store { return keystore.Open(h.Key.Store, h.options) }

// holdKey keeps others from changing a key that must be there.
func (p *program) holdKey(ctx context.Context, name, purpose string) (*heldKey, error) {
	dir, o, err := p.keysDir()
	if err != nil {
		return nil, err
	}
	held, err := p.lockKey(ctx, dir, name, purpose)
	if err != nil {
		return nil, err
	}
	k, err := theKey(dir, name)
	if err != nil {
		held.Release()
		return nil, err
	}
	return &heldKey{k, held, dir, o}, nil
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
	return broker.New(req, broker.Options{Env: p.env, Log: p.logger(false), Login: true, LoginCommand: "sts-helper keys rotate " + k.Name})
}

func (p *program) keysRemoveCommand() *cobra.Command {
	var yes bool
	var output outputForm
	cmd := &cobra.Command{Use: "remove NAME [flags]", Short: "Delete a stored key here; at AWS it stays", Args: oneArgument("NAME of the stored key"), ValidArgsFunction: p.completeKeys,
		Long: "Delete a stored key here. At AWS it stays as it is, and works wherever else it is known.\n\n    sts-helper keys remove work --yes"}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "delete without asking")
	addOutput(cmd, &output)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.removeKey(cmd.Context(), args[0], yes, output)
	}
	return cmd
}

func (p *program) removeKey(ctx context.Context, name string, yes bool, output outputForm) error {
	held, err := p.holdKey(ctx, name, "removing a key")
	if err != nil {
		return err
	}
	defer held.Release()
	k, dir := held.Key, held.dir
	if !yes && !p.asksUser() {
		return usageError{errors.New("there is no terminal to ask on; add --yes")}
	}
	if ok, err := p.agree(ctx, &setupFlags{yes: yes}, fmt.Sprintf("Delete key %s (%s)? Its secret cannot be had again.", name, k.AccessKeyID)); !ok {
		return err
	}
	store, waited := held.store(), p.waitsForStore(k.Store)
	for _, id := range k.IDs() {
		if err := store.Remove(ctx, name, id); err != nil {
			return err
		}
	}
	waited()
	if err := keystore.DeleteDescription(dir, name); err != nil {
		return err
	}
	if output == outputJSON {
		return p.printJSON(keyDocument{Version: 1, Key: listed(k), Stays: k.IDs()})
	}
	if err := p.say("removed %s; at AWS the key stays: to delete it there, run: %s", name, deleteAtAWS(k.AccessKeyID)); err != nil {
		return err
	}
	return p.sayOther(k, k.AccessKeyID)
}

// sayOther names the other key of a rotation that is not finished, which stays at AWS; id is the one that is known.
func (p *program) sayOther(k *storedkey.Key, id string) error {
	for _, other := range k.IDs() {
		if k.Rotation == nil || other == id {
			continue
		}
		if err := p.say("a rotation was not finished, and %s stays at AWS, too: to delete it there, run: %s", display.Safe(other), deleteAtAWS(other)); err != nil {
			return err
		}
	}
	return nil
}

// deleteAtAWS is the line that deletes a key at AWS.
func deleteAtAWS(id string) string {
	return "aws iam delete-access-key --access-key-id " + display.Safe(id)
}
