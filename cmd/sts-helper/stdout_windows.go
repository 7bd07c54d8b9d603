package main

import "os"

func open(f *os.File) bool {
	_, err := f.Stat()
	return err == nil
}
