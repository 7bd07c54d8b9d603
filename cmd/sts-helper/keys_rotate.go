package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/rotation"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

const keysRotateHelp = `Make a new access key at AWS, try it, use it in the place of the old one, then deactivate and
delete the old one. Ended at any place, the same line goes on from there; at no time is
there no working key. It takes iam:ListAccessKeys, CreateAccessKey, UpdateAccessKey and
DeleteAccessKey for the user's own keys. --mfa-serial makes the requests with a session with MFA.

    sts-helper keys rotate work
    sts-helper keys rotate work --mfa-serial auto
    sts-helper keys rotate work --output json`

func (p *program) keysRotateCommand() *cobra.Command {
	var serial, region string
	var output outputForm
	cmd := &cobra.Command{Use: "rotate NAME [flags]", Short: "Put a new access key in the place of a stored one", Long: keysRotateHelp,
		Args: oneArgument("NAME of the stored key"), ValidArgsFunction: p.completeKeys}
	cmd.Flags().StringVar(&serial, "mfa-serial", "", "MFA device for the session that asks IAM: `SERIAL` number, ARN, or auto")
	cmd.Flags().StringVar(&region, "region", "", "`REGION` whose STS tries the key")
	addOutput(cmd, &output)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.rotateKey(cmd.Context(), args[0], serial, region, output)
	}
	return cmd
}

func (p *program) rotateKey(ctx context.Context, name, serial, region string, output outputForm) error {
	held, err := p.holdKey(ctx, name, "rotating a key")
	if err != nil {
		return err
	}
	defer held.Release()
	k, dir := held.Key, held.dir
	if err := onlyName(dir, k); err != nil {
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
	r := &rotation.Rotation{Key: k, Dir: dir, Store: held.store(), IAM: iam, Caller: prov.Caller,
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
	if output == outputJSON {
		return p.printJSON(keyDocument{Version: 1, Key: listed(k), Deleted: old})
	}
	return p.say("rotated %s: %s is in use, and %s is deleted", name, display.Safe(k.AccessKeyID), display.Safe(old))
}

// onlyName refuses to rotate a key that is stored under another name, too, which would have a deleted key then.
func onlyName(dir string, k *storedkey.Key) error {
	names, err := keystore.Names(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		other, err := keystore.Described(dir, name)
		if err == nil && other != nil && name != k.Name && slices.ContainsFunc(other.IDs(), func(id string) bool { return slices.Contains(k.IDs(), id) }) {
			return failure.Configf("key %s is stored under the name %s, too, which would have a deleted key then", display.Safe(k.AccessKeyID), display.Quote(name)).
				Do("keep one of them: sts-helper keys remove %s", display.ShellWord(name))
		}
	}
	return nil
}
