"""The process: sockets, HTTP protocol, middleware, workers."""
