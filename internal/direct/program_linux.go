package direct

import "syscall"

// programID is the build id of the running program, which the linker makes of everything that
// went into it and puts into a note in the first page of the file (the ".note.go.buildid" of
// cmd/link; cmd/internal/buildid reads it in the same way). The file behind /proc/self/exe is
// the one that runs, whatever its name means by now. It is "" where the program was linked
// without one, with -buildid= say.
func programID() string {
	fd, err := syscall.Open("/proc/self/exe", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = syscall.Close(fd) }()
	page := memory.file[:4<<10]
	n, err := syscall.Read(fd, page)
	if err != nil {
		return ""
	}
	return string(buildID(page[:n]))
}

// buildID finds the note: the lengths of name and content, the type 4, the name, the content. On a
// big-endian machine it is not found.
func buildID(page []byte) []byte {
	const note = "\x04\x00\x00\x00Go\x00\x00"
	for at := 4; at+len(note) <= len(page); at += 4 { // notes begin at multiples of 4
		if page[at+4] != 'G' || string(page[at:at+len(note)]) != note {
			continue
		}
		length, id := page[at-4:at], page[at+len(note):]
		size := int(length[0]) | int(length[1])<<8
		if length[2] != 0 || length[3] != 0 || size > len(id) {
			return nil
		}
		return id[:size]
	}
	return nil
}
