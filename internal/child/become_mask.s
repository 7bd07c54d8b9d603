// A file of assembly lets a function without a body be declared: see become_mask.go.
