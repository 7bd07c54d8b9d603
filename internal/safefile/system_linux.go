//go:build !otheros

package safefile

import "os"

// inUserNamespace reports whether this process is in another user namespace than the machine's own.
func inUserNamespace() bool {
	f, err := os.Open("/proc/self/uid_map")
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	var line [64]byte
	n, _ := f.Read(line[:])
	return !isInitial(string(line[:n]))
}

// isInitial reports whether a uid_map is that of the machine's own namespace: all users are themselves.
func isInitial(uidMap string) bool {
	var words []string
	for start, i := -1, 0; i <= len(uidMap); i++ {
		blank := i == len(uidMap) || uidMap[i] == ' ' || uidMap[i] == '\n'
		if !blank && start < 0 {
			start = i
		} else if blank && start >= 0 {
			words, start = append(words, uidMap[start:i]), -1
		}
	}
	return len(words) == 3 && words[0] == "0" && words[1] == "0" && words[2] == "4294967295"
}
