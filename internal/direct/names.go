package direct

import (
	"os"

	"github.com/sts-helper/sts-helper/internal/record"
)

// NamesVariable stands for the names of all variables that begin with STS_HELPER_. As a variable of a note
// it makes one that appears later, a misspelt one say, be looked at by the ordinary way.
const NamesVariable = "STS_HELPER_*"

// BootVariable stands for the name of the machine's boot. As a variable of a note it keeps an answer that is about
// one machine from another one that has the cache, too.
const BootVariable = "boot*"

// Names are the names of the variables of this process that begin with STS_HELPER_ and have a value, with
// blanks between them.
func Names() string {
	const prefix = "STS_HELPER_"
	var names []byte
	for _, kv := range os.Environ() {
		if !hasPrefix(kv, prefix) {
			continue
		}
		for i := range len(kv) - 1 {
			if kv[i] == '=' {
				names = append(append(names, kv[:i]...), ' ')
				break
			}
		}
	}
	return string(names)
}

// getenv is a variable as notes have it.
func getenv(name string) string {
	switch name {
	case NamesVariable:
		return Names()
	case BootVariable:
		_, id := record.BootClock()
		return id
	}
	return os.Getenv(name)
}
