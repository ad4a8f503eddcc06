//! Sockets, clock and worker threads of the media server
