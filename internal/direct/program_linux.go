//go:build !otheros

package direct

import "unsafe"

// programID is the build id of the running program, which the linker makes of everything that
// went into it and puts into a note (the ".note.go.buildid" of cmd/link; cmd/internal/buildid
// finds it in the same way). It is read where the kernel put it, in the memory of this process: the
// file may have another name or none by now, and to read its first page takes longer than anything
// else that an answer needs. It is "" where the program was linked without one, with -buildid= say.
func programID() string {
	var headers *programHeader
	var count uintptr
	vector := auxv()
	for i := 0; i+1 < len(vector); i += 2 {
		switch vector[i] {
		case atProgramHeaders:
			headers = *(**programHeader)(unsafe.Pointer(&vector[i+1]))
		case atProgramHeaderCount:
			count = vector[i+1]
		}
	}
	if headers == nil {
		return ""
	}
	all := unsafe.Slice(headers, count)
	var moved uintptr // how far from where it was linked for; only a position-independent program is
	for _, h := range all {
		if h.kind == headersThemselves {
			moved = uintptr(unsafe.Pointer(headers)) - h.address
		}
	}
	for _, h := range all {
		if h.kind != headerOfNotes {
			continue
		}
		at := h.address + moved
		if id := buildID(unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), h.size)); id != nil {
			return string(id)
		}
	}
	return ""
}

// auxv is what the kernel told this process at its start, in pairs of a tag and a value
// (getauxval(3)). The runtime keeps it, and this way to it for golang.org/x/sys/unix, whose own
// [unix.Auxv] comes with packages that are initialised late.
//
//go:linkname auxv runtime.getAuxv
func auxv() []uintptr

// Tags of auxv, and kinds of program headers (elf(5)).
const (
	atProgramHeaders     = 3 // AT_PHDR
	atProgramHeaderCount = 5 // AT_PHNUM
	headerOfNotes        = 4 // PT_NOTE
	headersThemselves    = 6 // PT_PHDR
)

// buildID finds it among notes: each is the lengths of its name and of its content, a type, the name, the
// content, both filled up to a multiple of four bytes.
func buildID(notes []byte) []byte {
	const name, kind = "Go\x00\x00", 4
	for len(notes) >= 12 {
		nameSize, size, itsKind := uint64(word(notes)), uint64(word(notes[4:])), word(notes[8:])
		notes = notes[12:]
		filled := (nameSize + 3) &^ 3
		end := filled + (size+3)&^3
		if end > uint64(len(notes)) {
			return nil
		}
		if itsKind == kind && string(notes[:nameSize]) == name {
			return notes[filled:][:size]
		}
		notes = notes[end:]
	}
	return nil
}

// word is the number that b begins with, in the order of this machine.
func word(b []byte) uint32 { return *(*uint32)(unsafe.Pointer(&b[:4][0])) }
