//! WebSocket transport: tungstenite server and sans-I/O client half.
