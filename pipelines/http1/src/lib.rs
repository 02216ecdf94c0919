//! HTTP/1.1 transport: hyper server and sans-I/O client half.
