package safefile

var CreateTemp = createTemp
