package audit

// SetMaxSize lets a test have small files, until the function it gives is called.
func SetMaxSize(n int64) (undo func()) {
	before := maxSize
	maxSize = n
	return func() { maxSize = before }
}
