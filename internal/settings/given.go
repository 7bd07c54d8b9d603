package settings

// Given reports whether anything gives a setting, named by its flag, a value: a flag, a
// variable, or the entry of our config file. Errors are those of [Load].
func Given(flags Flags, env Environment, flag string) (bool, error) {
	l := &loader{env: env}
	if err := l.collect(flags); err != nil {
		return false, err
	}
	s, ok := byFlag(flag)
	return ok && l.at(s) != nil, nil
}
