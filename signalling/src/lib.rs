//! The LiveKit-compatible signalling protocol
