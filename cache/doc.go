// Package cache keeps tokens on disk, decides when one is to be refreshed, and sees to it
// that of all processes that want the same one only one asks for it.
//
// A [Cache] is a directory. A [Key] names a token by every input that changes whose it is or
// what it may do. [Cache.Get] is the whole protocol: read without a lock, refresh under a
// lock, share the answer or the failure with everybody who waited.
//
// It is safe for any number of processes and goroutines on one machine and a local file
// system. On a network file system without working locks it may ask more than once; it
// never mixes tokens up. Records are protected by the directory (0700, ours) and by a
// checksum against damage; every process of the same user can read them, as with
// ~/.aws/cli/cache.
package cache
