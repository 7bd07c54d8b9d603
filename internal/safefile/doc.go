// Package safefile reads and writes the files that this program trusts, under one set of
// rules and in one wording.
//
// A private directory or file is one that no other user can read, change or replace. A
// trusted one may be read by all, but only its owner, who is this user or root, can change
// it. Any other file is read for its content only, within a bound, and never waited for. On
// Windows the access list says who can, and what is made gets one of its own, into which nothing
// comes from the directory above; the system and the administrators are there what root is
// elsewhere.
//
// Errors do not name the file, since callers say which one it is and what to do about it; a
// [Refusal] is one of this package's own reasons, everything else is the system's.
//
// The package is initialised before those of the AWS SDK, for package direct: it imports
// neither fmt nor strings nor path/filepath nor crypto/rand, except on Windows, where package
// direct does nothing.
package safefile
