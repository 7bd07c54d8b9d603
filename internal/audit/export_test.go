package audit

// SetMaxSize lets a test have small files, until the function it gives is called.
func SetMaxSize(n int64) (undo func()) {
	before := maxSize
	maxSize = n
	return func() { maxSize = before }
}

// Stuck reports whether a line waits in vain for the lock of the log.
func Stuck(file string) bool {
	q, ok := queues.Load(file + ".lock")
	return ok && q.(*queue).stuck.Load()
}
