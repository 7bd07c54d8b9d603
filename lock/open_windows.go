package lock

// Windows has no flag against links here; the directory's own protection stands in.
const openFlags = 0
