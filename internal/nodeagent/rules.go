package nodeagent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// MaxRules is the size that the file of rules can have, in bytes: that of a ConfigMap.
const MaxRules = 1 << 20

// Rules are which profile each service account gets. What is not in them gets nothing.
type Rules struct {
	profiles map[account]string
}

type account struct{ namespace, name string }

// ParseRules reads rules: lines of NAMESPACE/SERVICEACCOUNT, blanks, and the name of a profile, which may have blanks
// inside. Empty lines, and those that begin with #, mean nothing; without any other, no pod gets anything. There are no
// patterns: a namespace that is made tomorrow has no credentials until it is given some. An error begins with the number of its line.
func ParseRules(text string) (*Rules, error) {
	r := &Rules{profiles: map[account]string{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			return nil, fmt.Errorf("%d: want NAMESPACE/SERVICEACCOUNT and a profile, as in: shop/web web", n)
		}
		who, profile := line[:end], strings.TrimSpace(line[end:])
		namespace, name, ok := strings.Cut(who, "/")
		switch {
		case !ok:
			return nil, fmt.Errorf("%d: want NAMESPACE/SERVICEACCOUNT, not %s", n, display.Quote(who))
		case !validName(namespace, 63, ""):
			return nil, fmt.Errorf("%d: %s is no name of a namespace", n, display.Quote(namespace))
		case !validName(name, 253, "."):
			return nil, fmt.Errorf("%d: %s is no name of a service account", n, display.Quote(name))
		}
		a := account{namespace, name}
		if _, twice := r.profiles[a]; twice {
			return nil, fmt.Errorf("%d: %s is named twice", n, who)
		}
		r.profiles[a] = profile
	}
	return r, nil
}

// validName reports whether s can be a name in Kubernetes (RFC 1123, lower case; "." where it is in more).
func validName(s string, limit int, more string) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && !strings.ContainsRune(more, c)
	}) && strings.Trim(s, "-.") == s
}

// Profiles are the names of all profiles in the rules, sorted.
func (r *Rules) Profiles() []string {
	var all []string
	for _, p := range r.profiles {
		all = append(all, p)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
