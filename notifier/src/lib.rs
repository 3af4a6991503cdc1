//! Tell live sockets what was committed.
