package safefile

// RepairVolume does nothing: no Kubernetes gives a group access to a volume there.
func RepairVolume(string) int { return 0 }
