// Command beside does what people do on their first day with sts-helper, aws-vault and granted, against one emulated
// STS, and writes docs/beside.md: commands typed, files changed, calls, times. "make beside" installs the other two and
// runs it; one that is not there is left out. Nothing leaves the machine: a proxy leads every host to the emulator.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

const account = "111122223333"

func main() {
	tools := flag.String("tools", "", "`DIR` with aws-vault and assumego")
	docs := flag.String("docs", "", "`FILE` to write the table to, between its marks; standard output where it is not given")
	flag.Parse()
	table, err := measure(*tools)
	if err == nil && *docs != "" {
		err = splice(*docs, table)
	} else if err == nil {
		fmt.Print(table)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "beside:", err)
		os.Exit(1)
	}
}

// bench is the world in which all are measured.
type bench struct {
	sts        *emulator.Emulator
	user       *emulator.User
	role       string
	mfaRole    string // takes callers alone who have shown a code
	dir, proxy string
	ca         string
}

func measure(tools string) (string, error) {
	dir, err := os.MkdirTemp("", "sts-helper-beside-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ours, err := harness.Build(dir, "cmd/sts-helper")
	if err != nil {
		return "", err
	}
	b := &bench{sts: emulator.New(emulator.World{}), dir: dir, ca: filepath.Join(dir, "ca.pem")}
	b.user = b.sts.AddUser(account, "ana")
	b.role = b.sts.AddRole(account, "deploy").ARN
	b.mfaRole = b.sts.AddRole(account, "admin", emulator.RequireMFA()).ARN
	if err := b.sts.StartTLS(); err != nil {
		return "", err
	}
	defer b.sts.Close()
	if err := os.WriteFile(b.ca, b.sts.CAPEM(), 0o600); err != nil {
		return "", err
	}
	stop, err := b.lead()
	if err != nil {
		return "", err
	}
	defer stop()
	all := []*tool{stsHelper(ours)}
	for _, t := range []*tool{awsVault(filepath.Join(tools, "aws-vault")), granted(filepath.Join(tools, "assumego"))} {
		if _, err := os.Stat(t.program); err == nil {
			all = append(all, t)
		} else {
			fmt.Fprintf(os.Stderr, "beside: %s is not there and is left out\n", t.program)
		}
	}
	columns := make([][]string, len(all))
	for i, t := range all {
		if columns[i], err = b.column(t); err != nil {
			return "", fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return render(all, columns), nil
}

// lead starts a proxy that leads every connection to the emulator.
func (b *bench) lead() (stop func(), err error) {
	to := strings.TrimPrefix(b.sts.URL(), "https://")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b.proxy = "http://" + l.Addr().String()
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "there is nothing but the emulator", http.StatusForbidden)
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = there.Close() }()
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = here.Close() }()
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(there, here); _ = there.Close() })
		_, _ = io.Copy(here, there)
		_ = here.Close()
		both.Wait()
	})}
	go func() { _ = srv.Serve(l) }()
	return func() { _ = srv.Close() }, nil
}

// home is a new home, with the files of a user of AWS's tools where classic is set: a key, and a role made with it.
func (b *bench) home(t *tool, classic bool, roles int) (*home, error) {
	return b.homeOf(t, classic, roles, b.role)
}

// homeOf is a home whose profiles have one role, with more lines for each of them and for their source.
func (b *bench) homeOf(t *tool, classic bool, roles int, role string, lines ...string) (*home, error) {
	dir, err := os.MkdirTemp(b.dir, "home-")
	h := &home{bench: b, tool: t, dir: dir}
	if err != nil {
		return nil, err
	}
	var config, keys strings.Builder
	if classic {
		fmt.Fprintf(&keys, "[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", b.user.AccessKeyID, b.user.SecretAccessKey)
		for i := range roles {
			fmt.Fprintf(&config, "[profile team%d]\nregion = us-east-1\nrole_arn = %s\nsource_profile = base\n%s", i+1, role, strings.Join(lines, ""))
		}
		config.WriteString("[profile base]\nregion = us-east-1\n" + strings.Join(lines, ""))
	}
	for name, text := range map[string]string{".aws/config": config.String(), ".aws/credentials": keys.String()} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return nil, err
		}
	}
	if t.prepare != nil {
		err = t.prepare(h)
	}
	return h, err
}

type home struct {
	*bench
	*tool
	dir   string
	typed int // commands so far
}

// command is a command line of the tool.
func (h *home) command(args ...string) *exec.Cmd {
	cmd := exec.Command(h.program, args...)
	cmd.Dir = h.dir
	cmd.Env = append([]string{"HOME=" + h.dir, "PATH=" + filepath.Dir(h.program) + ":/usr/bin:/bin", "HTTPS_PROXY=" + h.proxy, "SSL_CERT_FILE=" + h.ca,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=us-east-1", "AWS_STS_REGIONAL_ENDPOINTS=regional", "LANG=C.UTF-8"}, h.env...)
	return cmd
}

// run runs a command that must end well, and gives what it printed.
func (h *home) run(stdin string, args ...string) (string, error) {
	h.typed++
	cmd := h.command(args...)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// credentials runs a command that prints the key id it was given, which must be a temporary one.
func (h *home) credentials(args []string) error {
	out, err := h.run("", args...)
	if err == nil && !strings.Contains(out, "ASIA") {
		err = fmt.Errorf("%s gave no temporary credentials: %q", strings.Join(args, " "), out)
	}
	return err
}

// files are AWS's files below a home with what is in them: what the user would have to look after.
func (h *home) files() map[string][sha256.Size]byte {
	all := map[string][sha256.Size]byte{}
	_ = filepath.WalkDir(filepath.Join(h.dir, ".aws"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if data, err := os.ReadFile(path); err == nil {
				all[path] = sha256.Sum256(data)
			}
		}
		return nil
	})
	return all
}

// changed counts the files that are others than before.
func (h *home) changed(before map[string][sha256.Size]byte) int {
	n := 0
	for path, sum := range h.files() {
		if old, ok := before[path]; !ok || old != sum {
			n++
		}
	}
	return n
}

// median is that of some times.
func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}

// splice writes the table into a document between its marks.
func splice(path, table string) error {
	const begin, end = "<!-- The table up to the next mark is written by \"make beside\". -->\n", "<!-- End of what \"make beside\" writes. -->\n"
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(data), begin)
	_, tail, found := strings.Cut(rest, end)
	if !ok || !found {
		return fmt.Errorf("%s has no marks", path)
	}
	return os.WriteFile(path, []byte(head+begin+"\n"+table+"\n"+end+tail), 0o644)
}
