package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/keystore"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

func (p *program) keysListCommand() *cobra.Command {
	var output outputForm
	cmd := &cobra.Command{Use: "list [flags]", Short: "Show the stored keys, without their secrets", Args: noArguments,
		Long: "Show the stored keys: name, id, store, how old they are, and when they were rotated.\n\n    sts-helper keys list\n    sts-helper keys list --output json"}
	addOutput(cmd, &output)
	cmd.RunE = func(*cobra.Command, []string) error {
		return p.listKeys(output == outputJSON)
	}
	return cmd
}

// listedKey is one stored key as --output json has it. Times are RFC 3339, UTC.
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

// keyDocument is what keys add, remove and rotate print with --output json.
type keyDocument struct {
	Version int       `json:"version"`
	Key     listedKey `json:"key"`               // as it is now; what remove removed
	Profile string    `json:"profile,omitempty"` // the AWS profile that gets its credentials with it now
	Backups []string  `json:"backups,omitempty"` // of the files that were changed
	Deleted string    `json:"deleted,omitempty"` // by rotate, at AWS: the id of the key before
	Stays   []string  `json:"stays,omitempty"`   // at AWS: ids of keys that are in no store any more
}

func listed(k *storedkey.Key) listedKey {
	l := listedKey{Name: k.Name, AccessKeyID: k.AccessKeyID, Store: string(k.Store), Identity: k.ARN, MFASerial: k.MFASerial, Added: k.Added, Created: k.Created, Rotated: k.Rotated}
	if k.Rotation != nil {
		l.Rotating = string(k.Rotation.Step)
	}
	return l
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
			all = append(all, listed(k))
		}
	}
	if asJSON {
		return p.printJSON(map[string]any{"version": 1, "keys": all})
	}
	if len(all) == 0 {
		return p.say("no key is stored; store one: sts-helper keys add NAME")
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKEY ID\tSTORE\tAGE\tROTATED\tIDENTITY")
	for _, k := range all {
		if k.Problem != "" {
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\t%s\n", k.Name, k.Problem)
			continue
		}
		since, rotated := k.Added, "never"
		if k.Created != nil {
			since = *k.Created
		}
		if k.Rotated != nil {
			rotated = remaining.Text(time.Since(*k.Rotated)) + " ago"
		}
		if k.Rotating != "" {
			rotated = "begun: run sts-helper keys rotate " + k.Name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Name, display.Safe(k.AccessKeyID), k.Store, remaining.Text(time.Since(since)), rotated, display.Safe(k.Identity))
	}
	return w.Flush()
}
