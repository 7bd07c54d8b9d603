//go:build otheros

package harness

const systemTags = ",otheros"
