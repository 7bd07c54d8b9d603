// Package record is the file of a cached token, and everything that decides whether the token
// in it may still be handed out: the form of the document, freshness by the wall clock and the
// boot clock, the refresh policy, and where the files are. Package envelope adds the checksum.
//
// Package cache reads and writes records with it; package direct answers a repeated question
// from one before the packages of crypto and of the AWS SDK are initialised. So it imports next
// to nothing: no encoding/json, no fmt, no strings. That is also why a record has plain fields
// instead of a token.Token.
package record
