// Package direct answers a question that was answered before, before the rest of the program
// exists.
//
// Most of the time of a call that finds its token goes into initialising the packages that
// are linked into the program, those of the AWS SDK above all. A compiler's cache knows the
// way out: note what a run depended on, and when the same line is run again and none of it
// has changed, give the same answer. Here the answer is the name of a record of the cache,
// and what it depends on is the program itself, its arguments, the variables and the files
// that package settings looked at, and the working directory where a relative name was used.
// The record's file must be the one whose checksum and inputs were verified when the note was made, and
// the record is judged anew by both clocks; what is in any doubt is left to the ordinary way, which
// knows the reasons and the words. So the first call after a refresh by another process goes there, too.
//
// "status --short" is answered from the same record with how long it lasts. Of the lock of the record it
// depends on what its file says: who begins to ask the user for the next record writes that there, and
// the line says so then.
//
// Every ordinary answer leaves a note where there is none that says the same. Files are
// compared by what is in them, read anew each time, since there is no telling from a file's
// size and times whether it has changed: an image can be replaced by another with the same
// ones, and a network file system answers from memory. The program is known by the linker's
// build id, which is part of the note's name, so that two versions can be used in turn.
//
// Notes are kept beside the records of the default cache, also for records that the settings
// keep elsewhere: it is the one place that is known before the settings are read. Where there
// is none, or where the program has no build id, every call goes the ordinary way.
//
// It works because Go initialises packages in the order of their paths as soon as what they
// import is ready: this one imports little, so its turn comes before that of net/http and
// with it of the SDK. It does without strings, bytes and crypto/sha256, too: those wait for unicode, and
// all of crypto comes before "github.com". Nothing breaks where that is not so; it is only slower.
//
// What is noted holds no secret: of variables and files it holds hashes, see sum.
package direct
