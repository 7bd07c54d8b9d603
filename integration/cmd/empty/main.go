// Command empty does nothing: the floor that benchmarks measure the helper against.
package main

func main() {}
