"""Reading from a streaming replica, where that shows nothing that its reader must not see."""
