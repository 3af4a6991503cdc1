//! One machine, one SQLite file: queue, store, sockets and HTTP server.
