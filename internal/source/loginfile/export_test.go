package loginfile

var PendingName = pendingName
