//go:build linux && (386 || arm || mips || mipsle)

package direct

// programHeader is Elf32_Phdr of elf(5).
type programHeader struct {
	kind    uint32
	_       uint32
	address uintptr
	_       uint32
	size    uintptr // in the file
	_, _, _ uint32
}
