//go:build !linux || otheros

package direct

// programID is "": only Linux has a name for the file that runs, whatever has become of its
// path. Without one there are no notes, and every call goes the ordinary way.
func programID() string { return "" }
