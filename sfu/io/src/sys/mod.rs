//! The system calls that `std` does not have. The only `unsafe` of the server: each function here is safe to call with
//! any arguments, and holds no policy.
#![allow(unsafe_code)]

mod address;
mod datagrams;
mod poll;
mod system;

pub(crate) use datagrams::{Message, MessageBatch, ReceiveBuffers, SEND_BATCH_MAX};
pub(crate) use poll::{Bell, Interest, PollEvents, Poller, wait_writable};
pub(crate) use system::{
    allowed_cpus, enable_receive_offload, grow_buffers, interface_addresses, let_routers_fragment,
    limit_unsent, pin_to, shrink_send_buffer, thread_cpu_time,
};
