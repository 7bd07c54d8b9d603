package safefile

var (
	CreateTemp = createTemp
	TryAgain   = tryAgain
	PassesOn   = passesOn
)
