package direct

// checkLimits does nothing: Windows has no limit of open files that a process could be short of.
func checkLimits() {}
