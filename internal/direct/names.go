package direct

import (
	"os"
	"strings"
)

// NamesVariable stands for the names of all variables that begin with STS_HELPER_. As a variable of a note
// it makes one that appears later, a misspelt one say, be looked at by the ordinary way.
const NamesVariable = "STS_HELPER_*"

// Names are the names of the variables of this process that begin with STS_HELPER_ and have a value, with
// blanks between them.
func Names() string {
	var names strings.Builder
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "STS_HELPER_") {
			if name, value, _ := strings.Cut(kv, "="); value != "" {
				names.WriteString(name)
				names.WriteByte(' ')
			}
		}
	}
	return names.String()
}

// getenv is a variable as notes have it.
func getenv(name string) string {
	if name == NamesVariable {
		return Names()
	}
	return os.Getenv(name)
}
