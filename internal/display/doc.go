// Package display makes text for a user of a terminal: what other programs, files and services
// wrote, made safe and short, quoted for reading or for a shell, durations, causes of errors, and
// the name that was probably meant.
//
// It depends on the standard library's smallest packages only, since every call links it.
package display
