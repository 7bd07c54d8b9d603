package lock

// Windows has no flag against links here; the directory's own protection takes its place.
const openFlags = 0
