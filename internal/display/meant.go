package display

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// DidYouMean is the hint for a name that does not exist, `did you mean "region"?`; "" where none of the
// candidates is near. Upper and lower case are the same to it.
func DidYouMean(want string, candidates []string) string {
	const longest = 256 // the distance takes time by the product of both lengths
	if len(want) > longest {
		return ""
	}
	best, name := max(1, min(4, len(want)/3))+1, ""
	for _, c := range candidates {
		if len(c) > longest || c == "" {
			continue
		}
		w := strings.ToLower(want)
		d := levenshtein.ComputeDistance(w, strings.ToLower(c))
		if d == 2 && swapped(w, strings.ToLower(c)) {
			d = 1
		}
		if d < best {
			best, name = d, c
		}
	}
	if name == "" {
		return ""
	}
	return "did you mean " + Quote(name) + "?"
}

// swapped reports whether two neighbouring letters of a are exchanged in b, which is one slip of the fingers.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i+1 < len(a); i++ {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}
