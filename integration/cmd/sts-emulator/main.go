// Command sts-emulator runs the emulator of AWS STS on loopback for shell scripts, the
// demo and test drivers in other languages.
//
//	sts-emulator [--listen 127.0.0.1:0] [--world FILE.json] [--tls] [--ca-file FILE] [--until-stdin-closes]
//
// Once it listens it prints one line of JSON: the URL, the environment for a client, and
// the users with their keys and MFA seeds. It is steered at URL/_emulator/; see
// EnableAdmin in the emulator package. It ends on SIGINT and SIGTERM, and with
// --until-stdin-closes also when its standard input does.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "sts-emulator:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	fs := flag.NewFlagSet("sts-emulator", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:0", "loopback `address` to serve on; port 0 takes a free one")
	worldFile := fs.String("world", "", "JSON `file` with users, roles and devices instead of the demo's")
	secure := fs.Bool("tls", false, "serve HTTPS under an authority of its own")
	caFile := fs.String("ca-file", "", "write that authority's certificate to `file`, for AWS_CA_BUNDLE")
	untilEOF := fs.Bool("until-stdin-closes", false, "end when standard input closes")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if *caFile != "" && !*secure {
		return errors.New("--ca-file needs --tls")
	}
	world := demoWorld()
	if *worldFile != "" {
		var err error
		if world, err = readWorld(*worldFile); err != nil {
			return err
		}
	}
	// Before the line is printed, so that a process that reads it may end us at once.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)

	e, err := emulator.Open(world)
	if err != nil {
		return err
	}
	e.EnableAdmin()
	if err := e.Listen(*listen, *secure); err != nil {
		return err
	}
	defer e.Close()
	d := struct {
		emulator.Description
		Admin  string `json:"admin"`
		PID    int    `json:"pid"`
		CAFile string `json:"ca_file,omitempty"`
	}{Description: e.Describe(), PID: os.Getpid(), CAFile: *caFile}
	d.Admin = d.URL + "/_emulator/"
	if *caFile != "" {
		if err := os.WriteFile(*caFile, e.CAPEM(), 0o644); err != nil {
			return err
		}
		d.Env["AWS_CA_BUNDLE"] = *caFile
	}
	if err := json.NewEncoder(stdout).Encode(d); err != nil {
		return err
	}
	eof := make(chan struct{})
	if *untilEOF {
		go func() {
			io.Copy(io.Discard, stdin)
			close(eof)
		}()
	}
	select {
	case <-stop:
	case <-eof:
	}
	return nil
}

func readWorld(name string) (emulator.World, error) {
	var w emulator.World
	f, err := os.Open(name)
	if err != nil {
		return w, err
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return w, fmt.Errorf("world file %s: %w", name, err)
	}
	return w, nil
}
