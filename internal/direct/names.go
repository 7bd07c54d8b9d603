package direct

import "os"

// NamesVariable stands for the names of all variables that begin with STS_HELPER_. As a variable of a note
// it makes one that appears later, a misspelt one say, be looked at by the ordinary way.
const NamesVariable = "STS_HELPER_*"

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
	if name == NamesVariable {
		return Names()
	}
	return os.Getenv(name)
}
