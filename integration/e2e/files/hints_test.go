package files_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// What a message says to write is right once it is written: the profile is read, its device counts, and the
// AWS CLI can still read the file. It reads nothing of a file in which two headers are the same.
func TestHintsAreRight(t *testing.T) {
	t.Parallel()
	const other = "[profile other]\nregion = eu-west-3\n"
	for _, tt := range []struct{ config, credentials, name string }{
		{"[base]" + device, base, "base"},
		{other + "[Profile base]" + device, base, "base"},
		{"[profile base" + device + other, base, "base"},
		{"[profile \"base]" + device, base, "base"},
		{"[profile base]\noutput = json\n" + other + "[base]" + device, base, "base"},
		{"[base]" + device + "[profile base]\noutput = json\n", base, "base"},
		{"[profile 'base']\noutput = json\n[profile base] x" + device, base, "base"},
		{"[profile base]\noutput = json\n[Profile base]" + device, base, "base"},
		{"[profile Base]" + device, base, "base"},
		{"[\"default\"]" + device, strings.Replace(base, "base", "default", 1), "default"},
		{"[DEFAULT]" + device, strings.Replace(base, "base", "default", 1), "default"},
		{"[default]\noutput = json\n[DEFAULT]" + device, strings.Replace(base, "base", "default", 1), "default"},
		{"[Foo Bar]" + device, strings.Replace(base, "base", "Foo Bar", 1), "Foo Bar"},
		{"[O'B\"x]" + device, strings.Replace(base, "base", "O'B\"x", 1), "O'B\"x"},
		{"[profile base]" + device, strings.Replace(base, "[base]", "[profile base]", 1), "base"},
		{"[profile base]" + device, "[base]\noutput = json\n" + strings.Replace(base, "[base]", "[\"base\"]", 1), "base"},
		{"[profile base]" + device, strings.Replace(base, "[base]", "[BASE]", 1), "base"},
	} {
		t.Run(tt.config+tt.credentials, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			files := map[string]string{"config": w.fill(tt.config), "credentials": w.fill(tt.credentials)}
			for round := 0; ; round++ {
				for name, text := range files {
					harness.Must(t, w.Write(".aws/"+name, text))
				}
				r := w.Run(t, "--source-profile", tt.name, "--mfa-code", w.device.Code(w.STS.Now()))
				if r.Code == 0 && round > 0 {
					break
				}
				if r.Code != harness.ExitConfig || round > 2 {
					t.Fatalf("round %d: exit %d: %s", round, r.Code, r.Stderr)
				}
				follow(t, files, r.Stderr)
			}
			if q := w.LastRequest(t, "GetSessionToken"); !q.MFA {
				t.Errorf("without the device: %+v", q)
			}
			for name, text := range files {
				seen := map[string]bool{}
				for _, header := range regexp.MustCompile(`(?m)^\[.+\]`).FindAllString(text, -1) {
					if seen[header] {
						t.Errorf("%s has %s twice:\n%s", name, header, text)
					}
					seen[header] = true
				}
			}
		})
	}
}

var (
	at    = regexp.MustCompile(`\.aws/(config|credentials):(\d+): `)
	write = regexp.MustCompile(`; write (\[.*\])\n$`)
	move  = regexp.MustCompile(`; move what is below it to (\[.*\]) in line (\d+), and delete it\n$`)
)

// follow does to the files what a message says.
func follow(t *testing.T, files map[string]string, message string) {
	t.Helper()
	place := at.FindStringSubmatch(message)
	if place == nil {
		t.Fatalf("no place in %q", message)
	}
	lines := strings.Split(files[place[1]], "\n")
	n, err := strconv.Atoi(place[2])
	harness.Must(t, err)
	n--
	if m := write.FindStringSubmatch(message); m != nil {
		lines[n] = m[1]
	} else if m := move.FindStringSubmatch(message); m != nil {
		to, err := strconv.Atoi(m[2])
		harness.Must(t, err)
		end := n + 1
		for end < len(lines) && !strings.HasPrefix(lines[end], "[") {
			end++
		}
		below := append([]string{}, lines[n+1:end]...)
		rest := append(append([]string{}, lines[:n]...), lines[end:]...)
		if to--; to > n {
			to -= end - n
		}
		lines = append(append(append([]string{}, rest[:to+1]...), below...), rest[to+1:]...)
	} else {
		t.Fatalf("no hint in %q", message)
	}
	files[place[1]] = strings.Join(lines, "\n")
}
