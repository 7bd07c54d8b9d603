package main

import (
	"context"
	"os"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/setup"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

// plainStore is the value of setup --store for the credentials file that only this program is told of.
const plainStore = "plain"

// setupStores are the values of setup --store.
func setupStores() []string { return append([]string{plainStore}, keyStores()...) }

// planWithStore is the plan, and the store for the keys that it moves: the one that --store names, or that the user
// chooses on a terminal.
func (p *program) planWithStore(ctx context.Context, f *setupFlags) (*setup.Plan, storedkey.Store, error) {
	opts := setup.Options{Profiles: f.profiles, MoveKeys: f.moveKeys, Program: ourselves()}
	inStore := func(name string) (*setup.Plan, storedkey.Store, error) {
		dir, o, err := p.keysDir()
		if err != nil {
			return nil, "", err
		}
		kind, err := storeFor(name, o)
		if err != nil {
			return nil, "", err
		}
		if opts.Stored, err = storedIDs(dir); err != nil {
			return nil, "", err
		}
		opts.Store = true
		plan, err := p.plan(ctx, f, opts)
		return plan, kind, err
	}
	if f.store != "" && f.store != plainStore {
		return inStore(f.store)
	}
	plan, err := p.plan(ctx, f, opts)
	if err != nil || f.store != "" || f.yes || f.dryRun || f.accessKey || f.startURL != "" || !plan.MovesKeys() || !p.terminal(os.Stdin) {
		return plan, "", err
	}
	_, o, err := p.keysDir()
	if err != nil {
		return nil, "", err
	}
	ok, err := p.yes(ctx, "Keep keys in "+keystore.Name(keystore.Default(o))+", rather than in clear in "+display.Safe(setup.KeysFile(p.env))+"?")
	if err != nil || !ok {
		return plan, "", err
	}
	return inStore("auto")
}

// storedIDs are the ids of the stored keys by their names.
func storedIDs(dir string) (map[string]string, error) {
	names, err := keystore.Names(dir)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, name := range names {
		k, err := keystore.Described(dir, name)
		if err != nil {
			return nil, err
		}
		ids[name] = k.AccessKeyID
	}
	return ids, nil
}

// storeMoved puts the keys that a plan takes out of files into their store, each once STS knows it.
func (p *program) storeMoved(ctx context.Context, plan *setup.Plan, kind storedkey.Store) ([]listedKey, error) {
	var all []listedKey
	for _, m := range plan.StoredKeys() {
		k, err := p.storeOne(ctx, m, kind)
		if err != nil {
			return all, err
		}
		all = append(all, listed(k))
	}
	return all, nil
}

func (p *program) storeOne(ctx context.Context, m setup.Key, kind storedkey.Store) (*storedkey.Key, error) {
	dir, o, err := p.keysDir()
	if err != nil {
		return nil, err
	}
	held, err := p.lockKey(ctx, dir, m.Profile, "storing a key")
	if err != nil {
		return nil, err
	}
	defer held.Release()
	k := newStoredKey(m.Profile, m.ProfileKey, kind)
	return k, p.keepKey(ctx, dir, keystore.Open(kind, o), k, m.ProfileKey, m.Region)
}

// sayStored says of keys that are in files again whether they are in a store, too, and whether AWS has another in
// their place by now.
func (p *program) sayStored() error {
	dir := settings.KeysDir(p.env)
	names, err := keystore.Names(dir)
	if err != nil {
		return err
	}
	files, err := settings.SharedFiles(p.env)
	if err != nil {
		return err
	}
	for _, name := range names {
		k, err := keystore.Described(dir, name)
		q := files.Profile(name)
		if err != nil || k == nil || q == nil || !q.HasLongTermKey() {
			continue
		}
		switch id := q.Value(awsconfig.KeyAccessKeyID); {
		case id == k.AccessKeyID:
			err = p.say("key %s is in %s, too; to delete it there, run: sts-helper keys remove %s", display.Safe(id), keystore.Name(k.Store), name)
		case k.Rotated != nil:
			p.progress("warning: profile %s has key %s again, which was rotated since, so AWS does not take it any more; the present one is stored: sts-helper --source-key %s",
				display.Quote(name), display.Safe(id), name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
