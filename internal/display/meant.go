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
		if d := levenshtein.ComputeDistance(strings.ToLower(want), strings.ToLower(c)); d < best {
			best, name = d, c
		}
	}
	if name == "" {
		return ""
	}
	return "did you mean " + Quote(name) + "?"
}
