package render

// Removed are the names and prefixes of [Clean].
func Removed() (names []string) {
	for _, o := range others {
		names = append(names, o.name)
	}
	return names
}
